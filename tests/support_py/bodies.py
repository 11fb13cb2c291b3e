# SPDX-License-Identifier: Apache-2.0
"""Large request bodies of each kind: a few large strings, and many small values. Used by bench/run too."""

import json

MODEL = "google/gemini-2.0-flash"
IMAGE = "data:image/png;base64,iVBORw0KGgoA"


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def _chat(messages, **more):
    return compact({"model": MODEL, "messages": messages, "max_tokens": 3, **more}).encode()


def many(value, size):
    return [value] * (size // (len(compact(value)) + 1))


def image(size):
    url = IMAGE + "A1b2C3d4E5f6G7h8" * (size // 16)
    return _chat([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])


def text(size):
    words = 'the wave — "quoted" light\n of air, and it\'s 3.14 '
    return _chat([{"role": "user", "content": "".join(many(words, size))}])


def messages(size):
    return _chat(many({"role": "user", "content": "hi"}, size))


def parts(size):
    return _chat([{"role": "user", "content": many({"type": "text", "text": "hi"}, size)}])


def calls(size):
    turns = [{"role": "user", "content": "x"}]
    while size > 0:
        name = f"call_{len(turns)}"
        call = {"id": name, "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
        pair = [{"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": name, "content": '{"b":2}'}]
        turns += pair
        size -= len(compact(pair))
    return _chat(turns, tools=[{"type": "function", "function": {"name": "f"}}])


KINDS = {"image": image, "text": text, "messages": messages, "parts": parts, "calls": calls}
