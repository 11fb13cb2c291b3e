# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: a new configuration serves, and nobody is harmed."""

import signal
import socket
import time

import wire
from dragoman import Daemon, free_port
from waiting import Load, begin_stream, connects, end_stream, wait_for

SMALL = {"max_tokens": 3}


def test_reload_takes_new_settings_and_harms_nobody(tmp_path):
    config = tmp_path / "dragoman.yaml"
    config.write_text("limits: {body_mb: 100}\n")
    daemon = Daemon(args=["--config", str(config)], workers=2, pace=(5, 40)).wait_ready()
    try:
        old = set(daemon.workers())
        stream = begin_stream(daemon)
        big = wire.chat("x" * (2 << 20), max_tokens=3)
        assert daemon.ask(big).status == 200

        config.write_text("limits: {body_mb: 1}\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(set(daemon.workers()) - old) == 2, 10)
        wait_for(lambda: first_status(daemon, wire.request("POST", wire.CHAT, headers={
            "Content-Type": "application/json", "Content-Length": str(2 << 20), "Expect": "100-continue"})) == 413)
        assert end_stream(*stream).finishes == ["stop"], "a running stream goes on in its old worker"
        wait_for(lambda: not old & set(daemon.workers()), 10)
        daemon.stop()
    finally:
        if daemon.process.poll() is None:
            daemon.kill()


def test_reload_moves_to_another_address_and_more_workers(tmp_path):
    config, old, new = tmp_path / "dragoman.yaml", free_port(), free_port()
    config.write_text(f"listen: [127.0.0.1:{old}]\nworkers: 1\n")
    daemon = Daemon(command=["serve", "--config", str(config)], port=old).wait_ready()
    try:
        config.write_text(f"listen: [127.0.0.1:{new}]\nworkers: 3\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: connects(new) and not connects(old), 10)
        daemon.port = new
        assert daemon.chat(**SMALL).status == 200
        wait_for(lambda: len(daemon.workers()) == 3, 10)  # the old one has ended

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", old))
            taken.listen()
            config.write_text(f"listen: [127.0.0.1:{old}]\n")
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: f"127.0.0.1:{old}" in daemon.log().split("reloaded")[-1])
        assert daemon.chat(**SMALL).status == 200, "a taken address leaves everything as it was"
        daemon.stop()
    finally:
        if daemon.process.poll() is None:
            daemon.kill()


def test_reload_under_load_loses_nothing(start):
    daemon = start(workers=2)
    load = Load(daemon, clients=4)
    with load.running():
        for _ in range(5):
            old = set(daemon.workers())
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: len(set(daemon.workers()) - old) == 2, 10)
            time.sleep(0.2)
    assert (load.refused, load.wrong) == (0, [])
    assert load.cut <= 2, "an idle keep-alive connection may be closed just as its client writes; nothing else"
    assert load.done > 50


def test_bad_new_configuration_changes_nothing(tmp_path):
    config = tmp_path / "dragoman.yaml"
    config.write_text("limits: {body_mb: 100}\n")
    daemon = Daemon(args=["--config", str(config)]).wait_ready()
    try:
        old = daemon.workers()
        config.write_text("limits: {body_mb: many}\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "body_mb" in daemon.log())
        assert daemon.chat(**SMALL).status == 200 and daemon.workers() == old
        daemon.stop()
    finally:
        if daemon.process.poll() is None:
            daemon.kill()


def first_status(daemon, asked):
    """Also of an interim answer: a worker that still has the old settings would go on with 100."""
    with daemon.connect() as connection:
        connection.send(asked)
        return connection.head().status
