# SPDX-License-Identifier: Apache-2.0
"""Answers that are none (user-pain C2, F6): asked for once more while nothing has left, then an error; never an empty success."""

import json
import time

import pytest
import wire
from chunks import check_chunks, check_completion
from upstream import LAST_CHUNK, STREAM_HEAD, Upstream, answer, chunk, native, sized

EMPTY = json.dumps({"candidates": [{"finishReason": "STOP", "index": 0}], "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}).encode()


def ended(reason):
    return EMPTY.replace(b"STOP", reason.encode())


NOTHING = {"stop": (EMPTY, "empty_response"), "no parts": (native("", "STOP"), "empty_response"),
           "malformed": (ended("MALFORMED_FUNCTION_CALL"), "malformed_function_call"),
           "unexpected": (ended("UNEXPECTED_TOOL_CALL"), "malformed_function_call")}


def relayed(content, finish, stream):
    choice = {"index": 0, "delta" if stream else "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    body = json.dumps({"id": "x", "object": "chat.completion" + ".chunk" * stream, "created": 1, "model": "m", "choices": [choice],
                       "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})
    return STREAM_HEAD + chunk(event(body.encode()) + event(b"[DONE]")) + LAST_CHUNK if stream else sized(body.encode())


def event(body):
    return b"data: " + body + b"\r\n\r\n"


def say(body, request):
    return STREAM_HEAD + chunk(event(body)) + LAST_CHUNK if request.streams else sized(body)


@pytest.fixture
def front(start, tmp_path):
    """front(["stop", None], "ask_again=false"): a Dragoman before a server that answers so, one request after the other, the
    last word for all further ones: a row of NOTHING, the answer's bytes, or None for a sound one."""
    servers = []

    def start_one(turns, *settings, kind="gemini", wait_s=0, **members):
        def behave(peer):
            while request := peer.request():
                turn = turns[min(len(peer.server.requests), len(turns)) - 1]
                time.sleep(wait_s)
                peer.send(answer(request) if turn is None else turn if isinstance(turn, bytes) else say(NOTHING[turn][0], request))
        server = Upstream(behave)
        servers.append(server)
        file = tmp_path / "dragoman.yaml"
        upstream = {"kind": kind, "base_url": server.url, "credentials": "none", **members}
        file.write_text(json.dumps({"upstreams": {"g": upstream}}))
        daemon = start("log.access=true", *settings, args=("--config", str(file)))
        return daemon, server

    yield start_one
    for server in servers:
        server.close()


def chat(daemon, stream, **members):
    return daemon.ask(wire.chat(stream=stream, **members))


def texts(said, stream):
    assert said.status == 200, said.body
    if not stream:
        return check_completion(said.json, wire.MODEL).texts
    assert said.events[-1] == "[DONE]"
    return check_chunks([json.loads(each) for each in said.events[:-1]], wire.MODEL).texts


def counted(daemon):
    stats = daemon.stats()
    return stats["attempts_total"], stats["unsaid_total"], stats["repeated_total"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("what", NOTHING)
def test_it_is_asked_once_more(front, what, stream):
    daemon, server = front([what, None])
    assert texts(chat(daemon, stream), stream) == ["Hello there."]
    one, two = server.requests
    assert (one.line, one.body) == (two.line, two.body)
    assert counted(daemon) == (2, 1, 1)
    assert "attempts=2" in daemon.log()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("what", NOTHING)
def test_then_it_is_an_error(front, what, stream):
    daemon, server = front([what])
    said = chat(daemon, stream)
    assert (said.status, said.error["code"]) == (502, NOTHING[what][1]), said.body
    assert said["retry-after"] is None
    assert len(server.requests) == 2 and counted(daemon) == (2, 2, 1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_request_has_one_more_whatever_it_was(front, stream):
    """Not one for each sort; and the error is the last answer's."""
    daemon, server = front(["stop", "malformed", None])
    said = chat(daemon, stream)
    assert (said.status, said.error["code"]) == (502, "malformed_function_call")
    assert len(server.requests) == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_it_can_be_left(front, stream):
    daemon, server = front(["stop", None], "ask_again=false")
    said = chat(daemon, stream)
    assert (said.status, said.error["code"]) == (502, "empty_response")
    assert len(server.requests) == 1 and counted(daemon) == (1, 1, 0)


def test_nothing_is_asked_again_once_it_is_heard(front):
    """Thoughts have left: what follows is told where it stands, in the stream."""
    thought = native("Hm", None).replace(b'"text"', b'"thought": true, "text"')
    daemon, server = front([STREAM_HEAD + chunk(b"data: " + thought + b"\r\n\r\n")
                            + chunk(b"data: " + ended("MALFORMED_FUNCTION_CALL") + b"\r\n\r\n") + LAST_CHUNK])
    said = chat(daemon, True)
    assert said.status == 200 and "[DONE]" not in said.events
    assert json.loads(said.events[-1])["error"]["code"] == "malformed_function_call"
    assert len(server.requests) == 1 and counted(daemon) == (1, 1, 0)


def test_comments_are_not_heard(front):
    """They have left, and the status with them: the second answer goes on in the same stream."""
    daemon, server = front(["stop", None], "timeouts.comment=100ms", wait_s=0.4)
    said = chat(daemon, True)
    assert b": still waiting" in said.body
    assert texts(said, True) == ["Hello there."] and len(server.requests) == 2


def test_a_large_answer_of_nothing(front):
    """Translated in a thread."""
    daemon, server = front([sized(EMPTY[:-1] + b', "x": "' + b"x" * 200000 + b'"}'), None])
    assert texts(chat(daemon, False), False) == ["Hello there."]
    assert len(server.requests) == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_call_that_a_server_of_ones_own_lost(front, stream):
    """Its parser did (vllm#44326)."""
    daemon, server = front([relayed("", "tool_calls", stream), relayed("Hello there.", "stop", stream)], kind="vllm")
    assert texts(chat(daemon, stream), stream) == ["Hello there."]
    assert len(server.requests) == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_with_places_to_choose_from(front, stream):
    """The same one is asked: it is there. What comes of it says nothing against it."""
    daemon, server = front(["malformed", None], kind="vertex", project="p", locations=["eu", "us"])
    said = chat(daemon, stream)
    assert texts(said, stream) == ["Hello there."] and said["x-dragoman-upstream"] == "g/eu"
    assert counted(daemon) == (2, 1, 1) and daemon.stats()["failovers_total"] == daemon.stats()["resting"] == 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_server_that_says_nothing_does_not_sleep(front, stream):
    """With cold_start a server's 502 says that it does; a 502 of ours is none of its."""
    daemon, server = front([relayed("", "tool_calls", stream)], kind="vllm", cold_start={"max_wait": "30s"})
    assert chat(daemon, stream).error["code"] == "malformed_function_call"
    assert len(server.requests) == 2 and daemon.stats()["resting"] == 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_by_the_emulator(start, tmp_path, stream):
    """A scenario that fails once."""
    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps({"rules": [
        {"name": "once", "times": 1, "answer": {"responder": "finish:MALFORMED_FUNCTION_CALL"}},
        {"name": "then", "when": {"prompt": "twice"}, "times": 1, "answer": {"responder": "empty-stop"}},
        {"name": "well", "answer": {"text": "Hello there."}}]}))
    daemon = start(f"emulator.scenario={file}", "emulator.first_ms=0")
    assert texts(chat(daemon, stream), stream) == ["Hello there."]
    assert counted(daemon) == (2, 1, 1)
    assert json.loads(daemon.get("/_dragoman/emulator").body)["counts"]["scenario"]["once"] == 1
