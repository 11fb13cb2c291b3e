// SPDX-License-Identifier: Apache-2.0
// What every driver in JavaScript is: cells in on stdin, one JSON line for each on stdout. The judging is done elsewhere.
import fs from 'node:fs';
import { z } from 'zod';

const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
export const BASE_URL = asked.base_url;

/** The schema of the "schema" cells. */
export const Trip = z.object({
    city: z.string(),
    days: z.number().int().min(1).max(14),
    season: z.enum(['spring', 'autumn']),
    stops: z.array(z.object({ name: z.string() })).min(1),
});

/** The arguments of the "tools" cells' tools. */
export const City = z.object({ city: z.string() });

/** The user's message in OpenAI's own form. */
export function content(cell) {
    const text = { type: 'text', text: cell.text };
    if (cell.image) return [text, { type: 'image_url', image_url: { url: `data:image/png;base64,${cell.image}` } }];
    if (cell.audio) return [text, { type: 'input_audio', input_audio: { data: cell.audio, format: 'wav' } }];
    return cell.text;
}

function names(error) {
    const found = [];
    for (let one = error; one && one !== Object.prototype; one = Object.getPrototypeOf(one)) found.push(one.constructor.name);
    return [...new Set([error?.name, ...found])].join(' ');
}

function version(name) {
    return JSON.parse(fs.readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}

const put = (value) => fs.writeSync(1, JSON.stringify(value) + '\n');

/** functions: ask(cell), tools(cell), schema(cell), each returning what the client said. */
export async function drive(functions) {
    put({ versions: Object.fromEntries(asked.packages.map((name) => [name, version(name)])) });
    for (const cell of asked.cells) {
        let said;
        try {
            said = await functions[cell.kind](cell);
        } catch (error) {
            const status = error?.status ?? error?.statusCode ?? error?.lastError?.statusCode;
            said = { raised: names(error), status, message: String(error?.message).slice(0, 1000) };
        }
        put({ cell: cell.cell, stream: cell.stream, ...said });
    }
    process.exit(0); // whatever a client keeps alive
}
