# SPDX-License-Identifier: Apache-2.0
"""Master and workers: draining, deaths, reloads, and who may not stay behind."""

import contextlib
import json
import os
import signal
import socket
import threading
import time

import pytest
import wire
from chunks import check_chunks
from dragoman import Daemon, free_port

SMALL = {"max_tokens": 3}


def wait_for(what, seconds=5):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)


def begin_stream(daemon):
    connection = daemon.connect(30)
    connection.send(wire.chat(stream=True))
    assert connection.head().status == 200
    return connection, connection.chunk()


def end_stream(connection, begun):
    while piece := connection.chunk():
        begun += piece
    connection.socket.close()
    found = wire.events(begun)
    assert found[-1] == "[DONE]"
    return check_chunks([json.loads(event) for event in found[:-1]], wire.MODEL)


# ---- ending ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drains_a_running_stream(start, number):
    daemon = start(workers=2, pace=(5, 40))
    streams = [begin_stream(daemon) for _ in range(6)]
    daemon.process.send_signal(number)
    wait_for(lambda: not _connects(daemon.port))
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
    wait_for(lambda: not any(_alive(pid) for pid in workers))
    wait_for(lambda: not _connects(daemon.port))


# ---- listening ----


def test_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        daemon = Daemon(port=port)
        assert daemon.wait_end(10) == 4
        assert f"127.0.0.1:{port}" in daemon.log()
        daemon.kill()


def test_second_daemon_on_the_same_port_is_refused(start):
    """The workers' SO_REUSEPORT must not let two daemons share a port unnoticed."""
    first = start()
    second = Daemon(port=first.port)
    assert second.wait_end(10) == 4
    assert f"127.0.0.1:{first.port}" in second.log()
    second.kill()
    assert first.chat(**SMALL).status == 200


def test_same_port_again_at_once():
    """Connections in TIME_WAIT do not keep the next one from starting."""
    port = free_port()
    for _ in range(3):
        daemon = Daemon(port=port).wait_ready()
        assert daemon.chat(**SMALL).status == 200
        daemon.stop()


def test_open_address_without_keys_is_refused():
    """Without configured keys only loopback is listened on."""
    daemon = Daemon(args=["--listen", f"0.0.0.0:{free_port()}"])
    assert daemon.wait_end(10) in (3, 4)
    assert "loopback" in daemon.log() or "keys" in daemon.log()
    daemon.kill()


def test_unix_socket(tmp_path):
    """No page can reach one, so any Host will do; what an earlier run left there is no obstacle."""
    path = tmp_path / "dragoman.sock"
    for _ in range(2):
        daemon = Daemon(args=["--listen", f"unix:{path}"]).wait_ready()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(wire.request("GET", "/healthz", headers={"Host": "anything.example", "Connection": "close"}))
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        daemon.process.kill()  # leaves the socket file behind
        daemon.kill()
        wait_for(lambda: not _connects(daemon.port))
    daemon = Daemon(args=["--listen", f"unix:{path}"]).wait_ready()
    daemon.stop()
    assert not path.exists(), "a clean end cleans up"


def test_ipv6(start):
    port = free_port()
    start(args=["--listen", f"[::1]:{port}"])
    with socket.create_connection(("::1", port), 5) as client:
        client.sendall(wire.request("GET", "/healthz", headers={"Host": f"[::1]:{port}", "Connection": "close"}))
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


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


class Load:
    """Clients that ask, each on a new connection every few requests, and count what happens to them."""

    def __init__(self, daemon, clients):
        self.daemon, self.clients = daemon, clients
        self.done = self.cut = self.cut_unexplained = self.refused = 0
        self.wrong, self.kills = [], []
        self.lock, self.ending = threading.Lock(), threading.Event()

    def mark_kill(self):
        self.kills.append(time.monotonic())

    @contextlib.contextmanager
    def running(self):
        threads = [threading.Thread(target=self._client) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ending.set()
            for thread in threads:
                thread.join(20)

    def _client(self):
        while not self.ending.is_set():
            began = time.monotonic()
            try:
                self._session()
            except ConnectionRefusedError:
                with self.lock:
                    self.refused += 1
            except (OSError, wire.Closed) as error:
                now = time.monotonic()
                with self.lock:
                    self.cut += 1
                    if isinstance(error, TimeoutError) or not any(began - 0.2 <= kill <= now for kill in self.kills):
                        self.cut_unexplained += 1

    def _session(self):
        with self.daemon.connect(10) as connection:
            for i in range(4):
                connection.send(wire.chat(stream=i % 2 == 0, max_tokens=20))
                answer = connection.answer()
                with self.lock:
                    self.done += 1
                    if answer.status != 200 or (i % 2 == 0 and answer.events[-1] != "[DONE]"):
                        self.wrong.append(answer)
                if answer["connection"] == "close":  # a worker that drains says so, and a client that reads on
                    return  # would find the connection ended


def test_five_instant_deaths_end_the_master_with_the_reason():
    """Aborting workers as soon as they are there: replacing them cures nothing. (A SIGKILL comes from outside.)"""
    daemon = Daemon().wait_ready()
    time.sleep(1.1)
    for _ in range(200):
        if daemon.process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            for pid in daemon.workers():
                os.kill(pid, signal.SIGABRT)
        time.sleep(0.03)
    assert daemon.wait_end(5) == 1
    assert "giving up" in daemon.log() and f"signal {signal.SIGABRT.value}" in daemon.log()
    daemon.kill()


# ---- reload ----


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
        wait_for(lambda: daemon.ask(wire.request("POST", wire.CHAT, headers={
            "Content-Type": "application/json", "Content-Length": str(2 << 20)})).status == 413)
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
        wait_for(lambda: _connects(new) and not _connects(old), 10)
        daemon.port = new
        assert daemon.chat(**SMALL).status == 200 and len(daemon.workers()) == 3

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


# ---- what it says ----


def test_log_has_no_secrets_and_no_prompts(start):
    daemon = start("log.level=debug", "log.access=true")
    headers = {"Authorization": "Bearer ya29.very-secret-token", "x-goog-api-key": "AIza-very-secret-key"}
    assert daemon.chat("a very private question", headers=headers, **SMALL).status == 200
    assert daemon.chat("a very private question", headers=headers, temperature=9).status == 400
    daemon.get("/healthz?key=AIza-very-secret-key")
    wait_for(lambda: "/healthz" in daemon.log())
    log = daemon.log()
    assert "POST /v1/chat/completions 200" in log and "POST /v1/chat/completions 400" in log
    assert "secret" not in log and "private" not in log



def test_settings_from_the_environment():
    daemon = Daemon(env={"DRAGOMAN_LIMITS_BODY_MB": "1"}).wait_ready()
    head = wire.request("POST", wire.CHAT, headers={"Content-Type": "application/json", "Content-Length": str(2 << 20)})
    status = daemon.ask(head).status
    daemon.stop()
    assert status == 413


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
