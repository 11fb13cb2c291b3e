// SPDX-License-Identifier: Apache-2.0
// Whole answers, as openai-node gives them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, FLASH, SKY } from './sdk.mjs';

const client = connect();
const ask = (members = {}) => client.chat.completions.create({ model: FLASH, messages: SKY, ...members });

test('an answer', async () => {
    const whole = await ask();
    assert.equal(whole.object, 'chat.completion');
    assert.equal(whole.model, FLASH);
    assert.equal(whole.choices.length, 1);
    assert.equal(whole.choices[0].finish_reason, 'stop');
    assert.equal(whole.choices[0].message.role, 'assistant');
    assert.match(whole.choices[0].message.content, /sky/i);
    assert.equal(whole.usage.prompt_tokens + whole.usage.completion_tokens, whole.usage.total_tokens);
});

test('candidates, length, stop', async () => {
    const two = await ask({ n: 2 });
    assert.deepEqual(two.choices.map((choice) => choice.index), [0, 1]);
    assert.equal((await ask({ max_tokens: 5 })).choices[0].finish_reason, 'length');
    const text = (await ask()).choices[0].message.content;
    const word = text.split(' ')[6];
    assert.equal((await ask({ stop: word })).choices[0].message.content, text.slice(0, text.indexOf(word)));
});

test('JSON mode', async () => {
    const whole = await ask({ response_format: { type: 'json_object' } });
    assert.equal(typeof JSON.parse(whole.choices[0].message.content), 'object');
});

test('request ids and raw headers', async () => {
    assert.ok((await ask({ max_tokens: 1 }))._request_id);
    const { data, response, request_id } = await ask({ user: 'u', max_tokens: 1 }).withResponse();
    assert.equal(response.headers.get('x-dragoman-ignored'), 'user');
    assert.equal(response.headers.get('x-dragoman-upstream'), 'emulator');
    assert.equal(request_id, data._request_id);
});

test('many at once on few connections', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) =>
        ask({ messages: [{ role: 'user', content: `What is ${i}?` }] })));
    answers.forEach((whole, i) => assert.ok(whole.choices[0].message.content.includes(String(i))));
});

test('from the environment', async () => {
    process.env.OPENAI_BASE_URL = `${process.env.BASE_URL}/v1`;
    process.env.OPENAI_API_KEY = 'anything';
    const { OpenAI } = await import('./sdk.mjs');
    const whole = await new OpenAI().chat.completions.create({ model: FLASH, messages: SKY });
    assert.match(whole.choices[0].message.content, /sky/i);
});

test('models', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes('google/gemini-2.5-flash'));
    assert.equal((await client.models.retrieve(FLASH)).id, FLASH);
});
