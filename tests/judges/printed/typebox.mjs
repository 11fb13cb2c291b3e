// SPDX-License-Identifier: Apache-2.0
// Prints the schemas of what people write with TypeBox.
import {Type} from '@sinclair/typebox';

const address = Type.Object({street: Type.String({minLength: 1}), zip: Type.String({pattern: '^\\d{5}$'})}, {$id: 'Address'});
console.log(JSON.stringify({
    Weather: Type.Object({city: Type.String({description: 'Where.'}), days: Type.Optional(Type.Integer({minimum: 1, maximum: 14}))}),
    Person: Type.Object({
        name: Type.String(), nick: Type.Union([Type.String(), Type.Null()]), home: address,
        age: Type.Number({exclusiveMinimum: 0, multipleOf: 0.5}), mail: Type.String({format: 'email'}), born: Type.String({format: 'date-time'}),
        level: Type.Enum({LOW: 1, HIGH: 2}), unit: Type.Union([Type.Literal('c'), Type.Literal('f')]), tags: Type.Array(Type.String(), {uniqueItems: true, maxItems: 3}),
    }, {additionalProperties: false}),
    Pets: Type.Object({
        pet: Type.Union([Type.Object({kind: Type.Literal('cat')}), Type.Object({kind: Type.Literal('dog'), loud: Type.Boolean()})]),
        point: Type.Tuple([Type.Number(), Type.Number()]), byName: Type.Record(Type.String(), Type.Integer()),
        both: Type.Intersect([Type.Object({a: Type.String()}), Type.Object({b: Type.Number()})]),
        not: Type.Not(Type.String()), any: Type.Any(), unknown: Type.Unknown(), never: Type.Optional(Type.Never()),
    }),
    Words: Type.Object({type: Type.String(), properties: Type.Object({items: Type.String()}), required: Type.Boolean(), $ref: Type.String()}),
    Composite: Type.Composite([Type.Object({a: Type.String()}), Type.Object({b: Type.Optional(Type.Null())})]),
    Partial: Type.Partial(address),
    Empty: Type.Object({}),
}));
