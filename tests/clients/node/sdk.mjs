// SPDX-License-Identifier: Apache-2.0
// The unmodified SDK from where the test command put it, and what holds for every stream.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const sdk = await import(pathToFileURL(`${process.env.NODE_MODULES}/openai/index.mjs`));
export const OpenAI = sdk.default;

export const PLACE = '/v1/projects/my-project/locations/us-central1/endpoints/openapi';
export const FLASH = 'google/gemini-2.0-flash-001';
export const SKY = [{ role: 'user', content: 'Why is the sky blue?' }];

export function connect(place = PLACE, options = {}) {
    return new OpenAI({ baseURL: process.env.BASE_URL + place, apiKey: 'anything', maxRetries: 0, timeout: 20000, ...options });
}

/** The invariants of support_py/chunks.py, said again for this SDK's chunks; returns texts, finishes, usage, pieces. */
export function checkChunks(chunks, model, n = 1, usage = false) {
    for (const key of ['id', 'created', 'model', 'object']) {
        assert.equal(new Set(chunks.map((chunk) => chunk[key])).size, 1, key);
    }
    assert.equal(chunks[0].object, 'chat.completion.chunk');
    assert.equal(chunks[0].model, model);

    const told = chunks.filter((chunk) => chunk.usage);
    assert.deepEqual(told, usage ? chunks.slice(-1) : []);
    if (usage) {
        assert.deepEqual(told[0].choices, []);
        assert.equal(told[0].usage.prompt_tokens + told[0].usage.completion_tokens, told[0].usage.total_tokens);
    }

    const texts = Array(n).fill(''), finishes = Array(n).fill(null), roles = Array(n).fill(0);
    const spoken = usage ? chunks.slice(0, -1) : chunks;
    for (const choice of spoken.flatMap((chunk) => chunk.choices)) {
        assert.equal(finishes[choice.index], null, 'something after finish_reason');
        if (choice.delta.role) roles[choice.index] += 1;
        texts[choice.index] += choice.delta.content ?? '';
        finishes[choice.index] = choice.finish_reason ?? null;
    }
    assert.deepEqual(roles, Array(n).fill(1));
    assert.ok(finishes.every((finish) => finish !== null));
    return { texts, finishes, usage: told[0]?.usage, pieces: spoken.length };
}
