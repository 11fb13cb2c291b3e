# SPDX-License-Identifier: Apache-2.0
"""Refusals that are healed (user-pain A11, B2, I3): asked once more, otherwise; what worked is remembered by all workers."""

import json
import signal
import time

import pytest
import wire
from upstream import LAST_CHUNK, STREAM_HEAD, Upstream, answer, chunk, sized
from waiting import wait_for

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
LATE = [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
ROWS = [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Why?"}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]}]
FIRST = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def refusal(message, status=400, headers=b""):
    body = json.dumps({"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}).encode()
    return sized(body, b"HTTP/1.1 %d Bad\r\nContent-Type: application/json\r\n%s" % (status, headers))


def relayed(request):
    said = {"role": "assistant", "content": "Hello."}
    if not json.loads(request.body).get("stream"):
        return sized(json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m",
                                 "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}).encode())
    event = json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                        "choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}).encode()
    return STREAM_HEAD + chunk(b"data: " + event + b"\n\n") + chunk(b"data: [DONE]\n\n") + LAST_CHUNK


@pytest.fixture
def front(start, tmp_path):
    """front(judge): a Dragoman before a server of whose requests judge(body) says what is wrong, a text or (text, status)."""
    servers = []

    def start_one(judge, *settings, workers=1, kind="gemini", **members):
        def behave(peer):
            while request := peer.request():
                wrong = judge(json.loads(request.body))
                sound = answer(request) if kind == "gemini" else relayed(request)
                peer.send(refusal(*wrong) if isinstance(wrong, tuple) else refusal(wrong) if wrong else sound)
        server = Upstream(behave)
        servers.append(server)
        file = tmp_path / "dragoman.yaml"
        file.write_text(json.dumps({"upstreams": {"g": {"kind": kind, "base_url": server.url, "credentials": "none", **members}}}))
        return start(*settings, args=("--config", str(file)), workers=workers), server

    yield start_one
    for server in servers:
        server.close()


@pytest.fixture
def dialects(start, tmp_path):
    """The emulator as a server of one's own, with a strict chat template by the model's name."""
    def start_one(dialect="vllm", workers=1, **members):
        file = tmp_path / "dragoman.yaml"
        file.write_text(json.dumps({"upstreams": {"lab": {"kind": "emulator", "dialect": dialect, **members}}}))
        return start(args=("--config", str(file)), workers=workers)
    return start_one


def says(said, stream):
    assert said.status == 200, said.body
    return "[DONE]" in said.events if stream else said.json["choices"][0]["message"]["content"]


def warned(said):
    return said["x-dragoman-warning"] or ""


def bodies(server):
    return [json.loads(request.body) for request in server.requests]


# ---- chat templates (I3) -------------------------------------------------------------------------------------------

TEMPLATES = {"late": ("lab/qwen3.8-27b", LATE, "all system messages are sent as the first one"),
             "alternate": ("lab/mistral-7b", ROWS, "messages of one role in a row are sent as one"),
             "parts": ("lab/internvl2-8b", PARTS, "contents of text parts are sent as one text"),
             "no system": ("lab/gemma-2-9b", FIRST, "system messages are sent with the user's next")}


@STREAMED
@pytest.mark.parametrize("dialect", ["vllm", "tgi"])
@pytest.mark.parametrize("what", TEMPLATES)
def test_a_template_that_takes_no_such_messages(dialects, what, dialect, stream):
    model, messages, told = TEMPLATES[what]
    daemon = dialects(dialect)
    for turn in range(2):
        said = daemon.ask(wire.chat(model=model, messages=messages, stream=stream))
        assert says(said, stream)
        stats = daemon.stats()
        if (dialect, what) == ("tgi", "parts"):  # which gets none anyway
            assert stats["adapted_messages_total"] == 0
            continue
        assert told in warned(said)
        assert stats["adapted_messages_total"] == stats["adapted_worked_total"] == 1
        assert stats["learnt_total"] == turn


@pytest.mark.parametrize("what", TEMPLATES)
def test_the_profile_of_a_server_is_set(dialects, what):
    """Asked once, as it wants it."""
    model, messages, told = TEMPLATES[what]
    daemon = dialects(merge_system="user" if what == "no system" else "first", alternate="merge", content="flatten-text")
    said = daemon.ask(wire.chat(model=model, messages=messages))
    assert says(said, False) and told in warned(said)
    assert daemon.stats()["attempts_total"] == 1


@pytest.mark.parametrize("what", TEMPLATES)
def test_or_never(dialects, what):
    model, messages, _ = TEMPLATES[what]
    daemon = dialects(merge_system="off", alternate="off", content="off")
    said = daemon.ask(wire.chat(model=model, messages=messages))
    assert said.status == 400 and warned(said) == ""
    assert daemon.stats()["attempts_total"] == 1


def test_two_things_at_once(dialects):
    """A template that takes neither arrays nor late system messages; a third thing would be the client's to know."""
    daemon = dialects()
    messages = [*PARTS, {"role": "assistant", "content": "Yes?"}, {"role": "system", "content": "Be brief."}, *PARTS]
    said = daemon.ask(wire.chat(model="lab/internvl2-8b", messages=messages))
    assert says(said, False), said.body
    assert daemon.stats()["attempts_total"] == 3
    messages = [*PARTS, *PARTS, {"role": "system", "content": "Be brief."}]
    assert says(daemon.ask(wire.chat(model="lab/internvl2-8b", messages=messages)), False)


def test_llama_cpp_says_it_with_a_500(front):
    def judge(body):
        late = [m for m in body["messages"][1:] if m["role"] == "system"]
        return ("Error: Jinja Exception: System message must be at the beginning.", 500) if late else None
    daemon, server = front(judge, kind="openai")
    assert says(daemon.ask(wire.chat(model="m", messages=LATE)), False)
    assert [m["role"] for m in bodies(server)[1]["messages"]] == ["system", "user", "user"]


# ---- members that a model does not take (A11) ----------------------------------------------------------------------

def config_of(body):
    return body.get("generationConfig", {})


def no_penalties(body):
    return "presencePenalty" in config_of(body) and "Penalty is not enabled for models/gemini-exp-1206"


def few_tokens(body):
    n = config_of(body).get("maxOutputTokens", 1)
    return n > 8192 and (f"Unable to submit request because it has a maxOutputTokens value of {n} but the supported range is from 1 "
                         "(inclusive) to 8193 (exclusive). Update the value and try again.")


ASKED = {"penalties": (no_penalties, {"presence_penalty": 1}, "presence_penalty", lambda c: "presencePenalty" not in c),
         "tokens": (few_tokens, {"max_tokens": 65536}, "max_tokens", lambda c: c["maxOutputTokens"] == 8192)}


@STREAMED
@pytest.mark.parametrize("what", ASKED)
def test_a_member_that_a_model_refuses(front, what, stream):
    judge, members, name, sound = ASKED[what]
    daemon, server = front(judge)
    for turn in range(2):
        said = daemon.ask(wire.chat(model="google/gemini-exp-1206", stream=stream, **members))
        assert says(said, stream) and f"{name}: " in warned(said)
    assert len(server.requests) == 3 and all(sound(config_of(body)) for body in bodies(server)[1:])
    stats = daemon.stats()
    assert (stats["adapted_members_total"], stats["adapted_worked_total"], stats["learnt_total"]) == (1, 1, 1)


def test_all_workers_know_it_and_a_reload_forgets_it(front):
    daemon, server = front(no_penalties, workers=4)

    def ask(model="google/gemini-exp-1206", **members):
        before = len(server.requests)
        assert says(daemon.ask(wire.chat(model=model, presence_penalty=1, **members)), False)
        return len(server.requests) - before

    assert [ask() for _ in range(16)] == [2] + 15 * [1]
    assert ask(model="google/gemini-exp-1121") == 2  # another model has to say so itself
    old = set(daemon.workers())
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: not old & set(daemon.workers()), 10)
    assert [ask() for _ in range(8)] == [2] + 7 * [1]


def test_what_did_not_help_is_not_remembered(front):
    """The client gets the first error, with nothing told of what was tried."""
    def judge(body):
        return no_penalties(body) or "Something else is wrong."
    daemon, server = front(judge)
    for _ in range(2):
        said = daemon.ask(wire.chat(model="google/gemini-exp-1206", presence_penalty=1))
        assert said.status == 400 and "Penalty is not enabled" in said.error["message"]
        assert warned(said) == ""
    assert len(server.requests) == 4 and daemon.stats()["adapted_worked_total"] == 0


def test_what_did_not_help_is_taken_back(front):
    """Of two tries only the second helped: it alone is remembered, and nobody else's request loses its temperature."""
    def judge(body):
        return '"maxItems": ' in json.dumps(body.get("tools")) and "tools[0].function_declarations[0].parameters: temperature is not supported."
    daemon, server = front(judge)
    model = "google/gemini-3.5-flash"
    said = daemon.ask(wire.chat(model=model, temperature=0.5, tools=tools()))
    assert said.status == 200, said.body
    assert ["temperature" in config_of(body) for body in bodies(server)] == [True, False, True]
    assert "schemas are sent without" in warned(said) and "temperature" not in warned(said)
    said = daemon.ask(wire.chat(model=model, temperature=0.5))
    assert said.status == 200 and config_of(bodies(server)[3])["temperature"] == 0.5 and warned(said) == ""
    assert len(server.requests) == 4


def test_two_tries_at_most(front):
    def judge(body):
        config = config_of(body)
        return (no_penalties(body) or few_tokens(body)
                or "responseLogprobs" in config and "Logprobs is not enabled for models/gemini-exp-1206")
    daemon, server = front(judge)
    members = {"presence_penalty": 1, "max_tokens": 65536, "logprobs": True}
    said = daemon.ask(wire.chat(model="google/gemini-exp-1206", **members))
    assert said.status == 400 and "Penalty is not enabled" in said.error["message"]
    assert len(server.requests) == 3
    assert says(daemon.ask(wire.chat(model="google/gemini-exp-1206", presence_penalty=1, max_tokens=65536)), False)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_try_that_fails_otherwise(front, status):
    """When to ask again is no word of the first answer's."""
    daemon, _ = front(lambda body: no_penalties(body) or ("Later.", status, b"Retry-After: 77\r\n"))
    said = daemon.ask(wire.chat(model="google/gemini-exp-1206", presence_penalty=1))
    assert said.status == 400 and "Penalty is not enabled" in said.error["message"]
    assert said["retry-after"] is None


def test_it_can_be_left(front):
    daemon, server = front(no_penalties, "adapt=false")
    assert daemon.ask(wire.chat(model="google/gemini-exp-1206", presence_penalty=1)).status == 400
    assert len(server.requests) == 1


def test_a_strict_gateway_changes_nothing(front):
    daemon, server = front(no_penalties, "strict=true")
    assert daemon.ask(wire.chat(model="google/gemini-exp-1206", presence_penalty=1)).status == 400
    assert len(server.requests) == 1


def test_a_large_request(front):
    """Made anew in a thread."""
    daemon, server = front(no_penalties)
    said = daemon.ask(wire.chat("x" * 300000, model="google/gemini-exp-1206", presence_penalty=1))
    assert says(said, False) and len(server.requests) == 2


def test_comments_have_left(front):
    """The status has gone; the answer goes on in the same stream."""
    def judge(body):
        time.sleep(0.4)
        return no_penalties(body)
    daemon, server = front(judge, "timeouts.comment=100ms")
    said = daemon.ask(wire.chat(model="google/gemini-exp-1206", stream=True, presence_penalty=1))
    assert b": still waiting" in said.body and said.events[-1] == "[DONE]" and len(server.requests) == 2


# ---- schemas that are too much (B2) --------------------------------------------------------------------------------

def schema(values=2, most=500):
    return {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}, "maxItems": most},
                                             "b": {"type": "array", "items": {"type": "string"}, "maxItems": most},
                                             "c": {"type": "string", "enum": ["v" * 1000 + str(i) for i in range(values)]}}}


def tools(**size):
    return [{"type": "function", "function": {"name": "sort", "parameters": schema(**size)}}]


@STREAMED
def test_a_schema_of_too_many_items(start, stream):
    """The emulator's bare 400 (vercel/ai#21192)."""
    daemon = start(workers=1)
    counts = []
    for most in (500, 500, 500, 600):
        said = daemon.ask(wire.chat(model="google/gemini-3.5-flash", tools=tools(most=most), stream=stream))
        assert said.status == 200, said.body
        assert "schemas are sent without bounds" in warned(said)
        assert "sort: maxItems at /properties/a" in said["x-dragoman-schema-notes"]
        counts.append(daemon.stats()["attempts_total"])
    assert counts == [2, 3, 4, 6]


def test_a_schema_of_too_much_text(start):
    """Which only its description can tell: the second step."""
    daemon = start(workers=1)
    parameters = schema(most=1)
    parameters["properties"] |= {f"{'long' * 50}_{i}": {"type": "string"} for i in range(120)}
    asked = [{"type": "function", "function": {"name": "sort", "parameters": parameters}}]
    counts = []
    for _ in range(3):
        said = daemon.ask(wire.chat(tools=asked))
        assert said.status == 200, said.body
        assert "schemas are told in descriptions" in warned(said)
        counts.append(daemon.stats()["attempts_total"])
    assert counts == [3, 4, 5]


def test_all_workers_know_which_schemas(front):
    """Those very ones: of others the upstream has to say so itself."""
    daemon, server = front(lambda body: '"maxItems": ' in json.dumps(body["tools"]) and "Request contains an invalid argument.", workers=4)

    def ask(**size):
        before = len(server.requests)
        assert daemon.ask(wire.chat(model="google/gemini-3.5-flash", tools=tools(**size))).status == 200
        return len(server.requests) - before

    assert [ask() for _ in range(10)] == [2] + 9 * [1]
    assert [ask(most=501) for _ in range(3)] == [2, 1, 1]


def test_googles_own_schemas_are_told_apart_too(front):
    """What was refused of one request's schema is not done to another's."""
    def judge(body):
        return '"maxItems": ' in json.dumps(config_of(body)) and "refuse" in json.dumps(body) and "Request contains an invalid argument."
    daemon, server = front(judge)

    def ask(name):
        config = {"response_mime_type": "application/json",
                  "response_schema": {"type": "OBJECT", "properties": {name: {"type": "ARRAY", "items": {"type": "STRING"}, "maxItems": 500}}}}
        said = daemon.ask(wire.chat(model="google/gemini-3.5-flash", extra_body={"google": {"generation_config": config}}))
        assert said.status == 200, said.body
        return said

    assert "schemas are sent without bounds" in warned(ask("refuse"))
    assert warned(ask("take")) == "" and "maxItems" in json.dumps(config_of(bodies(server)[-1]))
    assert "schemas are sent without bounds" in warned(ask("refuse"))
    assert len(server.requests) == 4


def test_a_bare_refusal_for_another_reason(front):
    """What may be the schemas is tried, twice; then the first error is given, with its suspects."""
    daemon, server = front(lambda body: "Request contains an invalid argument.")
    said = daemon.ask(wire.chat(model="google/gemini-3-flash-preview", tools=tools()))
    assert said.status == 400 and len(server.requests) == 3
    assert "Likeliest cause" in said.error["message"] and said.error["suspects"][0]["id"] == "schema_max_items"
    assert "tools[0].function" in said.error["param"]
