# SPDX-License-Identifier: Apache-2.0
"""An upstream over the network: what it gets, how its answers may be framed, and answers that are none."""

import itertools
import json
import socket
import threading
import time

import pytest
import wire
from chunks import check_chunks, check_completion
from upstream import HEAD, LAST_CHUNK, STREAM, STREAM_HEAD, chat, chunk, error_of, event, events_of, native, sized
from waiting import wait_for


# --- what the server gets -----------------------------------------------------------------------


def test_the_request_on_the_wire(serve, front):
    server = serve()
    daemon = front(server)
    path = "/v1/projects/p-1/locations/europe-west4/endpoints/openapi/chat/completions"
    secrets = {"Authorization": "Bearer of-the-client", "x-goog-api-key": "k", "Cookie": "c", "x-dragoman-emulate": "x"}
    assert daemon.ask(wire.chat(path=path, headers=secrets)).status == 200
    assert daemon.ask(wire.chat(path=path, stream=True)).status == 200
    whole, streamed = server.requests
    assert whole.line == ("POST /v1/projects/p-1/locations/europe-west4/publishers/google/models/gemini-2.0-flash-001"
                          ":generateContent HTTP/1.1")
    assert streamed.path.endswith(":streamGenerateContent?alt=sse")
    assert set(whole.headers) == {"host", "user-agent", "content-type", "content-length"}, "nothing of the client's goes on"
    assert whole.headers["host"] == f"127.0.0.1:{server.port}"
    assert whole.headers["user-agent"].startswith("dragoman/")
    assert json.loads(whole.body)["contents"] == [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]


@pytest.mark.parametrize("members, path", [
    ({"project": "mine", "locations": ["us-east1", "global"]}, "/v1/projects/mine/locations/us-east1/publishers/google/models/"),
    ({}, "/v1/projects/dragoman/locations/global/publishers/google/models/"),
    ({"kind": "gemini"}, "/v1beta/models/"),
])
def test_project_and_location_are_the_configurations(serve, front, members, path):
    server = serve()
    daemon = front(server.url + "/proxy/", **members)
    assert chat(daemon).status == 200
    assert server.requests[0].path == f"/proxy{path}gemini-2.0-flash-001:generateContent"


@pytest.mark.parametrize("members", [{}, {"kind": "vllm"}])
def test_what_lacks_credentials_says_so(front, members):
    message = error_of(chat(front("http://127.0.0.1:1", credentials="adc", **members)), 502, "credentials_refused")
    assert "No credentials were found" in message and "back" in message


# --- how answers are framed ---------------------------------------------------------------------


def bytewise(peer, data):
    for byte in data:
        peer.send(bytes([byte]))


FRAMINGS = {
    "sized": lambda body: sized(body),
    "chunked": lambda body: HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body[:7]) + chunk(body[7:]) + LAST_CHUNK,
    "to the close": lambda body: HEAD + b"\r\n" + body,
    "HTTP/1.0": lambda body: HEAD.replace(b"1.1", b"1.0") + b"\r\n" + body,
    "after 1xx": lambda body: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + sized(body),
    "trailers": lambda body: HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body) + b"0\r\nx-sum: 1\r\n\r\n",
    "a head of 60 KiB": lambda body: sized(body, HEAD + b"x-pad: " + b"p" * 60000 + b"\r\n"),
}


def test_framings(serve, front):
    """One daemon for all: a connection that could be kept is used by the next."""
    now = {}

    def behave(peer):
        while request := peer.request():
            case = dict(now)  # the test goes on to the next when it has the answer
            data = FRAMINGS[case["framing"]](STREAM if request.streams else native())
            bytewise(peer, data) if case["slowly"] else peer.send(data)
            if case["to_close"]:
                return

    server = serve(behave)
    daemon = front(server)
    for framing, slowly, stream in itertools.product(FRAMINGS, (False, True), (False, True)):
        if slowly and "KiB" in framing:
            continue
        now.update(framing=framing, slowly=slowly, to_close=framing in ("to the close", "HTTP/1.0"))
        kept, before = daemon.stats()["upstream_connections"], server.connections
        for _ in range(2):
            answer = chat(daemon, stream=stream)
            said = check_chunks(events_of(answer), wire.MODEL) if stream else check_completion(answer.json, wire.MODEL)
            assert said.texts == ["Hello there."], now
            if now["to_close"]:
                wait_for(lambda: daemon.stats()["upstream_connections"] == 0)
        assert server.connections - before == (2 if now["to_close"] else 1) - kept, now


def test_a_stream_arrives_piece_by_piece(serve, front):
    going = threading.Event()

    def behave(peer):
        peer.request()
        peer.send(STREAM_HEAD + chunk(event("Hello ")))
        assert going.wait(10)
        peer.send(chunk(event("there.", "STOP")) + LAST_CHUNK)

    with front(serve(behave)).connect() as connection:
        connection.send(wire.chat(stream=True))
        assert connection.head().status == 200
        assert b'"Hello "' in connection.chunk()
        going.set()
        rest = b""
        while piece := connection.chunk():
            rest += piece
    assert wire.events(rest)[-1] == "[DONE]"


@pytest.mark.parametrize("behind", [b"HTTP/1.1 200 OK\r\n", b"garbage"])
@pytest.mark.parametrize("later", [False, True])
def test_bytes_behind_an_answer_end_the_connection(serve, front, behind, later):
    def behave(peer):
        peer.request()
        if later:
            peer.send(sized())
            time.sleep(0.1)
            peer.send(behind)
        else:
            peer.send(sized() + behind)
        peer.wait_closed()

    server = serve(behave)
    daemon = front(server)
    for n in (1, 2):
        assert chat(daemon).status == 200
        wait_for(lambda: daemon.stats()["upstream_connections"] == 0)
        assert (server.connections, len(server.requests)) == (n, n)


def test_connection_close_is_obeyed(serve, front):
    def behave(peer):
        peer.request()
        peer.send(sized(head=HEAD + b"Connection: close\r\n"))
        assert peer.wait_closed() < 2

    server = serve(behave)
    daemon = front(server)
    assert [chat(daemon).status for _ in range(3)] == [200] * 3
    assert server.connections == 3 and daemon.stats()["replayed_total"] == 0


# --- a server that fails ------------------------------------------------------------------------


def once(data, reset=False):
    """A server that says this to each connection's first request, and closes."""
    def behave(peer):
        peer.request()
        peer.send(data)
        if reset:
            time.sleep(0.05)
            peer.reset()
    return behave


BROKEN = {
    "garbage": b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a head of 70 KiB": HEAD + b"x-pad: " + b"p" * 70000 + b"\r\n\r\n",
    "a head without end": HEAD + b"x-pad: 1\r\n" * 90 + b"x-pad: " + b"p" * 100000,
    "gzip": sized(head=HEAD + b"Content-Encoding: gzip\r\n"),
    "no JSON": sized(b"<html>It works!</html>"),
    "a bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


def test_answers_that_are_none(serve, front):
    server = serve()
    daemon = front(server)
    for n, (broken, stream) in enumerate(itertools.product(BROKEN, (False, True)), 1):
        server.behave = once(BROKEN[broken])
        answer = chat(daemon, stream=stream)
        assert answer.status == 502 and answer.error["code"] in ("upstream_error", "upstream_cut"), (broken, answer)
        assert len(server.requests) == n, f"{broken}: a fresh connection's request goes out once"
        wait_for(lambda: daemon.stats()["upstream_connections"] == 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_page_tells_where_it_was_asked(serve, front, stream):
    """user-pain G7: the frontend's page says nothing of the address that was wrong; its query stays here."""
    server = serve(once(sized(b"<title>Error 404</title>", b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n")))
    daemon = front(f"{server.url}/proxy", project="p", locations=["europe-west1"])
    answer = chat(daemon, stream=stream)
    assert answer["content-type"] == "application/json"
    call = "streamGenerateContent" if stream else "generateContent"
    url = f"{server.url}/proxy/v1/projects/p/locations/europe-west1/publishers/google/models/gemini-2.0-flash-001:{call}"
    assert f"It was asked at {url}." in error_of(answer, 404, "model_not_found")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_when_to_ask_again_stands_in_headers(serve, front, stream):
    """user-pain G1: Google tells in the body; OpenAI's SDKs look at headers."""
    body = {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.0001s"}]}}
    head = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
    daemon = front(serve(once(sized(json.dumps(body).encode(), head))))
    answer = chat(daemon, stream=stream)
    assert error_of(answer, 429, "rate_limit_exceeded") == "Slow down."
    assert (answer["retry-after"], answer["retry-after-ms"], answer["x-should-retry"]) == ("2", "1001", None)
    body["error"]["details"][0]["retryDelay"] = "3600s"
    answer = chat(front(serve(once(sized(json.dumps(body).encode(), head)))), stream=stream)
    assert (answer["retry-after"], answer["x-should-retry"]) == ("3600", "false")


CUTS = {
    "before a byte": b"",
    "in the head": HEAD,
    "in a sized body": sized()[:-5],
    "in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(native())[:-9],
    "before the last chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(native()),
}


def test_a_whole_answer_that_breaks_off(serve, front):
    server = serve()
    daemon = front(server)
    for n, (cut, reset) in enumerate(itertools.product(CUTS, (False, True)), 1):
        server.behave = once(CUTS[cut], reset)
        error_of(chat(daemon), 502, "upstream_cut")
        assert len(server.requests) == n, (cut, reset)


def test_a_stream_that_breaks_off_never_ends_well(serve, front):
    server = serve()
    daemon = front(server)
    lasts = (b"", chunk(event("there.", "STOP")))  # unfinished, finished
    for n, (last, reset) in enumerate(itertools.product(lasts, (False, True)), 1):
        server.behave = once(STREAM_HEAD + chunk(event("Hello ")) + last, reset)
        answer = chat(daemon, stream=True)
        assert answer.status == 200 and "[DONE]" not in answer.events, (last, reset)
        assert json.loads(answer.events[-1])["error"]["code"] == "upstream_cut", (last, reset)
        assert not any('"finish_reason":"stop"' in event for event in answer.events), (last, reset)
        assert len(server.requests) == n, (last, reset)


def test_nobody_listens(front):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        daemon = front(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert "refused" in error_of(chat(daemon), 502, "upstream_unreachable")
        error_of(chat(daemon, stream=True), 502, "upstream_unreachable")


def test_a_name_that_is_none(front):
    error_of(chat(front("http://no-such-host.invalid:80")), 502, "upstream_unreachable")


def test_names_and_both_families(serve, front):
    server = serve()
    daemon = front(server.url.replace("127.0.0.1", "localhost"))  # ::1 may come first, where nobody listens
    assert chat(daemon).status == 200
    assert server.requests[0].headers["host"] == f"localhost:{server.port}"
