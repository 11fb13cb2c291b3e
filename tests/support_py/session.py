# SPDX-License-Identifier: Apache-2.0
"""An agent's session as most clients have it: of a call they send back id, type, name and arguments, nothing else."""

import json

import wire

MODEL = "google/gemini-3-pro-preview"
STAND_IN = "skip_thought_signature_validator"


def function(name):
    return {"type": "function", "function": {"name": name, "description": name, "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}


class Session:
    """`ask(body, headers)` returns an Answer. It calls the functions that it is asked to, until there is no call left."""

    def __init__(self, ask, functions=10, parallel=False, stream=False, model=MODEL):
        self.ask, self.stream, self.model, self.parallel = ask, stream, model, parallel
        self.functions = functions
        self.messages = []
        self.issued = {}  # a call's id -> the signature that came with it; what the test knows, and the client forgets

    def user(self, text="What is the weather in Paris?"):
        self.messages.append({"role": "user", "content": text})

    def body(self):
        return {"model": self.model, "messages": self.messages, "stream": self.stream,
                "tools": [function(f"look_{chr(97 + i)}") for i in range(self.functions)]}

    def step(self):
        """One request. Returns the calls that it brought."""
        headers = {"x-dragoman-emulate": "tools:parallel" if self.parallel else "tools"}
        answer = self.ask(self.body(), headers)
        assert answer.status == 200, answer.body
        message = whole(answer.body) if self.stream else json.loads(answer.body)["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        for call in calls:
            signature = call.get("extra_content", {}).get("google", {}).get("thought_signature")
            if signature:
                self.issued[call["id"]] = signature
        echo = {"role": "assistant", "content": message.get("content")}
        if calls:
            echo["tool_calls"] = [{"id": call["id"], "type": "function", "function": {
                "name": call["function"]["name"], "arguments": call["function"]["arguments"]}} for call in calls]
        self.messages.append(echo)
        return calls

    def answer(self, calls):
        for call in calls:
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": "Sunny, 21 degrees."})

    def run(self, rounds, between=None):
        """A user's turn with so many rounds; `between` is called between each call and its result."""
        self.user()
        for _ in range(rounds):
            calls = self.step()
            assert calls, self.messages
            if between:
                between()
            self.answer(calls)


def whole(body):
    """The message that a stream's chunks make."""
    message, calls = {"content": ""}, {}
    for event in wire.events(body):
        if event == "[DONE]":
            continue
        for choice in json.loads(event)["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            for piece in delta.get("tool_calls", []):
                call = calls.setdefault(piece["index"], {"function": {"name": "", "arguments": ""}})
                call.update({k: v for k, v in piece.items() if k in ("id", "extra_content")})
                for name, text in piece["function"].items():
                    call["function"][name] += text
    message["content"] = message["content"] or None
    message["tool_calls"] = list(calls.values())
    return message


def sent_signatures(request):
    """Of a native request's body: the signature of each step's first call, in their order; None where there is none."""
    found = []
    for content in request["body"]["contents"]:
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls:
            found.append(calls[0].get("thoughtSignature"))
            assert not any("thoughtSignature" in call for call in calls[1:])
    return found
