# SPDX-License-Identifier: Apache-2.0
"""An upstream made of raw sockets: it counts what comes, and behaves as badly as a test wants."""

import json
import socket
import ssl
import threading
import time

import wire

MODEL = "gemini-2.0-flash-001"


def native(text="Hello there.", finish="STOP", **more):
    """One native answer, or one event of a stream."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return json.dumps({"candidates": [candidate], "modelVersion": MODEL, "responseId": "r-1",
                       "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
                       **more}).encode()


def event(text="Hello there.", finish=None):
    return b"data: " + native(text, finish) + b"\r\n\r\n"


STREAM = event("Hello ") + event("there.", "STOP")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def sized(body=None, head=HEAD):
    body = native() if body is None else body
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def answer(request):
    """What a sound server says: whole, or streamed in two events, by what the path asks for."""
    return STREAM_HEAD + chunk(event("Hello ")) + chunk(event("there.", "STOP")) + LAST_CHUNK if request.streams else sized()


class Request:
    def __init__(self, head, body):
        self.line, *lines = head.decode("latin-1").split("\r\n")
        self.headers = dict((name.lower(), value) for name, value in (line.split(": ", 1) for line in lines))
        self.body = body

    @property
    def path(self):
        return self.line.split(" ")[1]

    @property
    def streams(self):
        return ":streamGenerateContent" in self.path


class Peer:
    """The server's end of one connection. number: of the connection, from 1."""

    def __init__(self, server, socket_, number):
        self.server, self.socket, self.number, self.kept = server, socket_, number, bytearray()
        self.socket.settimeout(20)

    def request(self):
        """The next request, whole; None when the client has closed, or leaves a connection idle that it keeps."""
        try:
            while b"\r\n\r\n" not in self.kept:
                self._more()
            head, self.kept = self.kept.split(b"\r\n\r\n", 1)
            found = Request(head, b"")
            size = int(found.headers.get("content-length", 0))
            while len(self.kept) < size:
                self._more()
        except (EOFError, ConnectionError):
            return None
        except TimeoutError:
            if self.kept:
                raise
            return None
        found.body = bytes(self.kept[:size])
        del self.kept[:size]
        self.server.requests.append(found)
        return found

    def _more(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError
        self.kept += piece

    def secure(self, context):
        """TLS over the connection, whose end is told in order when it is closed."""
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        try:
            self.socket.do_handshake()
        except ssl.SSLError:
            # What the client sent meanwhile is read, or the reset would overtake the alert.
            self.socket = socket.socket(fileno=self.socket.detach())
            self.socket.shutdown(socket.SHUT_WR)
            self.wait_closed(2)
            raise
        self.server.resumed += self.socket.session_reused

    def send(self, data):
        self.socket.sendall(data)

    def end(self):
        """Closes in order: with TLS that is said before."""
        try:
            if isinstance(self.socket, ssl.SSLSocket):
                self.socket.settimeout(1)
                self.socket.unwrap()
        except (OSError, ValueError):
            pass
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def wait_closed(self, timeout=20):
        """Seconds until the client has closed or reset."""
        began = time.monotonic()
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        return time.monotonic() - began


def serve(peer):
    """A sound server's connection."""
    while request := peer.request():
        peer.send(answer(request))


class Upstream:
    """behave(peer) has a connection of its own thread; it is closed when that returns. tls: an ssl context."""

    def __init__(self, behave=serve, backlog=256, tls=None):
        self.behave, self.requests, self.connections, self.open, self.errors = behave, [], 0, 0, []
        self.tls, self.resumed, self.handshakes_failed = tls, 0, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self.open += 1
            threading.Thread(target=self._run, args=(Peer(self, accepted, self.connections),), daemon=True).start()

    def _run(self, peer):
        try:
            if self.tls:
                peer.secure(self.tls)
            self.behave(peer)
        except ssl.SSLError as error:
            self.handshakes_failed.append(error)
        except ConnectionError:
            pass  # a client that leaves is what some tests are about
        except Exception as error:
            self.errors.append(error)
        finally:
            peer.end()
            self.open -= 1

    def refuse(self):
        """Nobody listens from now on."""
        self.listener.shutdown(socket.SHUT_RDWR)  # or the thread in accept() would keep it open
        self.listener.close()

    def close(self):
        if self.listener.fileno() >= 0:
            self.refuse()
        assert self.errors == [], self.errors


def configuration(folder, url, **members):
    """A file in which all models go to `url`, an upstream named "back"."""
    file = folder / "dragoman.yaml"
    members = {"kind": "vertex", "base_url": url, "credentials": "none", **members}
    file.write_text(json.dumps({"upstreams": {"back": members}}))
    return file


def chat(daemon, stream=False, **members):
    return daemon.ask(wire.chat(stream=stream, **members))


def stall(*data):
    """A server that says this to a connection's first request, and then nothing for ever."""
    def behave(peer):
        peer.request()
        for piece in data:
            peer.send(piece)
        peer.server.closed_after = peer.wait_closed()
    return behave


# --- what came of it ----------------------------------------------------------------------------


def events_of(answer):
    """The chunks of a stream that ended well."""
    assert (answer.status, answer.events[-1]) == (200, "[DONE]"), answer
    return [json.loads(event) for event in answer.events[:-1]]


def error_of(answer, status, code):
    """The message of such an error."""
    assert (answer.status, answer.error["code"]) == (status, code), answer.body
    return answer.error["message"]


def serving(usual=serve, **options):
    """For a fixture to yield from: serve_one(behave), each server closed behind the test."""
    made = []

    def serve_one(behave=usual, **more):
        made.append(Upstream(behave, **{**options, **more}))
        return made[-1]

    yield serve_one
    for server in made:
        server.close()
