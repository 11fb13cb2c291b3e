// SPDX-License-Identifier: Apache-2.0
// AI SDK with its provider for OpenAI-compatible servers: generateText, streamText, generateObject, streamObject.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, isStepCount, streamObject, streamText, tool } from 'ai';
import { BASE_URL, City, drive, Trip } from './driver.mjs';

const options = (cell) => ({
    model: createOpenAICompatible({
        name: 'dragoman', baseURL: BASE_URL, apiKey: 'anything', headers: cell.headers,
        supportsStructuredOutputs: true, includeUsage: true,
    })(cell.model),
    maxRetries: cell.retries,
});

/** What streamText meets in mid-stream it gives to onError, and its promises then tell no more than that it failed. */
async function answered(cell, members) {
    if (!cell.stream) return generateText({ ...options(cell), ...members });
    let failed;
    const answer = streamText({ ...options(cell), ...members, onError: ({ error }) => { failed = error; } });
    let text = '';
    for await (const delta of answer.textStream) text += delta;
    if (failed) throw failed;
    return { text: await answer.text, finishReason: await answer.finishReason, steps: await answer.steps };
}

async function ask(cell) {
    const content = [{ type: 'text', text: cell.text }];
    if (cell.image) content.push({ type: 'file', mediaType: 'image/png', data: Buffer.from(cell.image, 'base64') });
    if (cell.audio) content.push({ type: 'file', mediaType: 'audio/wav', data: Buffer.from(cell.audio, 'base64') });
    const { text, finishReason } = await answered(cell, { messages: [{ role: 'user', content }] });
    return { text, finish: finishReason };
}

async function tools(cell) {
    const calls = [];
    const { text, finishReason } = await answered(cell, {
        prompt: cell.text,
        stopWhen: isStepCount(cell.tools.length + 2),
        tools: Object.fromEntries(cell.tools.map(({ name, description, result }) => [name, tool({
            description, inputSchema: City, execute: async (args) => { calls.push([name, args]); return result; },
        })])),
    });
    return { calls, text, finish: finishReason };
}

async function schema(cell) {
    const members = { ...options(cell), schema: Trip, prompt: cell.text };
    if (!cell.stream) return { parsed: (await generateObject(members)).object };
    const answer = streamObject(members);
    for await (const partial of answer.partialObjectStream) void partial;
    return { parsed: await answer.object };
}

await drive({ ask, tools, schema });
