// SPDX-License-Identifier: Apache-2.0
// Streams, as openai-node gives them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkChunks, connect, FLASH, SKY } from './sdk.mjs';

const client = connect();

async function stream(members = {}) {
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ model: FLASH, messages: SKY, stream: true, ...members })) {
        chunks.push(chunk);
    }
    return checkChunks(chunks, FLASH, members.n ?? 1, members.stream_options?.include_usage ?? false);
}

test('a stream is what the whole answer is', async () => {
    for (const members of [{}, { n: 2 }, { max_tokens: 5 }, { stop: ['blue'] }]) {
        const streamed = await stream({ ...members, stream_options: { include_usage: true } });
        const whole = await client.chat.completions.create({ model: FLASH, messages: SKY, ...members });
        assert.deepEqual(streamed.texts, whole.choices.map((choice) => choice.message.content));
        assert.deepEqual(streamed.finishes, whole.choices.map((choice) => choice.finish_reason));
        assert.equal(streamed.usage.total_tokens, whole.usage.total_tokens);
    }
});

test('pieces, and usage only when asked', async () => {
    const said = await stream();
    assert.ok(said.pieces > 5);
    assert.equal(said.usage, undefined);
});

test('the stream helper', async () => {
    const helper = client.chat.completions.stream({ model: FLASH, messages: SKY });
    let text = '';
    helper.on('content', (delta) => { text += delta; });
    const final = await helper.finalChatCompletion();
    assert.equal(final.choices[0].message.content, text);
    assert.match(text, /sky/i);
});

test('aborted early, the client goes on', async () => {
    const answer = await client.chat.completions.create({ model: FLASH, messages: SKY, stream: true });
    for await (const chunk of answer) {
        assert.equal(chunk.choices[0].delta.role, 'assistant');
        answer.controller.abort();
        break;
    }
    assert.ok((await stream()).pieces > 5);
});
