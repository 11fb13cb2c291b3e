# SPDX-License-Identifier: Apache-2.0
"""What tests of processes share: waiting for something, a stream in two halves, clients that ask all the time."""

import contextlib
import json
import socket
import threading
import time

import wire
from chunks import check_chunks


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


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


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
