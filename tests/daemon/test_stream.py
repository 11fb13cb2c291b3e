# SPDX-License-Identifier: Apache-2.0
"""Streams as bytes and in time."""

import json
import socket
import time

import pytest
import wire
from chunks import check_chunks

HELD = ("connections", "exchanges", "calls", "streams", "held_bytes")
PROMISED_S = 1.0  # what a client held is given back within 100 ms; a busy test machine gets ten times that


def settled(daemon, idle):
    """Waits until no more is held than `idle`, which our own question is part of."""
    began = time.monotonic()
    while any((now := daemon.stats())[key] > idle[key] for key in HELD):
        assert time.monotonic() - began < PROMISED_S, f"{now} instead of {idle}"
        time.sleep(0.005)


def test_headers_and_framing(daemon):
    answer = daemon.chat(stream=True, stream_options={"include_usage": True})
    assert answer.status == 200
    assert answer["content-type"].startswith("text/event-stream")
    # user-pain F5: no cache between keeps it, no proxy compresses it (and holds it back to do so), nginx does not gather it.
    assert answer["x-accel-buffering"] == "no"
    assert answer["cache-control"] == "no-cache, no-transform"
    assert answer["transfer-encoding"] == "chunked" and answer["content-length"] is None
    assert answer["x-dragoman-upstream"] == "emulator"
    assert answer.body.endswith(b"\n\ndata: [DONE]\n\n") and b"\r" not in answer.body
    assert answer.events.count("[DONE]") == 1
    said = check_chunks([json.loads(event) for event in answer.events[:-1]], wire.MODEL, usage=True)
    assert "sky" in said.texts[0].lower()


def test_pieces_come_when_they_are_made(start):
    """No event waits for another: with 100 ms between the emulator's pieces there are as many between ours."""
    daemon = start(pace=(200, 100))
    with daemon.connect() as connection:
        began = time.monotonic()
        connection.send(wire.chat(stream=True, max_tokens=60))
        assert connection.head().status == 200
        times = []
        while piece := connection.chunk():
            times.append(time.monotonic())
            assert piece.endswith(b"\n\n"), "a piece is whole events"
    assert times[0] - began < 1.0
    gaps = sorted(late - early for early, late in zip(times, times[1:]))
    assert len(gaps) >= 3 and 0.05 < gaps[len(gaps) // 2] < 0.2, gaps


def test_small_pieces_are_not_held_back(start):
    """TCP_NODELAY: with Nagle's algorithm pieces 10 ms apart would come in lumps, one a delayed ACK (40 ms)."""
    daemon = start("emulator.piece_chars=4", pace=(5, 10))
    with daemon.connect() as connection:
        connection.send(wire.chat("Write a story about a magic backpack.", stream=True))
        connection.head()
        lumps, pieces = 1, 0
        while True:
            before = len(connection.kept)
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)  # delay our ACKs as far clients do
            piece = connection.chunk()
            if not piece:
                break
            pieces += 1
            lumps += before == 0
    assert pieces > 60 and lumps > 0.5 * pieces, f"{pieces} pieces came in {lumps} lumps"


def test_head_comes_before_the_whole(start):
    """The status is out as soon as the first event is, not when the stream is complete."""
    daemon = start(pace=(5, 300))
    with daemon.connect() as connection:
        began = time.monotonic()
        connection.send(wire.chat(stream=True))
        connection.head()
        assert connection.chunk().startswith(b"data: ")
        assert time.monotonic() - began < 1.0


def test_comment_while_the_model_is_silent(start):
    daemon = start("timeouts.comment=200ms", pace=(900, 1))
    with daemon.connect() as connection:
        began = time.monotonic()
        connection.send(wire.chat(stream=True))
        assert connection.head().status == 200
        first = connection.chunk()
        assert first.startswith(b":") and first.endswith(b"\n\n")
        assert 0.1 < time.monotonic() - began < 0.8
        rest = b""
        while piece := connection.chunk():
            rest += piece
    assert wire.events(rest)[-1] == "[DONE]"


def test_error_before_the_first_event_has_its_status(daemon):
    answer = daemon.ask(wire.request("POST", wire.CHAT, wire.body(stream=True, model="google/gemini-none")))
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("leave", ["fin", "rst"])
@pytest.mark.parametrize("when", ["before the first byte", "in mid-stream", "in mid-body", "in mid-head"])
def test_a_client_that_leaves_holds_nothing(start, leave, when):
    # The next piece is far off: that the client is gone must be seen without a write that fails.
    daemon = start(pace=(5, 5000) if when == "in mid-stream" else (5000, 5))
    # The first request makes the worker's link to the keeper; a refusal has nothing to wait for.
    assert daemon.chat(headers={"x-dragoman-fault": "503"}).status == 503
    idle, files = daemon.stats_linked(), daemon.open_files()
    asked = wire.chat(stream=True)
    sent = {"in mid-body": asked[:-9], "in mid-head": asked[:30]}.get(when, asked)
    connections = [daemon.connect() for _ in range(10)]
    for connection in connections:
        connection.send(sent)
    if when == "in mid-stream":
        for connection in connections:
            connection.head()
            connection.chunk()
        assert daemon.stats()["exchanges"] >= idle["exchanges"] + 10
    for connection in connections:
        connection.reset() if leave == "rst" else connection.socket.close()
    settled(daemon, idle)
    assert daemon.open_files() == files


def test_a_pipelined_client_that_leaves_holds_nothing(start):
    daemon = start(pace=(5, 50))
    assert daemon.chat().status == 200  # the first makes the worker's link to the keeper
    idle = daemon.stats_linked()
    with daemon.connect() as connection:
        connection.send(wire.chat(stream=True) * 20)
        connection.head()
    settled(daemon, idle)


def test_many_at_once_are_not_mixed(start):
    daemon = start(workers=2, pace=(5, 5))
    connections = [daemon.connect(30) for _ in range(60)]
    for i, connection in enumerate(connections):
        connection.send(wire.chat(f"What is number {i}?", stream=True))
    for i, connection in enumerate(connections):
        events = connection.answer().events
        said = check_chunks([json.loads(event) for event in events[:-1]], wire.MODEL)
        assert f"number {i}?" in said.texts[0] or str(i) in said.texts[0]
        connection.socket.close()
