// SPDX-License-Identifier: Apache-2.0
// openai-node: create, parse with zod, ChatCompletionStream, runTools.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { BASE_URL, City, content, drive, Trip } from './driver.mjs';

const completions = (cell) => new OpenAI({
    baseURL: BASE_URL, apiKey: 'anything', timeout: 20000, maxRetries: cell.retries, defaultHeaders: cell.headers,
}).chat.completions;

async function answered(cell, members) {
    const request = { model: cell.model, ...members };
    if (!cell.stream) {
        return (await (members.response_format ? completions(cell).parse(request) : completions(cell).create(request))).choices[0];
    }
    const stream = completions(cell).stream(request);
    let text = '';
    stream.on('content', (delta) => { text += delta; });
    const [choice] = (await stream.finalChatCompletion()).choices;
    assert.equal(choice.message.content ?? '', text);
    return choice;
}

async function ask(cell) {
    const { message, finish_reason } = await answered(cell, { messages: [{ role: 'user', content: content(cell) }] });
    return { text: message.content, finish: finish_reason, refusal: message.refusal };
}

async function tools(cell) {
    const calls = [];
    const runner = completions(cell).runTools({
        model: cell.model,
        stream: cell.stream,
        messages: [{ role: 'user', content: cell.text }],
        tools: cell.tools.map((tool) => zodFunction({
            name: tool.name,
            description: tool.description,
            parameters: City,
            function: (args) => { calls.push([tool.name, args]); return tool.result; },
        })),
    }, { maxChatCompletions: cell.tools.length + 2 });
    const [last] = (await runner.finalChatCompletion()).choices;
    return { calls, text: last.message.content, finish: last.finish_reason };
}

async function schema(cell) {
    const choice = await answered(cell, {
        messages: [{ role: 'user', content: cell.text }],
        response_format: zodResponseFormat(Trip, 'trip'),
    });
    return { parsed: Trip.parse(choice.message.parsed), finish: choice.finish_reason };
}

await drive({ ask, tools, schema });
