# SPDX-License-Identifier: Apache-2.0
"""An upstream over the network: two Dragomans in a chain, and servers that do what servers do."""

import contextlib
import itertools
import json
import socket
import threading
import time

import pki
import pytest
import upstream
import wire
from chunks import check_chunks, check_completion
from upstream import HEAD, LAST_CHUNK, STREAM, STREAM_HEAD, Upstream, chat, chunk, configuration, event, native, sized
from waiting import wait_for

HELD = ("connections", "exchanges", "calls", "streams", "upstream_connections")


@pytest.fixture(params=["http", "https"])
def serve(request):
    """serve(behave): a server of the test's own, plain and with TLS."""
    servers = []
    tls = pki.server() if request.param == "https" else None

    def serve_one(behave=upstream.serve, **options):
        servers.append(Upstream(behave, **{"tls": tls, **options}))
        return servers[-1]

    yield serve_one
    for server in servers:
        server.close()


@pytest.fixture
def front(start, tmp_path):
    """front(server, "timeouts.idle=1s", project="p"): a Dragoman before it."""
    def start_one(server, *settings, **members):
        url = server if isinstance(server, str) else server.url
        if url.startswith("https:"):
            members = {"ca": str(pki.authority()), **members}
        return start(*settings, args=("--config", str(configuration(tmp_path, url, **members))))
    return start_one


@pytest.fixture
def chain(start, front):
    """Two Dragomans; the second has the emulator. Options are the second's."""
    def start_two(**options):
        back = start(**options)
        return front(back.url), back
    return start_two


def events_of(answer):
    assert (answer.status, answer.events[-1]) == (200, "[DONE]"), answer
    return [json.loads(event) for event in answer.events[:-1]]


def error_of(answer, status, code):
    assert (answer.status, answer.error["code"]) == (status, code), answer.body
    return answer.error["message"]


# --- a chain of two -----------------------------------------------------------------------------


def test_a_chain_answers_as_the_emulator_does(chain, daemon):
    front, _ = chain()
    through, direct = chat(front), chat(daemon)
    assert through["x-dragoman-upstream"] == "back/global"
    assert check_completion(through.json, wire.MODEL) == check_completion(direct.json, wire.MODEL)
    through, direct = (chat(each, stream=True, stream_options={"include_usage": True}) for each in (front, daemon))
    assert check_chunks(events_of(through), wire.MODEL, usage=True) == check_chunks(events_of(direct), wire.MODEL, usage=True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("members, status, code", [
    ({"model": "google/gemini-none"}, 404, "model_not_found"),
    ({"temperature": 7}, 400, None),
])
def test_googles_errors_come_through_a_chain(chain, daemon, members, status, code, stream):
    front, _ = chain()
    asked = wire.request("POST", wire.CHAT, wire.body(stream=stream, **members))
    through, direct = front.ask(asked), daemon.ask(asked)
    assert (through.status, through.json) == (direct.status, direct.json) and through.status == status
    assert code is None or through.error["code"] == code


def test_pieces_come_through_a_chain_when_they_are_made(chain):
    front, _ = chain(pace=(200, 100))
    with front.connect() as connection:
        connection.send(wire.chat(stream=True, max_tokens=60))
        assert connection.head().status == 200
        times = []
        while piece := connection.chunk():
            times.append(time.monotonic())
            assert piece.endswith(b"\n\n"), "a piece is whole events"
    gaps = sorted(late - early for early, late in zip(times, times[1:]))
    assert len(gaps) >= 3 and 0.05 < gaps[len(gaps) // 2] < 0.2, gaps


def test_large_bodies_pass_a_chain(chain):
    front, _ = chain()
    for _ in range(3):
        answer = chat(front, text="long " * 800_000)
        assert answer.status == 200 and check_completion(answer.json, wire.MODEL)
    assert front.stats()["upstream_connections_total"] == 1


def test_a_thousand_requests_use_one_connection(chain):
    front, back = chain(pace=(0, 0))
    with front.connect(60) as connection:
        for i in range(1000):
            connection.send(wire.chat(stream=i % 2 == 1, max_tokens=5))
            assert connection.answer().status == 200
    stats = front.stats()
    assert (stats["upstream_connections_total"], stats["upstream_connections"], stats["replayed_total"]) == (1, 1, 0)
    assert back.stats()["requests_total"] >= 1000


def test_as_many_connections_as_calls_at_once(chain):
    front, back = chain(pace=(100, 1))
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(front.connect(30)) for _ in range(32)]
            for i, connection in enumerate(connections):
                connection.send(wire.chat(f"What is number {i}?", stream=True))
            for i, connection in enumerate(connections):
                said = check_chunks(events_of(connection.answer()), wire.MODEL)
                assert f"number {i}?" in said.texts[0]
    assert front.stats()["upstream_connections_total"] == 32


def test_an_upstream_that_restarts(start, front):
    back = start()
    daemon = front(back.url)
    assert chat(daemon).status == 200
    back.process.terminate()
    back.wait_end()
    wait_for(lambda: daemon.stats()["upstream_connections"] == 0)
    error_of(chat(daemon), 502, "upstream_unreachable")
    start(port=back.port)
    assert chat(daemon).status == 200


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


@pytest.mark.parametrize("members, why", [
    ({"credentials": "adc"}, "credentials"),
    ({"kind": "vllm", "credentials": "adc"}, "credentials"),
])
def test_what_can_not_be_called_yet_says_so(front, members, why):
    message = error_of(chat(front("http://127.0.0.1:1", **members)), 404, "endpoint_not_found")
    assert why in message and "back" in message


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
            data = FRAMINGS[now["framing"]](STREAM if request.streams else native())
            bytewise(peer, data) if now["slowly"] else peer.send(data)
            if now["to_close"]:
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


@pytest.fixture
def full():
    """A port that neither accepts nor refuses: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        time.sleep(0.1)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_connect_timeout(front, full):
    daemon = front(full, "timeouts.connect=300ms")
    began = time.monotonic()
    assert "timed out" in error_of(chat(daemon), 502, "upstream_unreachable")
    assert 0.2 < time.monotonic() - began < 2


def test_a_client_that_leaves_while_connecting(front, full):
    daemon = front(full)
    idle = daemon.stats()
    for _ in range(5):
        with daemon.connect() as connection:
            connection.send(wire.chat())
            wait_for(lambda: daemon.stats()["upstream_connections"] == 1)
        wait_for(lambda: all(daemon.stats()[key] <= idle[key] for key in HELD), 1)


def test_draining_while_connecting(front, full):
    daemon = front(full, "timeouts.drain=300ms")
    with daemon.connect() as connection:
        connection.send(wire.chat())
        wait_for(lambda: daemon.stats()["upstream_connections"] == 1)
        daemon.process.terminate()
        assert daemon.wait_end(5) == 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_more_calls_than_connections_wait_in_line(serve, front, stream):
    """One place, one may wait: the third is refused at once, the second when it has waited too long, or gets its turn."""
    going = threading.Event()

    def behave(peer):
        while request := peer.request():
            assert going.wait(20)
            peer.send(upstream.answer(request))

    server = serve(behave)
    daemon = front(server, "limits.upstream_connections=1", "limits.waiting=1", "timeouts.waiting=600ms")
    with contextlib.ExitStack() as stack:
        first, late, refused, last = (stack.enter_context(daemon.connect()) for _ in range(4))
        first.send(wire.chat(stream=stream))
        wait_for(lambda: len(server.requests) == 1)
        late.send(wire.chat(stream=stream))
        wait_for(lambda: daemon.stats()["waiting"] == 1)
        refused.send(wire.chat(stream=stream))
        for connection in (refused, late):
            answer = connection.answer()
            assert "as many requests" in error_of(answer, 503, "overloaded") and answer["retry-after"] == "1"
        last.send(wire.chat(stream=stream))
        wait_for(lambda: daemon.stats()["waiting"] == 1)
        going.set()
        assert first.answer().status == last.answer().status == 200
    assert (server.connections, len(server.requests), daemon.stats()["waiting"]) == (1, 2, 0)


def stall(*data):
    def behave(peer):
        peer.request()
        for piece in data:
            peer.send(piece)
        peer.server.closed_after = peer.wait_closed()
    return behave


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("begun", [b"", HEAD[:20]], ids=["silent", "in the head"])
def test_first_byte_timeout(serve, front, begun, stream):
    server = serve(stall(begun))
    error_of(chat(front(server, "timeouts.first_byte=300ms"), stream=stream), 504, "upstream_timeout")
    wait_for(lambda: server.open == 0, 1)


def test_a_stream_that_stalls(serve, front):
    server = serve(stall(STREAM_HEAD + chunk(event("Hello "))))
    answer = chat(front(server, "timeouts.idle=300ms"), stream=True)
    assert json.loads(answer.events[-1])["error"]["code"] == "upstream_timeout" and "[DONE]" not in answer.events
    wait_for(lambda: server.open == 0, 1)


# --- a connection that was kept, and is dead ----------------------------------------------------


def test_idle_connections_that_the_server_closes_are_noticed(serve, front):
    def behave(peer):
        peer.request()
        peer.send(sized())
        peer.reset() if peer.number == 2 else None

    server = serve(behave)
    daemon = front(server)
    for n in range(1, 4):
        assert chat(daemon).status == 200
        wait_for(lambda: daemon.stats()["upstream_connections"] == 0)
        assert (server.connections, len(server.requests)) == (n, n)
    assert daemon.stats()["replayed_total"] == 0


def test_a_dead_connection_is_replayed_once(serve, front):
    def behave(peer):
        peer.send(upstream.answer(peer.request()))
        if peer.request() and reset:
            peer.reset()

    server, reset = serve(behave), False
    daemon = front(server)
    assert chat(daemon).status == 200
    for n, (large, stream, reset, _) in enumerate(itertools.product(*[(False, True)] * 4), 1):
        text = "x" * 2_000_000 if large else "x"  # each finds the last one's connection, which dies
        answer = chat(daemon, text=text, stream=stream)
        assert answer.status == 200, answer
        assert (len(server.requests), server.connections) == (1 + 2 * n, 1 + n)
        assert server.requests[-1].body == server.requests[-2].body and server.requests[-1].line == server.requests[-2].line
        assert daemon.stats()["replayed_total"] == n


def test_a_replay_is_not_replayed(serve, front):
    def behave(peer):
        if peer.number == 1:
            peer.request()
            peer.send(sized())
        peer.request()

    server = serve(behave)
    daemon = front(server)
    assert chat(daemon).status == 200
    error_of(chat(daemon), 502, "upstream_cut")
    assert len(server.requests) == 3 and daemon.stats()["replayed_total"] == 1


@pytest.mark.parametrize("begun", [b"H", HEAD, b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_byte_of_an_answer_forbids_a_replay(serve, front, begun):
    def behave(peer):
        peer.request()
        peer.send(sized())
        if peer.request():
            peer.send(begun)

    server = serve(behave)
    daemon = front(server)
    assert chat(daemon).status == 200
    error_of(chat(daemon), 502, "upstream_cut")
    assert len(server.requests) == 2 and daemon.stats()["replayed_total"] == 0


def test_a_replay_where_nobody_listens_any_more(serve, front):
    server = serve(lambda peer: (peer.request(), peer.send(sized()), peer.server.refuse(), peer.request()))
    daemon = front(server)
    assert chat(daemon).status == 200
    error_of(chat(daemon), 502, "upstream_unreachable")


# --- back-pressure and leaving ------------------------------------------------------------------


def test_a_client_that_leaves_ends_the_upstreams_work(serve, front):
    server = serve()
    daemon = front(server)
    idle = daemon.stats()
    begun = (b"", STREAM_HEAD, STREAM_HEAD + chunk(event("Hello ")))  # silent, head, in mid-stream
    for n, (data, leave) in enumerate(itertools.product(begun, ("fin", "rst")), 1):
        server.behave = stall(data)
        with daemon.connect() as connection:
            connection.send(wire.chat(stream=True))
            wait_for(lambda: len(server.requests) == n)
            time.sleep(0.1)
            if leave == "rst":
                connection.reset()
        wait_for(lambda: server.open == 0, 1)
        wait_for(lambda: all(daemon.stats()[key] <= idle[key] for key in HELD), 1)


def test_a_slow_client_slows_the_upstream(serve, front):
    sent, most = [0], 200 << 20
    lot = chunk(event("x" * 2000) * 16)

    def behave(peer):
        peer.request()
        peer.send(STREAM_HEAD)
        while sent[0] < most:
            peer.send(lot)
            sent[0] += len(lot)

    server = serve(behave)
    daemon = front(server)
    with daemon.connect() as connection:
        connection.send(wire.chat(stream=True))
        connection.head()
        wait_for(lambda: sent[0] > 0)
        before = -1
        while before != sent[0]:
            before = sent[0]
            time.sleep(0.3)
        assert before < 40 << 20, "the kernel's buffers and ours hold so much, not the whole"
        held = daemon.stats()["held_bytes"]
        assert held < 1 << 20, held
        for _ in range(200):  # it goes on when the client reads
            connection.chunk()
        wait_for(lambda: sent[0] > before)
    wait_for(lambda: server.open == 0, 1)


def test_a_server_that_does_not_read_holds_no_copy(serve, front):
    reading = threading.Event()

    def behave(peer):
        assert reading.wait(20)
        peer.send(upstream.answer(peer.request()))

    daemon = front(serve(behave))
    text = "x" * (20 << 20)
    with daemon.connect(30) as connection:
        connection.send(wire.chat(text))
        wait_for(lambda: daemon.stats()["calls"] == 1)
        time.sleep(0.2)
        held = daemon.stats()["held_bytes"]
        reading.set()
        assert connection.answer().status == 200
    assert held < 68 << 20, f"{held}: the body, in a buffer that grows by doubling, and no second one"


def test_an_answer_before_the_request_is_whole(serve, front):
    refusal = json.dumps({"error": {"code": 400, "message": "Too long.", "status": "INVALID_ARGUMENT"}}).encode()

    def behave(peer):
        while b"\r\n\r\n" not in peer.kept:
            peer._more()
        peer.send(sized(refusal, HEAD.replace(b"200 OK", b"400 Bad Request")))
        time.sleep(1)  # reads no more: a request that were sent whole after all could keep its connection
        peer.wait_closed()

    server = serve(behave)
    daemon = front(server)
    answer = chat(daemon, text="x" * (20 << 20))
    assert answer.status == 400 and "Too long." in answer.error["message"]
    wait_for(lambda: server.open == 0)
