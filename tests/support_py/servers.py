# SPDX-License-Identifier: Apache-2.0
"""Servers that speak OpenAI's protocol their own way, as vLLM and TGI do. Shapes from their sources and issues, not recorded."""

import json

from upstream import LAST_CHUNK, STREAM_HEAD, chunk, sized

STATUS = b"HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n"
NAMES = {"vllm": "Qwen/Qwen3-8B", "tgi": "/models/Qwen2.5", "openai": "gpt-local"}
CALL = {"name": "get_weather", "arguments": '{"city": "Oslo"}'}


def said(kind, text="Hello there.", calls=False, reasoning=None):
    """A message of the kind's."""
    message = {"role": "assistant"}
    if kind == "vllm":
        message |= {"content": text, "refusal": None, "annotations": None, "audio": None, "function_call": None, "tool_calls": []}
    elif not calls:
        message["content"] = text
    if reasoning:
        message["reasoning" if kind == "vllm" else "reasoning_content"] = reasoning
    if calls and kind == "tgi":
        function = {"description": None, "name": CALL["name"], "arguments": json.loads(CALL["arguments"])}
        message["tool_calls"] = [{"id": "0", "type": "function", "function": function}]
    elif calls:
        message |= {"content": None, "tool_calls": [{"id": "chatcmpl-tool-1", "type": "function", "function": CALL}]}
    return message


def head(kind, object_):
    return {"id": "" if kind == "tgi" else "chatcmpl-77", "object": object_, "created": 1763738578, "model": NAMES[kind],
            "system_fingerprint": f"{kind}-1"}


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def whole(kind, calls=False, **members):
    finish = "stop" if kind == "tgi" or not calls else "tool_calls"
    choice = {"index": 0, "message": said(kind, calls=calls, **members), "logprobs": None, "finish_reason": finish}
    if kind == "vllm":
        choice |= {"stop_reason": None, "token_ids": None}
    return json.dumps(head(kind, "chat.completion") | {"choices": [choice], "usage": USAGE}).encode()


def event(value):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def delta(kind, piece, finish=None):
    choice = {"index": 0, "delta": piece, "logprobs": None, "finish_reason": finish}
    return event(head(kind, "chat.completion.chunk") | {"choices": [choice], "usage": None})


def streamed(kind, usage=True, calls=False, done=True, reasoning=None):
    """The events of a stream, one by one."""
    role = {"role": "assistant"} if kind == "tgi" else {}
    yield b":\n\n" if kind == "tgi" else delta(kind, {"role": "assistant", "content": ""})
    if reasoning:
        yield delta(kind, role | {"reasoning" if kind == "vllm" else "reasoning_content": reasoning})
    if calls and kind == "tgi":
        for name, arguments in ((CALL["name"], ""), (None, CALL["arguments"][:7]), (None, CALL["arguments"][7:])):
            function = {"name": name, "arguments": arguments}
            yield delta(kind, role | {"tool_calls": {"index": 0, "id": "", "type": "function", "function": function}})
    elif calls:
        yield delta(kind, {"tool_calls": [{"index": 0, "id": "chatcmpl-tool-1", "type": "function",
                                           "function": {"name": CALL["name"]}}]})
        yield delta(kind, {"tool_calls": [{"index": 0, "function": {"arguments": CALL["arguments"]}}]})
    else:
        for text in ("Hello ", "there."):
            yield delta(kind, role | {"content": text})
    yield delta(kind, role | {"content": ""}, "tool_calls" if calls and kind != "tgi" else "stop")
    if usage:
        yield event(head(kind, "chat.completion.chunk") | {"choices": [], "usage": USAGE})
    if done:
        yield event(b"[DONE]")


def answerer(kind, **members):
    """answer(request): what a sound server of the kind says, who refuses what the kind refuses."""
    def answer(request):
        body = json.loads(request.body)
        refusal = refuses(kind, body)
        if refusal:
            return sized(json.dumps(refusal).encode(), STATUS % (422 if kind == "tgi" else 400))
        if not body.get("stream"):
            return sized(whole(kind, calls="tools" in body, **members))
        usage = (body.get("stream_options") or {}).get("include_usage", False)
        events = streamed(kind, usage=usage, calls="tools" in body, **members)
        return STREAM_HEAD + b"".join(map(chunk, events)) + LAST_CHUNK
    return answer


def serve(kind, **members):
    """behave(peer): a sound server of the kind."""
    answer = answerer(kind, **members)

    def behave(peer):
        while request := peer.request():
            peer.send(answer(request))
    return behave


def refuses(kind, body):
    """What a kind's server says of a body that it does not take; None for one that it takes."""
    why = None
    if any(value is None for value in body.values()):
        why = "invalid type: null"
    elif body.get("tools") == [] or ("tool_choice" in body and not body.get("tools")):
        why = "When using `tool_choice`, `tools` must be set."
    elif "stream_options" in body and not body.get("stream"):
        why = "Stream options can only be defined when `stream=True`."
    elif kind == "tgi" and isinstance(body.get("stop"), str):
        why = "stop: invalid type: string, expected a sequence"
    elif kind == "tgi" and "value" not in body.get("response_format", {"value": 0}):
        why = "response_format: missing field `value`"
    elif "extra_content" in json.dumps(body["messages"]):
        why = "extra_content: Extra inputs are not permitted"
    if why is None:
        return None
    return {"error": why, "error_type": "validation"} if kind == "tgi" else \
        {"error": {"message": why, "type": "BadRequestError", "param": None, "code": 400}}
