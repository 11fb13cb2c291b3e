# SPDX-License-Identifier: Apache-2.0
"""Google Search beside functions (user-pain C11): what it was asked and answered comes back to Gemini 3 as it came."""

import json

import pytest
import upstream
import wire

MODEL = "gemini-3-flash-preview"
TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "Looks up a city.", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]


def merged(events):
    """The message that a client makes of a stream's deltas."""
    message = {"role": "assistant", "content": None, "tool_calls": [], "extra_content": {"google": {"parts": []}}}
    for event in events:
        for choice in event["choices"]:
            delta = choice["delta"]
            if delta.get("content"):
                message["content"] = (message["content"] or "") + delta["content"]
            message["tool_calls"] += delta.get("tool_calls", [])
            message["extra_content"]["google"]["parts"] += delta.get("extra_content", {}).get("google", {}).get("parts", [])
    return message


def sent_parts(request):
    return [part for content in request["body"]["contents"] if content["role"] == "model" for part in content["parts"]]


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_search_was_asked_comes_back(start, tmp_path, stream):
    back = start()
    front = start(args=("--config", str(upstream.configuration(tmp_path, back.url, kind="gemini"))))
    messages = [{"role": "user", "content": "Look up the weather in Paris."}]
    kinds = ["toolCall", "toolResponse", "functionCall"]
    for turn in range(3):
        body = {"model": MODEL, "stream": stream, "messages": messages, "tools": TOOLS, "web_search_options": {}}
        answer = front.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode()))
        assert answer.status == 200, answer.body
        message = merged(upstream.events_of(answer)) if stream else answer.json["choices"][0]["message"]
        seen = back.get("/_dragoman/emulator").json["requests"][-1]
        assert seen["status"] == 200 and seen["rules"] == [], seen["rules"]
        assert seen["body"]["toolConfig"]["includeServerSideToolInvocations"] is True
        parts = sent_parts(seen)
        assert list(dict.fromkeys(kind for part in parts for kind in [*kinds, "text"] if kind in part)) == (
            [*kinds, "text"][:[0, 3, 4][turn]])
        assert all(part["thoughtSignature"] for part in parts[:3])
        if turn == 0:
            messages += [message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "Sunny."}]
        else:
            messages += [{k: v for k, v in message.items() if v}, {"role": "user", "content": "Thank you."}]
