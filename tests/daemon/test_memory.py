# SPDX-License-Identifier: Apache-2.0
"""Clients that leave in mid-stream leave nothing behind. The long form is `make soak`."""

import contextlib
import os

import leaving
import pytest
import wire
from dragoman import Daemon
from waiting import wait_for

# AddressSanitizer keeps freed memory back to catch late uses: 256 MB would hide every leak here.
SMALL_QUARANTINE = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"


@pytest.mark.timeout(180)
def test_every_tenth_client_gone():
    daemon = Daemon(pace=leaving.PACE, env={"ASAN_OPTIONS": SMALL_QUARANTINE}).wait_ready()
    left = leaving.measure(daemon, 500)
    daemon.stop()
    assert (left.requests, left.gone, left.wrong, left.left_total) == (500, 50, 0, 50)
    assert left.stats_after == left.stats_before and left.settled_s < 1
    assert left.files_after == left.files_before
    assert left.rss_after_kib - left.rss_before_kib < 2048, left


def test_bodies_share_a_ceiling():
    """limits.body_mb bounds one request, limits.memory_mb all that a worker holds: the rest is told to come again."""
    daemon = Daemon("limits.memory_mb=64", "limits.body_mb=40").wait_ready()
    asked = wire.chat("x" * (35 << 20), max_tokens=3)
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(daemon.connect()) for _ in range(3)]
        for client in waiting:
            with contextlib.suppress(OSError):  # refused while it was still sending
                client.send(asked[:-10])
        assert waiting[-1].answer().status == 503
    assert daemon.chat(max_tokens=3).status == 200
    daemon.stop()


def test_bodies_are_held_once():
    """user-pain E1: eight of 20 MiB at once, all but their last bytes, are held in a fifth more than their size at most."""
    count, size = 8, 20 << 20
    daemon = Daemon("limits.memory_mb=512").wait_ready()
    idle, asked = daemon.stats()["held_bytes"], wire.chat("x" * size, max_tokens=3)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(daemon.connect(30)).send(asked[:-10])
        wait_for(lambda: daemon.stats()["held_bytes"] - idle >= count * size, 30)
        assert daemon.stats()["held_bytes"] - idle < count * size * 1.2
    daemon.stop()
