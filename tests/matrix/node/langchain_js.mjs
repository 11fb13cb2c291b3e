// SPDX-License-Identifier: Apache-2.0
// LangChain for JavaScript: ChatOpenAI, bindTools, withStructuredOutput.
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { BASE_URL, City, content, drive, Trip } from './driver.mjs';

const model = (cell) => new ChatOpenAI({
    model: cell.model, apiKey: 'anything', maxRetries: cell.retries, timeout: 20000,
    configuration: { baseURL: BASE_URL, defaultHeaders: cell.headers },
});

async function answered(cell, runnable, messages) {
    if (!cell.stream) return runnable.invoke(messages);
    let whole;
    for await (const chunk of await runnable.stream(messages)) whole = whole ? whole.concat(chunk) : chunk;
    return whole;
}

const said = (message) => ({ text: message.text, finish: message.response_metadata.finish_reason });

async function ask(cell) {
    return said(await answered(cell, model(cell), [new HumanMessage({ content: content(cell) })]));
}

async function tools(cell) {
    const runnable = model(cell).bindTools(cell.tools.map(({ name, description }) => ({ name, description, schema: City })));
    const messages = [new HumanMessage(cell.text)];
    const calls = [];
    for (;;) {
        const message = await answered(cell, runnable, messages);
        if (!message.tool_calls.length) return { calls, ...said(message) };
        messages.push(message, ...message.tool_calls.map((call) => new ToolMessage({
            tool_call_id: call.id, content: cell.tools.find((tool) => tool.name === call.name).result,
        })));
        calls.push(...message.tool_calls.map((call) => [call.name, call.args]));
    }
}

async function schema(cell) {
    const runnable = model(cell).withStructuredOutput(Trip, { method: 'jsonSchema' });
    if (!cell.stream) return { parsed: Trip.parse(await runnable.invoke(cell.text)) };
    let trip;
    for await (const partial of await runnable.stream(cell.text)) trip = partial;
    return { parsed: Trip.parse(trip) };
}

await drive({ ask, tools, schema });
