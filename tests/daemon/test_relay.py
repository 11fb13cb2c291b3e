# SPDX-License-Identifier: Apache-2.0
"""Upstreams that speak OpenAI's protocol: servers of vLLM's and TGI's shapes behind a real socket (user-pain I1, I2, I6, I7)."""

import json

import pytest
import servers
import wire
from chunks import check_chunks, check_completion
from servers import NAMES, delta, event
from upstream import LAST_CHUNK, STREAM_HEAD, chunk, events_of, native, serving, sized
from waiting import wait_for

KINDS = ("vllm", "tgi", "openai")
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
ENDPOINT = "/v1beta1/projects/p/locations/us-central1/endpoints/4815162342/chat/completions"


@pytest.fixture
def serve():
    """serve(behave): a server of the test's own."""
    yield from serving()


@pytest.fixture
def front(start, tmp_path):
    """front({"lab": {...}, ...}, models=[...]): a Dragoman before servers."""
    def start_one(upstreams, *settings, **members):
        file = tmp_path / "dragoman.yaml"
        file.write_text(json.dumps({"upstreams": upstreams, **members}))
        return start(*settings, args=("--config", str(file)))
    return start_one


@pytest.fixture
def lab(serve, front):
    """lab("vllm"): a Dragoman before one sound server, and the server."""
    def start_both(kind, behave=None, settings=(), **members):
        server = serve(behave or servers.serve(kind))
        return front({"lab": {"kind": kind, "base_url": server.url, **members}}, *settings,
                     endpoints={"4815162342": {"upstream": "lab"}}), server
    return start_both


def body_of(server, index=-1):
    return json.loads(server.requests[index].body)


@pytest.mark.parametrize("kind", KINDS)
def test_plain_and_streamed(lab, kind):
    daemon, server = lab(kind)
    whole = daemon.ask(wire.chat(model="mine", top_k=20, chat_template_kwargs={"a": 1}))
    assert whole["x-dragoman-upstream"] == "lab" and whole["x-dragoman-ignored"] is None
    assert check_completion(whole.json, "mine").texts == ["Hello there."]
    assert (server.requests[0].path, body_of(server)["top_k"]) == ("/v1/chat/completions", 20)
    assert server.requests[0].headers["x-request-id"] == whole["x-request-id"]
    assert "authorization" not in server.requests[0].headers
    asked = check_chunks(events_of(daemon.ask(wire.chat(model="mine", stream=True, stream_options={"include_usage": True}))),
                         "mine", usage=True)
    assert asked.texts == ["Hello there."] and asked.usage["total_tokens"] == 13
    quiet = check_chunks(events_of(daemon.ask(wire.chat(model="mine", stream=True))), "mine")
    assert quiet.texts == ["Hello there."] and quiet.usage is None
    assert all(body_of(server, i)["stream_options"] == {"include_usage": True} for i in (1, 2))
    assert server.connections == 1  # [DONE] does not cost the connection


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_tools(lab, kind, stream):
    daemon, _ = lab(kind)
    answer = daemon.ask(wire.chat(model="m", tools=TOOLS, tool_choice="required", stream=stream))
    said = check_chunks(events_of(answer), "m") if stream else check_completion(answer.json, "m")
    assert said.finishes == ["tool_calls"]
    function = json.dumps(events_of(answer) if stream else answer.json["choices"][0]["message"]["tool_calls"])
    assert "get_weather" in function and '"id": "0"' not in function
    if not stream:
        call, = answer.json["choices"][0]["message"]["tool_calls"]
        assert json.loads(call["function"]["arguments"]) == {"city": "Oslo"} and len(call["id"]) > 8


@pytest.mark.parametrize("members", [
    {"tools": None, "tool_choice": None, "stream_options": None, "stop": None}, {"tools": [], "tool_choice": "none"},
    {"stream_options": {"include_usage": True}}, {"stop": "END"},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}},
], ids=str)
@pytest.mark.parametrize("kind", ["vllm", "tgi"])
def test_what_servers_refuse_does_not_reach_them(lab, kind, members):
    """I2, I7: the server refuses these as its kind does."""
    daemon, _ = lab(kind)
    answer = daemon.ask(wire.chat(model="m", **members))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("kind", ["vllm", "tgi"])
def test_a_servers_refusal_is_openais_error(lab, kind):
    def behave(peer):
        peer.request()
        error = {"object": "error", "message": "no", "type": "BadRequestError", "param": None, "code": 400} if kind == "vllm" \
            else {"error": "no", "error_type": "validation"}
        peer.send(sized(json.dumps(error).encode(), servers.STATUS % (400 if kind == "vllm" else 422)))
    daemon, _ = lab(kind, behave)
    answer = daemon.ask(wire.chat(model="m"))
    assert (answer.status, answer.error["message"]) == (400 if kind == "vllm" else 422, "no")
    assert answer["x-should-retry"] == "false"


def send_stream(*pieces, end=True):
    def behave(peer):
        peer.request()
        peer.send(STREAM_HEAD + b"".join(chunk(piece) for piece in pieces) + (LAST_CHUNK if end else b""))
    return behave


def test_an_error_inside_of_a_200_gets_its_status(lab):
    """I6."""
    daemon, _ = lab("tgi", send_stream(event({"error": {"message": "Input validation error: x", "http_status_code": 422}})))
    answer = daemon.ask(wire.chat(model="m", stream=True))
    assert (answer.status, answer.error["message"]) == (422, "Input validation error: x")
    assert answer["content-type"].startswith("application/json")


def test_an_error_in_mid_stream_is_the_last_event(lab):
    """F4."""
    daemon, _ = lab("vllm", send_stream(delta("vllm", {"content": "a"}), event({"error": {"message": "dead", "code": 500}}),
                                        event(b"[DONE]")))
    answer = daemon.ask(wire.chat(model="m", stream=True))
    assert answer.status == 200 and "[DONE]" not in answer.events
    assert json.loads(answer.events[-1])["error"]["message"] == "dead"


def test_a_stream_without_done_is_whole_if_it_says_why_it_ended(lab):
    daemon, _ = lab("vllm", send_stream(*servers.streamed("vllm", done=False)))
    assert check_chunks(events_of(daemon.ask(wire.chat(model="m", stream=True))), "m").finishes == ["stop"]


@pytest.mark.parametrize("end", [False, True], ids=["reset", "closed"])
def test_a_stream_that_breaks_off_ends_in_an_error(lab, end):
    """F2."""
    daemon, _ = lab("vllm", send_stream(delta("vllm", {"content": "a"}), end=end))
    answer = daemon.ask(wire.chat(model="m", stream=True))
    assert answer.status == 200 and json.loads(answer.events[-1])["error"]["code"] == "upstream_cut"


def test_done_is_told_though_the_server_does_not_close(lab):
    """The client has its [DONE] while the server still dawdles; and when that has lasted too long, the answer just ends."""
    def behave(peer):
        peer.request()
        peer.send(STREAM_HEAD + b"".join(chunk(piece) for piece in servers.streamed("vllm")))
        peer.wait_closed()
    daemon, server = lab("vllm", behave, settings=["timeouts.idle=500ms"])
    assert events_of(daemon.ask(wire.chat(model="m", stream=True)))
    wait_for(lambda: server.open == 0)


@pytest.mark.parametrize("base, path", [
    ("", "/v1/chat/completions"), ("/", "/v1/chat/completions"), ("/v1", "/v1/chat/completions"), ("/v1/", "/v1/chat/completions"),
    ("/lab", "/lab/v1/chat/completions"), ("/lab/v2", "/lab/v2/chat/completions"), ("/v1/chat/completions", "/v1/chat/completions"),
    ("/v1/projects/p/locations/l/endpoints/7", "/v1/projects/p/locations/l/endpoints/7/chat/completions"),
    ("/v1beta/openai", "/v1beta/openai/chat/completions"),
])
def test_where_a_base_url_leads(serve, front, base, path):
    server = serve(servers.serve("openai"))
    daemon = front({"lab": {"kind": "openai", "base_url": server.url + base}})
    assert daemon.ask(wire.chat(model="m")).status == 200
    assert server.requests[0].path == path


def test_a_key_is_a_bearer_and_the_clients_own_stays_here(lab):
    daemon, server = lab("openai", credentials={"api_key": "sk-lab"})
    assert daemon.chat(headers={"Authorization": "Bearer mine", "x-stainless-lang": "python"}).status == 200
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer sk-lab"
    assert set(headers) == {"host", "user-agent", "content-type", "content-length", "authorization", "x-request-id"}


def test_the_callers_own_bearer_goes_on_where_that_is_configured(lab):
    daemon, server = lab("openai", credentials="caller")
    assert daemon.chat(headers={"Authorization": "Bearer mine"}).status == 200
    assert server.requests[0].headers["authorization"] == "Bearer mine"
    answer = daemon.chat()
    assert (answer.status, answer.error["code"]) == (401, "missing_token")
    assert len(server.requests) == 1


@pytest.mark.parametrize("members", [{}, {"model": ""}, {"model": None}, {"model": "google/gemma-3"}], ids=str)
@pytest.mark.parametrize("kind", ["vllm", "tgi"])
def test_an_endpoint_takes_any_model(lab, kind, members):
    """I1: the samples of Google's pages send none, "" or anything; a server that serves one model is asked for it by none."""
    daemon, server = lab(kind)
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], **members}).encode()
    answer = daemon.ask(wire.request("POST", ENDPOINT, body))
    assert (answer.status, answer.json["model"]) == (200, members.get("model") or NAMES[kind])
    assert "model" not in body_of(server)


def test_an_endpoint_with_a_configured_model(lab):
    daemon, server = lab("vllm", model="Qwen/Qwen3-8B")
    assert daemon.ask(wire.chat(path=ENDPOINT, model="anything")).json["model"] == "anything"
    assert body_of(server)["model"] == "Qwen/Qwen3-8B"


def test_the_upstreams_own_name_before_a_model_goes(lab):
    daemon, server = lab("vllm")
    assert daemon.ask(wire.chat(model="lab/Qwen/Qwen3-8B")).json["model"] == "lab/Qwen/Qwen3-8B"
    assert body_of(server)["model"] == "Qwen/Qwen3-8B"


def test_hostile_model_names_stay_in_the_body(lab):
    """J17."""
    daemon, server = lab("vllm")
    names = ["../../v1/models/x:delete", "/etc/passwd", "a?key=b#c", "%2e%2e/x", "a\r\nHost: evil", "\u0000", "é", "a" * 512, "\\", '"}', "{}"]
    for name in names:
        answer = daemon.ask(wire.chat(model=name))
        assert (answer.status, answer.json["model"]) == (200, name)
        assert body_of(server)["model"] == name
    assert {request.path for request in server.requests} == {"/v1/chat/completions"}
    assert daemon.ask(wire.chat(model="a" * 513)).status == 400


def test_the_body_arrives_as_it_left(lab):
    daemon, server = lab("vllm")
    body = b'{ "model":"m" ,\n"seed": 2512292042121000001,"x":1.50e1, "messages":[{"role":"user","content":"\\u00e9 \\ud83d\\ude00"}] }'
    assert daemon.ask(wire.request("POST", wire.CHAT, body)).status == 200
    assert server.requests[0].body == body


def test_a_large_body_arrives_as_it_left(lab):
    daemon, server = lab("vllm", model="served")
    image = "data:image/png;base64," + "iVBORw0K" * 500_000
    content = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": image}}]
    assert daemon.ask(wire.chat(model="m", messages=[{"role": "user", "content": content}]), timeout=30).status == 200
    assert body_of(server)["messages"][0]["content"] == content and body_of(server)["model"] == "served"


@pytest.mark.parametrize("form", ["reasoning_content", "reasoning", "both", "tag", "off"])
def test_reasoning_is_given_as_the_setting_says(lab, form):
    daemon, _ = lab("vllm", servers.serve("vllm", reasoning="Hm."), settings=[f"reasoning={form}"])
    message = daemon.ask(wire.chat(model="m")).json["choices"][0]["message"]
    wanted = {"reasoning_content": ["reasoning_content"], "reasoning": ["reasoning"], "both": ["reasoning_content", "reasoning"]}
    assert [name for name in ("reasoning_content", "reasoning") if message.get(name) == "Hm."] == wanted.get(form, [])
    assert message["content"] == ("<thought>Hm.</thought>Hello there." if form == "tag" else "Hello there.")


# --- both sorts ----------------------------------------------------------------------------------


def test_one_conversation_moves_from_gemini_to_vllm_and_back(serve, front):
    """A call of Gemini's with its signature, then vLLM with its thoughts, then Gemini again: each takes the other's history."""
    signed = {"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2lnbmVk"}

    def gemini(peer):
        while peer.request():
            first = len(peer.server.requests) == 1
            parts = [signed] if first else [{"text": "Sun, as I said."}]
            peer.send(sized(json.dumps({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
                                        "modelVersion": "gemini-3-pro"}).encode()))
    google, vllm = serve(gemini), serve(servers.serve("vllm", reasoning="Hm."))
    daemon = front({"google": {"kind": "vertex", "base_url": google.url, "credentials": "none"},
                    "lab": {"kind": "vllm", "base_url": vllm.url}}, "reasoning=both",
                   models=[{"match": "google/*", "upstream": "google"}, {"match": "lab/*", "upstream": "lab"}])
    messages = [{"role": "user", "content": "Weather in Oslo?"}]

    def ask(model):
        answer = daemon.ask(wire.chat(model=model, messages=messages))
        assert answer.status == 200, answer.body
        messages.append(answer.json["choices"][0]["message"])
        return answer

    ask("google/gemini-3-pro-preview")
    call, = messages[-1]["tool_calls"]
    assert call["extra_content"]["google"]["thought_signature"] == "c2lnbmVk"
    messages.append({"role": "tool", "tool_call_id": call["id"], "content": "sun"})
    moved = ask("lab/qwen3")
    assert moved["x-dragoman-upstream"] == "lab" and "extra_content" in moved["x-dragoman-ignored"]
    assert "extra_content" not in json.dumps(body_of(vllm)) and body_of(vllm)["model"] == "qwen3"
    messages.append({"role": "user", "content": "Sure?"})
    back = ask("google/gemini-3-pro-preview")
    assert back.json["choices"][0]["message"]["content"] == "Sun, as I said."
    assert "c2lnbmVk" in google.requests[-1].body.decode()
    messages.append({"role": "user", "content": "And now?"})
    ask("lab/qwen3")
    assistant = [message for message in body_of(vllm)["messages"] if message.get("reasoning")]
    assert assistant and all(message["reasoning_content"] == "Hm." for message in assistant)


def test_by_model_where_both_sorts_are_configured(serve, front):
    google, lab = serve(lambda peer: peer.request() and peer.send(sized(native()))), serve(servers.serve("tgi"))
    daemon = front({"google": {"kind": "gemini", "base_url": google.url, "credentials": "none", "model": "gemini-2.5-pro"},
                    "lab": {"kind": "tgi", "base_url": lab.url}},
                   models=[{"match": "qwen*", "upstream": "lab"}, {"match": "google/gemini*", "upstream": "google"}])
    assert daemon.ask(wire.chat(model="qwen3"))["x-dragoman-upstream"] == "lab"
    assert daemon.ask(wire.chat(model="google/gemini-2.5-flash"))["x-dragoman-upstream"] == "google"
    assert "/gemini-2.5-pro:" in google.requests[0].path
    for body, status in ((b'{"model": "other", "messages": [{"role": "user", "content": "x"}]}', 404), (b'{"model": "qw', 400),
                         (b'{"messages": [{"role": "user", "content": "x"}]}', 404), (b"", 400)):
        answer = daemon.ask(wire.request("POST", wire.CHAT, body))
        assert answer.status == status, answer.body


def test_the_short_way_on_the_command_line(serve, start):
    server = serve(servers.serve("openai"))
    daemon = start(args=("--upstream", f"openai={server.url}/v1"))
    assert daemon.ask(wire.chat(model="gpt-local"))["x-dragoman-upstream"] == "openai"
    assert "no effect" not in daemon.log()


@pytest.mark.parametrize("endpoint", ["4815162342", "tgi-2.3"])
def test_the_emulators_endpoints(daemon, endpoint):
    """Without a configuration every endpoint id is answered, by the emulator's vLLM or TGI."""
    path = f"/v1/projects/p/locations/europe-west4/endpoints/{endpoint}/chat/completions"
    whole = daemon.ask(wire.chat(path=path, model=""))
    assert (whole.status, whole["x-dragoman-upstream"]) == (200, "emulator")
    streamed = daemon.ask(wire.chat(path=path, model="any", stream=True, stream_options={"include_usage": True}))
    assert check_chunks(events_of(streamed), "any", usage=True).texts == check_completion(whole.json, whole.json["model"]).texts
