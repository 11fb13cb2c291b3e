# SPDX-License-Identifier: Apache-2.0
"""Stands between the clients and Dragoman, passes every byte on untouched, and keeps what went by."""

import dataclasses
import json
import socket
import threading
import time

import wire


@dataclasses.dataclass
class Exchange:
    """A request and what came back of its answer: `whole` is False where the client left before the end."""
    head: dict
    request: dict
    status: int = 0
    answer: bytes = b""
    streams: bool = False
    whole: bool = False
    began: float = 0.0
    ended: float = 0.0

    @property
    def cell(self):
        return self.head.get("x-matrix-cell", "")

    @property
    def events(self):
        return wire.events(self.answer)


class Played(wire.Connection):
    """Bytes that have come, read as wire reads a socket. times: (how many bytes had come, when)."""

    def __init__(self, pieces):
        self.kept, self.interim, self.read = bytearray(b"".join(data for _, data in pieces)), 0, 0
        self.size = len(self.kept)
        self.marks = []
        for when, data in pieces:
            self.marks.append(((self.marks[-1][0] if self.marks else 0) + len(data), when))

    def _more(self):
        raise wire.Closed(bytes(self.kept))

    def when(self):
        """The time at which the last byte read so far had come."""
        read = self.size - len(self.kept)
        return next((when for size, when in self.marks if size >= read), 0.0)


class Wire:
    """One connection, both ways, as (time, bytes)."""

    def __init__(self, client, server):
        self.asked, self.said = [], []
        self.threads = [threading.Thread(target=self._pump, args=ends, daemon=True)
                        for ends in ((client, server, self.asked), (server, client, self.said))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _pump(source, sink, kept):
        try:
            while data := source.recv(1 << 16):
                kept.append((time.monotonic(), data))
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):  # one that is gone is the other's end too
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def exchanges(self):
        requests, answers = Played(self.asked), Played(self.said)
        while requests.kept:
            lines = requests.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[1:-2]
            head = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}
            began = requests.when()
            if head.get("transfer-encoding") == "chunked":
                body = b""
                while piece := requests.chunk():
                    body += piece
            else:
                body = requests.exactly(int(head.get("content-length", 0)))
            exchange = Exchange(head, json.loads(body) if body else {}, began=began)
            self._answer(answers, exchange)
            yield exchange

    @staticmethod
    def _answer(answers, exchange):
        try:
            found = answers.head()
            exchange.status = found.status
            exchange.streams = found["content-type"].startswith("text/event-stream")
            if found["transfer-encoding"] == "chunked":
                while piece := answers.chunk():
                    exchange.answer += piece
            else:
                exchange.answer = answers.exactly(int(found["content-length"]))
            exchange.whole = True
        except wire.Closed:
            pass
        exchange.ended = answers.when()


class Tap:
    def __init__(self, port):
        self.port, self.wires = port, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.wires:
            for thread in one.threads:
                thread.join(5)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.wires.append(Wire(client, server))

    def exchanges(self):
        """All that went by, in the order in which it was asked."""
        return sorted((exchange for one in self.wires for exchange in one.exchanges()), key=lambda each: each.began)
