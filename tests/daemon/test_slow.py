# SPDX-License-Identifier: Apache-2.0
"""Clients that take their time, and more of them than there is room for."""

import contextlib
import resource
import time

import pytest
import wire


@pytest.mark.parametrize("begun", [b"G", b"POST /v1/chat/completions HTTP/1.1\r\nHost: local"])
def test_slow_head(start, begun):
    daemon = start("timeouts.head=300ms")
    with daemon.connect() as slow, daemon.connect() as good:
        slow.send(begun)
        began = time.monotonic()
        good.send(wire.chat(max_tokens=3))
        assert good.answer().status == 200
        answer = slow.answer()
        assert 0.2 < time.monotonic() - began < 3
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        assert slow.is_closed()


def test_trickled_head_has_the_same_deadline(start):
    daemon = start("timeouts.head=500ms")
    with daemon.connect() as slow:
        began = time.monotonic()
        with pytest.raises(OSError):
            for byte in wire.request("GET", "/healthz", headers={"X-Pad": "x" * 1000}):
                slow.send(bytes([byte]))
                time.sleep(0.02)
        assert time.monotonic() - began < 3


def test_silent_body(start):
    daemon = start("timeouts.body=300ms")
    with daemon.connect() as slow:
        slow.send(wire.chat()[:-5])
        answer = slow.answer()
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        assert slow.is_closed()


def test_slow_body_that_moves_is_let_be(start):
    daemon = start("timeouts.body=600ms")
    asked = wire.chat(max_tokens=3)
    with daemon.connect() as slow:
        slow.send(asked[:-10])
        for byte in asked[-10:]:
            time.sleep(0.1)
            slow.send(bytes([byte]))
        assert slow.answer().status == 200


@pytest.mark.parametrize("first", [b"", wire.chat(max_tokens=3)], ids=["before a request", "after one"])
def test_idle_connection_is_closed_without_a_word(start, first):
    daemon = start("timeouts.keep_alive=300ms", "timeouts.head=300ms")
    with daemon.connect() as idle:
        if first:
            idle.send(first)
            assert idle.answer().status == 200
        assert idle.is_closed(timeout=3)


def flood(daemon, requests):
    """Many large answers asked for at once, and none read; returns when the daemon takes no more."""
    connection = daemon.connect()
    connection.socket.settimeout(0.3)
    asked = wire.request("GET", "/v1/models") * requests
    with pytest.raises(TimeoutError):
        while asked:
            asked = asked[connection.socket.send(asked):]
    return connection


def test_client_that_asks_and_never_reads_is_held_back(start):
    """Thousands of answers are asked for; what waits for a client that does not read stays bounded, and none is lost."""
    daemon = start("timeouts.idle=30s")
    idle, one = daemon.stats()["held_bytes"], daemon.get("/v1/models").body
    connection = flood(daemon, 100_000)
    assert daemon.stats()["held_bytes"] - idle < 1 << 20
    connection.socket.settimeout(10)
    for _ in range(2000):
        assert connection.answer().body == one
    connection.socket.close()


def test_client_that_never_reads_is_closed(start):
    daemon = start("timeouts.idle=1s")
    assert daemon.get("/v1/models").status == 200  # the first makes the worker's list of what its upstreams serve
    idle = daemon.stats()
    connection = flood(daemon, 100_000)
    end = time.monotonic() + 5
    while daemon.stats()["connections"] > idle["connections"]:
        assert time.monotonic() < end, "still held"
        time.sleep(0.05)
    assert daemon.stats()["held_bytes"] == idle["held_bytes"]
    connection.socket.close()


def test_total_deadline_of_a_stream(start):
    """A stream that its deadline ends says so: an error event, and no [DONE]."""
    daemon = start("timeouts.total=500ms", pace=(5, 100))
    events = daemon.chat(stream=True).events
    assert "[DONE]" not in events and '"error"' in events[-1]


def test_connection_limit(start):
    daemon = start("limits.connections=4")
    with daemon.connect() as kept:
        kept.send(wire.chat(max_tokens=3))
        assert kept.answer().status == 200
        others = [daemon.connect() for _ in range(3)]
        with daemon.connect() as late:
            late.send(wire.chat(max_tokens=3))
            answer = late.answer()
            assert (answer.status, answer.error["code"]) == (503, "overloaded")
            assert answer["retry-after"] and late.is_closed()
        kept.send(wire.chat(max_tokens=3))
        assert kept.answer().status == 200, "those who are in go on"
        for other in others:
            other.socket.close()
    _until_served(daemon)


def test_descriptors_for_both_sides(start):
    """Whoever is in may have a connection to an upstream too: the soft limit of a shell is not enough for either."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    daemon = start("limits.connections=1500", preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)))
    (pid,) = daemon.workers()
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] >= min(2 * 1500, hard)


def test_no_free_descriptor(start):
    """Accepting pauses; nobody who is in is harmed, and those who wait are served when there is room."""
    daemon = start(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    with daemon.connect() as kept:
        kept.send(wire.chat(max_tokens=3))
        assert kept.answer().status == 200
        crowd = [daemon.connect() for _ in range(100)]
        crowd[-1].send(wire.chat(max_tokens=3))
        for _ in range(3):
            kept.send(wire.chat(max_tokens=3))
            assert kept.answer().status == 200
        burnt = _cpu_seconds(daemon)
        time.sleep(0.5)
        assert _cpu_seconds(daemon) - burnt < 0.25, "a paused accept must not spin"
        for one in crowd[:-1]:
            one.socket.close()
        assert crowd[-1].answer().status == 200
        crowd[-1].socket.close()
    _until_served(daemon)


def _cpu_seconds(daemon):
    ticks = 0
    for pid in daemon.workers():
        with open(f"/proc/{pid}/stat") as stat:
            ticks += sum(int(word) for word in stat.read().rsplit(")", 1)[1].split()[11:13])
    return ticks / 100


def _until_served(daemon):
    end = time.monotonic() + 3
    while True:
        try:
            if daemon.chat(max_tokens=3).status == 200:
                return
        except (OSError, wire.Closed):
            pass
        assert time.monotonic() < end, "not served again"
        time.sleep(0.05)


def test_refused_clients_take_no_place(start):
    """Clients that are told 503 and stay must not keep honest ones out once there is room again."""
    daemon = start("limits.connections=4")
    with contextlib.ExitStack() as told, contextlib.ExitStack() as real:
        for _ in range(24):
            client = told.enter_context(daemon.connect())
            client.send(wire.request("GET", "/healthz"))
            if client.answer().status == 200:
                real.push(client)  # has a place, until the last of them are closed together
        real.close()
        end = time.monotonic() + 1  # less than the time that a refused client may linger
        answers = []
        while time.monotonic() < end and 200 not in answers:
            answers.append(daemon.get("/healthz").status)
        assert 200 in answers
