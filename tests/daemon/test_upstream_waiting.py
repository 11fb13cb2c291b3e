# SPDX-License-Identifier: Apache-2.0
"""Upstreams that one waits for: being connected, a place in line, the first byte, the next."""

import contextlib
import json
import socket
import threading
import time

import pytest
import upstream
import wire
from upstream import HEAD, STREAM_HEAD, chat, chunk, error_of, event, stall
from waiting import wait_for

HELD = ("connections", "exchanges", "calls", "streams", "upstream_connections")


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
