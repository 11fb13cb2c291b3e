// SPDX-License-Identifier: Apache-2.0
// Prints the schemas of what people write with zod 4, by its own z.toJSONSchema.
import {z} from 'zod';
import {schemas} from './zod.mjs';

const made = {};
for (const [name, schema] of Object.entries(schemas(z)))
    made[name] = z.toJSONSchema(schema, {io: 'input', unrepresentable: 'any'});
made.WeatherDraft7 = z.toJSONSchema(schemas(z).Weather, {target: 'draft-7'});
console.log(JSON.stringify(made));
