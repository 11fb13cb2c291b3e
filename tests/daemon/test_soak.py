# SPDX-License-Identifier: Apache-2.0
"""Two hundred streams at once for a minute, and an upstream that is killed under them. The long form is `make soak`."""

import asyncio
import time

import pytest
import soaking
from test_memory import SMALL_QUARANTINE

pytestmark = pytest.mark.alone


@pytest.fixture
def server():
    """server(): an upstream in a process of its own."""
    made = []

    def one():
        made.append(soaking.Upstream())
        return made[-1]

    yield one
    for each in made:
        each.kill()


def test_two_hundred_streams_each_with_its_own_text(server):
    with soaking.gateway({"a": server().port}, "timeouts.idle=2s", env={"ASAN_OPTIONS": SMALL_QUARANTINE}) as daemon:
        soaked = asyncio.run(soaking.soak(daemon, 200, 60, 3, pieces=6, every_ms=250))
    assert soaking.good(soaked, grown_kib=4096), soaked
    assert soaked.most_open > 150 and soaked.honest > 30 and soaked.left > 60 and soaked.whole > 300, soaked


def test_a_killed_upstream_ends_what_was_in_flight_and_nothing_else(server):
    """kill -9 under load, twice: an honest error for each that it had; the other upstream's clients notice nothing."""
    dying, other = server(), server()
    kinds = [soaking.READS, soaking.READS, "whole"]
    with soaking.gateway({"a": dying.port, "b": other.port}) as daemon:
        clients = soaking.Clients(daemon.port, kinds, models=("a", "b"), pieces=8, every_ms=100)
        downs = []

        async def kill_twice():
            for _ in range(2):
                await asyncio.sleep(1.5)
                killed = time.monotonic()
                await asyncio.to_thread(dying.kill)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(dying.start)
                downs.append((killed, time.monotonic()))

        async def both():
            await asyncio.gather(clients.run(60, 6), kill_twice())

        asyncio.run(both())
        assert len(daemon.workers()) == 1 and daemon.stats()["exchanges"] <= 1
    assert not [seen for seen in clients.seen if seen.wrong], [seen for seen in clients.seen if seen.wrong][:5]
    told = [seen for seen in clients.seen if seen.honest]
    assert {seen.model for seen in told} == {"a"}
    for seen in told:
        assert any(seen.began < up and down < seen.ended for down, up in downs), (seen, downs)
    for down, up in downs:
        assert sum(seen.began < down < seen.ended for seen in told) > 20, "what was in flight"
    after = [seen for seen in clients.seen if seen.model == "a" and seen.began > downs[-1][1]]
    assert len(after) > 20 and all(seen.whole for seen in after), "at once after the restart"
