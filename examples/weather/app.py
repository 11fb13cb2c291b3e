# SPDX-License-Identifier: Apache-2.0
"""A small agent: it answers questions about the weather, and has a tool to look it up."""

import json

import openai

MODEL = "google/gemini-2.5-flash"
TOOLS = [{"type": "function", "function": {
    "name": "get_weather",
    "description": "The weather in a city, now",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}}]


def get_weather(city):
    """A real one would ask a service."""
    return {"city": city, "sky": "sunny", "celsius": 21}


def answer(question, client=None):
    """What the model says, after at most five rounds with the tool."""
    client = client or openai.OpenAI()
    messages = [{"role": "user", "content": question}]
    for _ in range(5):
        message = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            result = get_weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
    raise RuntimeError("The model did not come to an end.")


def stream(question, client=None):
    """The same as it comes, without the tool."""
    client = client or openai.OpenAI()
    for chunk in client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}], stream=True):
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content
