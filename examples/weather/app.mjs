// SPDX-License-Identifier: Apache-2.0
// The same agent for Node.js.
import OpenAI from "openai";

const model = "google/gemini-2.5-flash";
const tools = [{ type: "function", function: {
  name: "get_weather",
  description: "The weather in a city, now",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
} }];

const getWeather = ({ city }) => ({ city, sky: "sunny", celsius: 21 });

export async function answer(question, client = new OpenAI()) {
  const messages = [{ role: "user", content: question }];
  for (let round = 0; round < 5; round++) {
    const { message } = (await client.chat.completions.create({ model, messages, tools })).choices[0];
    if (!message.tool_calls?.length)
      return message.content;
    messages.push(message);
    for (const call of message.tool_calls)
      messages.push({ role: "tool", tool_call_id: call.id, content: JSON.stringify(getWeather(JSON.parse(call.function.arguments))) });
  }
  throw new Error("The model did not come to an end.");
}
