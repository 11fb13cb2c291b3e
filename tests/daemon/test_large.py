# SPDX-License-Identifier: Apache-2.0
"""Large bodies are worked on off the loop: they hold nobody else's requests, and end as any other does (user-pain J5)."""

import contextlib
import json
import pathlib
import signal
import threading
import time

import bodies
import pytest
import upstream
import wire
from upstream import Upstream, configuration
from waiting import wait_for

MIB = 1 << 20
BAR_MS = 0.5 * 20  # a MiB: twice the bar of 0.5 with receiving, of a release; ten times that
HELD = ("connections", "exchanges", "calls", "streams", "jobs", "held_bytes")


def held(daemon):
    stats = daemon.stats()
    return {name: stats[name] for name in HELD}


def ask(body, version="1.1"):
    return wire.request("POST", wire.CHAT, body, version=version)


def loop_ms(daemon):
    """CPU that the worker's loop has had: its first thread. What else the machine does is not in it."""
    (pid,) = daemon.workers()
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e6


def check_held(daemon, request, status, size=0):
    """That the loop spends no more on it than the bar, receiving it and all."""
    before = loop_ms(daemon)
    with daemon.connect(30) as client:
        client.send(request)
        answer = client.answer()
    assert answer.status in status, answer.body[:500]
    assert loop_ms(daemon) - before < BAR_MS * (size or len(request)) / MIB


@pytest.fixture(scope="module")
def quick():
    from dragoman import Daemon
    daemon = Daemon(pace=(0, 0)).wait_ready()
    yield daemon
    daemon.stop()


@pytest.mark.parametrize("kind", bodies.KINDS)
def test_a_large_body_holds_nobody(quick, kind):
    """Translated and judged: 400 where the emulator counts more tokens than the model takes."""
    check_held(quick, ask(bodies.KINDS[kind](3 * MIB)), (200, 400))


def test_others_are_answered_while_a_job_runs(quick):
    with quick.connect(30) as client:
        client.send(ask(bodies.messages(2 * MIB)))
        wait_for(lambda: quick.stats()["jobs"] == 1)
        assert quick.chat(max_tokens=3).status == 200
        assert quick.stats()["jobs"] == 1
        assert client.answer().status == 200


def test_a_large_native_body_holds_nobody(quick):
    contents = [{"role": "user", "parts": bodies.many({"text": "hi"}, 3 * MIB)}]
    body = bodies.compact({"contents": contents, "generationConfig": {"maxOutputTokens": 3}}).encode()
    path = "/v1beta/models/gemini-2.0-flash:generateContent"
    check_held(quick, wire.request("POST", path, body), (200,))


def test_a_large_answer_holds_nobody(start, tmp_path):
    """Gemini's images come inline, in answers that are not streamed."""
    parts = [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoA" + "A1b2" * (2 * MIB)}}]
    candidate = {"content": {"role": "model", "parts": parts + bodies.many({"text": "hi"}, MIB)},
                 "index": 0, "finishReason": "STOP"}
    whole = json.dumps({"candidates": [candidate], "modelVersion": upstream.MODEL}).encode()

    def behave(peer):
        while peer.request():
            peer.send(upstream.sized(whole))

    server = Upstream(behave)
    front = start(args=("--config", str(configuration(tmp_path, server.url))))
    check_held(front, wire.chat(), (200,), len(whole))
    server.close()


BARE = json.dumps({"error": {"code": 400, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT"}}).encode()
REFUSALS = {"as a status": upstream.sized(BARE, b"HTTP/1.1 400 No\r\nContent-Type: application/json\r\n"),
            "as the first event": upstream.STREAM_HEAD + upstream.chunk(b"data: " + BARE + b"\n\n") + upstream.LAST_CHUNK,
            "in an array": upstream.STREAM_HEAD + upstream.chunk(b"[" + BARE + b"\n]") + upstream.LAST_CHUNK}


def refusing(*pieces, pause=0.0):
    """A server that answers so, a piece at a time."""
    def behave(peer):
        while peer.request():
            for piece in pieces:
                peer.send(piece)
                time.sleep(pause)
    return Upstream(behave)


@pytest.mark.parametrize("stream, refusal", [(False, "as a status"), *((True, each) for each in REFUSALS)])
@pytest.mark.parametrize("kind", ["messages", "calls"])
def test_the_cause_of_a_refusal_is_looked_for_off_the_loop(start, tmp_path, kind, stream, refusal):
    """Google's bare 400 (user-pain G3): the whole request is looked at once more, and a guess is told."""
    server = refusing(REFUSALS[refusal])
    front = start(args=("--config", str(configuration(tmp_path, server.url))))
    body = json.loads(bodies.KINDS[kind](2 * MIB))
    request = ask(bodies.compact({**body, "stream": stream}).encode())
    check_held(front, request, (400,))
    # Translated, of calls once more behind what is remembered of them, and looked at again; the array is read, and is known to
    # be whole at its end.
    assert front.stats()["jobs_total"] == 2 + (kind == "calls") + (refusal == "in an array")
    server.close()


@pytest.mark.parametrize("cut", [False, True])
def test_what_comes_while_a_job_reads_the_first_event(start, tmp_path, cut):
    """It is read behind that; the client gets what the small request's would get."""
    begun, rest = upstream.event("Hello "), upstream.event("there.", "STOP")
    odd = b'data: {"error":null,"candidates":' + begun[begun.index(b"["):]
    end = b"" if cut else upstream.LAST_CHUNK
    server = refusing(upstream.STREAM_HEAD + upstream.chunk(odd) + upstream.chunk(rest) + end)
    if cut:
        server.close()
        server = Upstream(lambda peer: peer.request() and peer.send(upstream.STREAM_HEAD + upstream.chunk(odd) + upstream.chunk(b"data: {")))
    front = start(args=("--config", str(configuration(tmp_path, server.url))))
    small, large = (front.ask(ask(b" " * n + wire.body(stream=True))) for n in (0, 200_000))
    assert (small.status, large.status) == (200, 200)
    texts = [[json.loads(e)["choices"][0]["delta"].get("content") if "choices" in e else json.loads(e)["error"]["code"]
              for e in each.events if e != "[DONE]"] for each in (small, large)]
    assert texts[0] == texts[1] and texts[0][0] == "Hello " and (small.events[-1] == "[DONE]") is not cut
    assert small.events[-1] == large.events[-1] or cut
    assert front.stats()["jobs_total"] == 2
    server.close()


def test_a_client_that_leaves_while_a_refusal_is_looked_into(start, tmp_path):
    server = refusing(REFUSALS["as the first event"].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
    front = start(args=("--config", str(configuration(tmp_path, server.url))))
    assert front.chat(stream=True).status == 400
    idle = held(front)
    request = ask(bodies.compact({**json.loads(bodies.KINDS["calls"](2 * MIB)), "stream": True}).encode())
    with contextlib.ExitStack() as clients:
        for _ in range(4):
            clients.enter_context(front.connect(30)).send(request)
        wait_for(lambda: front.stats()["jobs_total"] >= 6, 20)
    wait_for(lambda: held(front) == idle, 20)
    server.close()


def test_only_large_bodies_are_jobs(daemon):
    before = daemon.stats()["jobs_total"]
    assert daemon.chat(max_tokens=3).status == 200
    assert daemon.stats()["jobs_total"] == before
    assert daemon.chat("x" * 70000, max_tokens=3).status == 200
    assert daemon.stats()["jobs_total"] == before + 2  # translated, and judged


@pytest.mark.parametrize("stream", [False, True])
def test_a_large_body_becomes_what_a_small_one_does(start, tmp_path, stream):
    """The same request, with blanks that make it large: the same native bytes, the same answer and headers."""
    server = Upstream()
    front = start(args=("--config", str(configuration(tmp_path, server.url))))
    body = wire.body(stream=stream, user="somebody", tools=[{"type": "function", "function": {"name": "a b"}}])
    small, large = (front.ask(ask(each)) for each in (body, b" " * 200_000 + body))
    assert (small.status, large.status) == (200, 200)
    assert [r.body for r in server.requests[:1]] == [r.body for r in server.requests[1:]]
    headers = [[h for h in each.headers if h[0] not in ("date", "x-request-id", "x-dragoman-overhead-ms")] for each in (small, large)]
    assert headers[0] == headers[1] and "user" in large["x-dragoman-ignored"]
    server.close()


def test_a_large_body_is_refused_as_a_small_one_is(daemon):
    body = wire.body(temperature="hot")
    small, large = (daemon.ask(ask(each)) for each in (body, b" " * 200_000 + body))
    assert (large.status, large.error) == (small.status, small.error) and small.status == 400


@pytest.mark.parametrize("kind", ["messages", "image"])
def test_clients_that_leave_while_a_job_runs(quick, kind):
    """At any moment: the job ends by itself, and nothing of it is left."""
    before, body = held(quick), bodies.KINDS[kind](MIB)
    for pause in (0, 0.005, 0.02, 0.05, 0.1):
        for leave in ("socket.close", "reset"):
            client = quick.connect(30)
            client.send(ask(body))
            time.sleep(pause)
            client.reset() if leave == "reset" else client.socket.close()
    wait_for(lambda: held(quick) == before, 30)
    assert quick.chat(max_tokens=3).status == 200


def test_a_crowd_of_large_bodies(quick):
    """More than may run at once: each is answered, and the memory is where it was."""
    before = held(quick)
    wanted = {kind: make(MIB // 4) for kind, make in bodies.KINDS.items()}
    with contextlib.ExitStack() as stack:
        clients = [(kind, stack.enter_context(quick.connect(60))) for kind in wanted for _ in range(5)]
        for kind, client in clients:
            client.send(ask(wanted[kind]))
        assert {(kind, client.answer().status) for kind, client in clients} == {(kind, 200) for kind in wanted}
    wait_for(lambda: held(quick) == before)


def test_a_deadline_ends_a_request_whose_job_runs(start):
    """Or waits for its turn."""
    daemon = start("timeouts.first_byte=20ms", pace=(0, 0))
    before = held(daemon)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect(60)) for _ in range(4)]
        for client in clients:
            client.send(ask(bodies.messages(2 * MIB)))
        assert {client.answer().status for client in clients} == {504}
    wait_for(lambda: held(daemon) == before, 30)


def test_draining_waits_for_jobs(start):
    daemon = start(pace=(0, 0))
    with daemon.connect(60) as client, daemon.connect(60) as other:
        client.send(ask(bodies.messages(2 * MIB)))
        other.send(ask(bodies.messages(2 * MIB)))
        time.sleep(0.05)
        daemon.process.send_signal(signal.SIGTERM)
        assert client.answer().status == 200
        other.reset()
    assert daemon.wait_end() == 0


def test_memory_that_jobs_may_not_have(start):
    """A job has what the worker has left; where that is not enough it is told to come again, and the next is served."""
    daemon = start("limits.memory_mb=64", pace=(0, 0))
    assert daemon.chat().status == 200  # the first makes the worker's link to the keeper
    before = held(daemon)
    assert daemon.ask(ask(bodies.messages(12 * MIB)), 30).status == 503
    assert daemon.ask(ask(bodies.messages(MIB)), 30).status == 200
    wait_for(lambda: held(daemon) == before)
