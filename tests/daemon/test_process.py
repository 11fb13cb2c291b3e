# SPDX-License-Identifier: Apache-2.0
"""Master and workers: draining, deaths, and who may not stay behind."""

import contextlib
import os
import signal
import time

import pytest
import wire
from dragoman import Daemon
from waiting import Load, alive, begin_stream, connects, end_stream, wait_for

SMALL = {"max_tokens": 3}


# ---- ending ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drains_a_running_stream(start, number):
    daemon = start(workers=2, pace=(5, 40))
    streams = [begin_stream(daemon) for _ in range(6)]
    daemon.process.send_signal(number)
    wait_for(lambda: not connects(daemon.port))
    for connection, begun in streams:
        assert end_stream(connection, begun).finishes == ["stop"]
    assert daemon.wait_end(10) == 0


def test_idle_connections_do_not_hold_it(start):
    daemon = start()
    with daemon.connect() as idle:
        idle.send(wire.chat(**SMALL))
        assert idle.answer().status == 200
        daemon.process.terminate()
        assert daemon.wait_end(5) == 0
        assert idle.is_closed()


def test_drain_has_an_end(start):
    daemon = start("timeouts.drain=400ms", pace=(5, 2000))
    connection, _ = begin_stream(daemon)
    began = time.monotonic()
    daemon.process.terminate()
    assert daemon.wait_end(10) == 0
    assert 0.2 < time.monotonic() - began < 5
    assert b"[DONE]" not in connection.rest()
    connection.socket.close()


def test_second_signal_ends_at_once(start):
    daemon = start(pace=(5, 2000))
    connection, _ = begin_stream(daemon)
    daemon.process.terminate()
    time.sleep(0.3)
    assert daemon.process.poll() is None
    daemon.process.terminate()
    assert daemon.wait_end(3) == 0
    daemon.deaths += 1
    connection.socket.close()


def test_workers_do_not_outlive_a_killed_master():
    daemon = Daemon(workers=2).wait_ready()
    workers = daemon.workers()
    assert len(workers) == 2
    daemon.kill()
    wait_for(lambda: not any(alive(pid) for pid in workers))
    wait_for(lambda: not connects(daemon.port))


# ---- deaths ----


def test_twenty_kills_under_load_cost_only_what_was_being_served(start):
    daemon = start(workers=2)
    load = Load(daemon, clients=6)
    with load.running():
        for _ in range(20):
            before = daemon.workers()
            load.mark_kill()
            daemon.kill_worker(before[0])
            wait_for(lambda: len(set(daemon.workers()) - {before[0]}) == 2)
            time.sleep(0.15)
    assert load.refused == 0, "a connection was refused: a listening socket was gone"
    assert load.wrong == []
    assert load.done > 100
    assert load.cut_unexplained == 0, "a connection was cut though no worker had just been killed"
    assert load.cut <= 20 * 6, f"{load.cut} cut by 20 deaths of a worker that served at most 6 each"
    assert daemon.chat(**SMALL).status == 200


def test_counters_are_of_all_workers(start):
    """Whoever is asked tells the sum; a worker that is killed takes nothing with it that it had counted."""
    daemon = start(workers=2)
    for _ in range(30):
        assert daemon.chat(**SMALL).status == 200

    def told():
        seen = [daemon.stats() for _ in range(20)]
        assert len({one["pid"] for one in seen}) == 2, "both were asked"
        return {(one["workers"], one["attempts_total"]) for one in seen}

    assert told() == {(2, 30)}
    for pid in daemon.workers():
        daemon.kill_worker(pid)
        wait_for(lambda pid=pid: pid not in daemon.workers() and len(daemon.workers()) == 2)
    assert told() == {(2, 30)}
    assert daemon.chat(**SMALL).status == 200
    assert told() == {(2, 31)}
    wait_for(lambda: (daemon.stats()["exchanges"], daemon.stats()["connections"]) == (1, 1))


def test_five_instant_deaths_end_the_master_with_the_reason():
    """Aborting workers as soon as they are there: replacing them cures nothing. (A SIGKILL comes from outside.)"""
    # No leak check: at its end it has the master fork once more, and that is no worker.
    daemon = Daemon(env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}).wait_ready()
    for _ in range(200):
        if "giving up" in daemon.log():
            break
        with contextlib.suppress(OSError):
            for pid in daemon.workers():
                os.kill(pid, signal.SIGABRT)
        time.sleep(0.03)
    assert daemon.wait_end(5) == 1
    assert "giving up" in daemon.log() and f"signal {signal.SIGABRT.value}" in daemon.log()
    daemon.kill()


@pytest.mark.parametrize("ignored", [signal.SIGCHLD, signal.SIGTERM])
def test_signals_that_the_parent_ignored(start, ignored):
    """Dispositions are inherited: a shell's trap '' must not leave a daemon that cannot replace or end."""
    daemon = start(preexec=lambda: signal.signal(ignored, signal.SIG_IGN))
    [worker] = daemon.workers()
    daemon.kill_worker(worker)
    end = time.monotonic() + 5
    while time.monotonic() < end and daemon.workers() in ([], [worker]):
        time.sleep(0.02)
    assert len(daemon.workers()) == 1 and daemon.get("/healthz").status == 200


@pytest.mark.parametrize("closed", [[0], [0, 1], [0, 1, 2]])
def test_closed_standard_streams(start, closed):
    """No socket of ours may come to stand where the log or the banner goes."""
    daemon = start(workers=2, preexec=lambda: [os.close(fd) for fd in closed])
    assert daemon.chat(max_tokens=3).status == 200
