// SPDX-License-Identifier: Apache-2.0
// Prints the schemas of what people write with zod 3, by zod-to-json-schema, as most agents of its time did.
import {z} from 'zod3';
import {zodToJsonSchema} from 'zod-to-json-schema';
import {schemas} from './zod.mjs';

const made = {};
for (const [name, schema] of Object.entries(schemas(z))) {
    made[name] = zodToJsonSchema(schema, {$refStrategy: 'root'});
    made[name + 'OpenAi'] = zodToJsonSchema(schema, {target: 'openAi'});
}
console.log(JSON.stringify(made));
