// SPDX-License-Identifier: Apache-2.0
// @google/genai, unmodified, in all its modes: the Gemini API (v1, its default, and v1beta), Vertex AI with credentials, and with
// an express key.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

const require = createRequire(`${process.env.NODE_MODULES}/@google/genai/package.json`);
const { GoogleGenAI, Type, ApiError } = require('@google/genai');
const { OAuth2Client } = require('google-auth-library');

const MODEL = 'gemini-3.8-flash', SKY = 'Why is the sky blue?';
const PNG = Buffer.from('89504e470d0a1a0a0000000d4948445200000003000000020806000000', 'hex').toString('base64');

function person() {
    const client = new OAuth2Client();
    client.setCredentials({ access_token: 'token' });
    return client;
}

const MODES = {
    'gemini-v1': { apiKey: 'k' },
    'gemini-v1beta': { apiKey: 'k', apiVersion: 'v1beta' },
    vertex: { vertexai: true, project: 'p', location: 'us-central1', googleAuthOptions: { authClient: person() } },
    express: { vertexai: true, apiKey: 'k' },
};

function connect(mode, headers = {}) {
    return new GoogleGenAI({ ...MODES[mode], httpOptions: { baseUrl: process.env.BASE_URL, headers } });
}

async function all(stream) {
    const pieces = [];
    for await (const piece of stream) pieces.push(piece);
    return pieces;
}

const textOf = (pieces) => pieces.map((piece) => piece.text ?? '').join('');

for (const mode of Object.keys(MODES)) {
    const ai = connect(mode);
    const ask = (contents, config, model = MODEL) => ai.models.generateContent({ model, contents, config });

    test(`${mode}: text, whole and streamed`, async () => {
        const whole = await ask(SKY);
        assert.match(whole.text, /Rayleigh/);
        assert.equal(whole.candidates[0].finishReason, 'STOP');
        const pieces = await all(await ai.models.generateContentStream({ model: MODEL, contents: SKY }));
        assert.ok(pieces.length > 3);
        assert.equal(textOf(pieces), whole.text);
    });

    test(`${mode}: chats`, async () => {
        const chat = ai.chats.create({ model: MODEL, config: { systemInstruction: 'Be kind.' } });
        assert.match((await chat.sendMessage({ message: 'Hello!' })).text, /How can I help/);
        assert.ok(textOf(await all(await chat.sendMessageStream({ message: SKY }))));
        assert.match((await chat.sendMessage({ message: 'What did I ask?' })).text, /This request has \d+ turns/);
    });

    test(`${mode}: functions, called by hand and automatically`, async () => {
        const declaration = {
            name: 'get_weather', description: 'The weather of a place',
            parameters: { type: Type.OBJECT, properties: { location: { type: Type.STRING } }, required: ['location'] },
        };
        const config = { tools: [{ functionDeclarations: [declaration] }] };
        const asked = { role: 'user', parts: [{ text: 'What is the weather in Boston?' }] };
        const first = await ask([asked], config);
        assert.deepEqual(first.functionCalls.map((call) => [call.name, call.args.location]), [['get_weather', 'Boston']]);
        const result = { role: 'user', parts: [{ functionResponse: { name: 'get_weather', response: { sky: 'purple' } } }] };
        assert.match((await ask([asked, first.candidates[0].content, result], config)).text, /purple/);

        const tool = {
            tool: async () => ({ functionDeclarations: [declaration] }),
            callTool: async (calls) => calls.map((call) => ({ functionResponse: { name: call.name, id: call.id, response: { sky: 'green' } } })),
        };
        assert.match((await ask('What is the weather in Boston?', { tools: [tool] })).text, /green/);
    });

    test(`${mode}: JSON, thoughts, images`, async () => {
        const responseSchema = { type: Type.OBJECT, properties: { name: { type: Type.STRING } }, required: ['name'] };
        const object = JSON.parse((await ask('A name', { responseMimeType: 'application/json', responseSchema })).text);
        assert.deepEqual(Object.keys(object), ['name']);
        const thought = await ask(SKY, { thinkingConfig: { includeThoughts: true } });
        assert.deepEqual(thought.candidates[0].content.parts.map((part) => Boolean(part.thought)), [true, false]);
        const seen = await ask([{ inlineData: { mimeType: 'image/png', data: PNG } }, { text: 'What is it?' }]);
        assert.match(seen.text, /image\/png/);
        const made = await ask('A cat', { responseModalities: ['IMAGE'] }, 'gemini-2.5-flash-image');
        assert.match(made.data, /^iVBORw0KGgo/);
    });

    test(`${mode}: tokens and models`, async () => {
        const { totalTokens } = await ai.models.countTokens({ model: MODEL, contents: SKY });
        assert.equal(totalTokens, (await ask(SKY)).usageMetadata.promptTokenCount);
        const names = (await all(await ai.models.list({ config: { pageSize: 5 } }))).map((model) => model.name);
        const own = mode.startsWith('gemini') ? `models/${MODEL}` : `publishers/google/models/${MODEL}`;
        assert.ok(names.includes(own) && names.length > 10, names.join());
        assert.equal((await ai.models.get({ model: MODEL })).name, own);
    });

    test(`${mode}: errors`, async () => {
        const is = (status, word) => (error) => error instanceof ApiError && error.status === status && error.message.includes(word);
        await assert.rejects(ask('Hi', {}, 'gemini-9-none'), is(404, 'NOT_FOUND'));
        await assert.rejects(ask('Hi', { temperature: 3 }, 'gemini-2.5-flash'), is(400, 'temperature'));
        await assert.rejects(ai.models.embedContent({ model: 'gemini-embedding-001', contents: 'Hi' }), is(501, 'UNIMPLEMENTED'));
        const busy = connect(mode, { 'x-dragoman-fault': '503' });
        await assert.rejects(busy.models.generateContent({ model: MODEL, contents: 'Hi' }), is(503, 'UNAVAILABLE'));
        const blocked = connect(mode, { 'x-dragoman-emulate': 'blocked:SAFETY' });
        assert.equal((await blocked.models.generateContent({ model: MODEL, contents: 'Hi' })).promptFeedback.blockReason, 'SAFETY');
    });
}
