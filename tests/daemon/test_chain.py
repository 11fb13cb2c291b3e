# SPDX-License-Identifier: Apache-2.0
"""Two Dragomans in a chain: what the one in front says is what the emulator says."""

import contextlib
import time

import pytest
import wire
from chunks import check_chunks, check_completion
from upstream import chat, error_of, events_of
from waiting import wait_for


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
