# SPDX-License-Identifier: Apache-2.0
"""Connections to an upstream that were kept and are dead, and those that one side does not read or leaves."""

import itertools
import json
import threading
import time

import pytest
import upstream
import wire
from upstream import HEAD, STREAM_HEAD, chat, chunk, error_of, event, sized, stall
from waiting import wait_for

HELD = ("connections", "exchanges", "calls", "streams", "upstream_connections")


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
