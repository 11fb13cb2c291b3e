// SPDX-License-Identifier: Apache-2.0
// What breaks raises in openai-node too, which takes a stream without [DONE] for a good one (user-pain F4): so an event says it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLASH, OpenAI, SKY, connect } from './sdk.mjs';

async function read(fault) {
    const asked = { model: FLASH, messages: SKY, stream: true };
    const chunks = [];
    const stream = await connect().chat.completions.create(asked, { headers: { 'x-dragoman-fault': fault } });
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
}

for (const fault of ['cut-event=2', 'cut-byte=900', 'end-event=2', 'error-event=2', 'tail-event=2']) {
    test(`a stream with ${fault} raises`, async () => {
        await assert.rejects(read(fault), (error) => error instanceof OpenAI.APIError && Boolean(error.message));
    });
}

for (const fault of ['500', '429-retry', '404-html', 'cut-event=0', 'error-event=0']) {
    test(`before a stream ${fault} raises with a status`, async () => {
        await assert.rejects(read(fault), (error) => error instanceof OpenAI.APIError && error.status >= 400 && Boolean(error.code));
    });
}

for (const fault of ['cr; bom; comments; multi-line', 'lf; one-byte', 'big-event', 'no-blank-line']) {
    test(`a stream with ${fault} is the same`, async () => {
        const text = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join('');
        assert.equal(text(await read(fault)), text(await read('one-byte*0')));
    });
}
