// SPDX-License-Identifier: Apache-2.0
// What people write with zod, 3 or 4.
export function schemas(z) {
    const address = z.object({street: z.string().min(1), zip: z.string().regex(/^\d{5}$/)});
    const node = z.object({value: z.number().int(), children: z.lazy(() => z.array(node)).optional()});
    return {
        Weather: z.object({
            city: z.string().describe('Where.'),
            unit: z.enum(['celsius', 'fahrenheit']).default('celsius'),
            days: z.number().int().min(1).max(14).optional(),
        }),
        Person: z.object({
            name: z.string(),
            nick: z.string().nullable(),
            nicks: z.array(z.string().max(8)).min(1).max(3).nullish(),
            age: z.number().positive().lt(150).multipleOf(1),
            home: address,
            work: address.optional(),
            mail: z.string().email(),
            site: z.string().url().optional(),
            id: z.string().uuid(),
            born: z.string().datetime(),
        }).strict(),
        Pets: z.object({
            pet: z.discriminatedUnion('kind', [
                z.object({kind: z.literal('cat'), lives: z.number()}),
                z.object({kind: z.literal('dog'), loud: z.boolean()}),
            ]),
            either: z.union([z.string(), z.number(), z.null()]),
            point: z.tuple([z.number(), z.number()]),
            pair: z.tuple([z.string()]).rest(z.number()),
            byName: z.record(z.string(), z.object({a: z.number()})),
            anything: z.any(),
            unknown: z.unknown(),
            one: z.literal(1),
            both: z.object({a: z.string()}).and(z.object({b: z.number()})),
        }),
        Tree: node,
        Words: z.object({type: z.string(), properties: z.object({items: z.string()}), required: z.boolean(), $ref: z.string()}),
        Loose: z.object({a: z.string()}).passthrough(),
        Empty: z.object({}),
    };
}
