# SPDX-License-Identifier: Apache-2.0
"""The judge of shapes, judged: what is sound passes, and each thing wrong is told by its name."""

import json

import pytest
import shapes

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
MESSAGE = {"role": "assistant", "content": "Hi", "refusal": None}
COMPLETION = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": USAGE,
              "choices": [{"index": 0, "message": MESSAGE, "logprobs": None, "finish_reason": "stop"}]}
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}]}
ERROR = {"error": {"message": "No.", "type": "server_error", "param": None, "code": None}}


def changed(whole, path, value):
    """A copy in which the member at the path has another value; ... removes it."""
    whole = json.loads(json.dumps(whole))
    *way, last = path
    place = whole
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(whole)


@pytest.mark.parametrize("whole, path, value", [
    (COMPLETION, ["id"], "d"),
    (COMPLETION, ["extra_content"], {}),
    (COMPLETION, ["choices", 0, "message", "reasoning_content"], "Hm."),
    (COMPLETION, ["choices", 0, "message", "images"], []),
    (COMPLETION, ["choices", 0, "message", "audio"], {"id": "a", "data": "", "expires_at": 1, "transcript": "", "extra_content": {}}),
    (COMPLETION, ["usage", "extra_properties"], {"google": {}}),
    (CHUNK, ["choices", 0, "delta", "reasoning"], "Hm."),
    (CHUNK, ["usage"], USAGE),
    (ERROR, ["error", "status"], "INTERNAL"),
    (ERROR, ["error", "details"], [{}]),
    (ERROR, ["error", "suspects"], [{"id": "X", "likelihood": "high", "param": None, "message": "Is it this?"}]),
])
def test_sound(whole, path, value):
    shapes.check(changed(whole, path, value))


@pytest.mark.parametrize("whole, path, value, told", [
    (COMPLETION, ["object"], "completion", "no object of a kind"),
    (COMPLETION, ["created"], "1", "created"),
    (COMPLETION, ["created"], 1.5, "created"),
    (COMPLETION, ["candidates"], [], "ChatCompletion.candidates"),
    (COMPLETION, ["choices", 0, "finish_reason"], "STOP", "finish_reason"),
    (COMPLETION, ["choices", 0, "finish_reason"], ..., "finish_reason"),
    (COMPLETION, ["choices", 0, "message", "thought"], True, "ChatCompletion.choices[0].message.thought"),
    (COMPLETION, ["choices", 0, "reasoning"], "Hm.", "ChatCompletion.choices[0].reasoning"),
    (COMPLETION, ["choices", 0, "message", "tool_calls"], [{"type": "function", "function": {}}], "tool_calls"),
    (COMPLETION, ["usage", "thoughts_tokens"], 1, "usage.thoughts_tokens"),
    (COMPLETION, ["choices", 0, "message", "reasoning_content"], 1, "reasoning_content (Input should be a valid string)"),
    (COMPLETION, ["extra_content"], {"google": "x"}, "ChatCompletion.extra_content"),
    (ERROR, ["error", "suspects"], [], "ErrorObject.suspects"),
    (ERROR, ["error", "suspects"], ["tools"], "ErrorObject.suspects"),
    (ERROR, ["error", "google_message"], None, "ErrorObject.google_message"),
    (CHUNK, ["choices", 0, "index"], None, "index"),
    (CHUNK, ["choices", 0, "delta", "text"], "Hi", "delta.text"),
    (CHUNK, ["choices", 0, "delta", "tool_calls"], [{"id": "c"}], "index"),
    (ERROR, ["error", "code"], 429, "code"),
    (ERROR, ["error", "param"], ..., "without all members"),
    (ERROR, ["error", "metadata"], {}, "ErrorObject.metadata"),
    (ERROR, ["id"], "c", "beside the error"),
])
def test_wrong(whole, path, value, told):
    with pytest.raises(AssertionError) as caught:
        shapes.check(changed(whole, path, value))
    assert told in str(caught.value)
