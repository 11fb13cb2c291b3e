// SPDX-License-Identifier: Apache-2.0
// Errors, as openai-node's own classes show them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, FLASH, OpenAI, SKY } from './sdk.mjs';

const client = connect();

async function refused(kind, call, expected) {
    const error = await call().then(() => assert.fail('it was not refused'), (reason) => reason);
    assert.equal(error.constructor, kind, String(error));
    assert.ok(error.message && error.type && error.requestID);
    for (const [key, value] of Object.entries(expected)) assert.equal(error[key], value, `${key} of ${error}`);
}

for (const stream of [false, true]) {
    test(`bad members, stream: ${stream}`, async () => {
        for (const [members, param, code] of [
            [{ temperature: 5 }, 'temperature', 'invalid_value'],
            [{ temperature: 'hot' }, 'temperature', 'invalid_type'],
            [{ messages: [{ role: 'wizard', content: 'hi' }] }, 'messages[0].role', 'invalid_value'],
            [{ model: undefined }, 'model', 'missing_required_parameter'],
        ]) {
            await refused(OpenAI.BadRequestError,
                () => client.chat.completions.create({ model: FLASH, messages: SKY, stream, ...members }),
                { status: 400, type: 'invalid_request_error', param, code });
        }
    });
}

test('not found', async () => {
    await refused(OpenAI.NotFoundError, () => client.chat.completions.create({ model: 'google/gemini-none', messages: SKY }),
        { status: 404, code: 'model_not_found' });
    await refused(OpenAI.NotFoundError, () => client.responses.create({ model: FLASH, input: 'hi' }),
        { status: 404, code: 'unsupported_endpoint' });
    await refused(OpenAI.NotFoundError, () => client.embeddings.create({ model: FLASH, input: 'hi' }),
        { status: 404, code: 'unsupported_endpoint' });
    await refused(OpenAI.NotFoundError, () => connect('/v2').chat.completions.create({ model: FLASH, messages: SKY }),
        { status: 404, code: 'unknown_url' });
});

test('wrong content type', async () => {
    const headers = { 'content-type': 'text/plain' };
    await refused(OpenAI.APIError, () => client.chat.completions.create({ model: FLASH, messages: SKY }, { headers }),
        { status: 415, code: 'unsupported_media_type' });
});
