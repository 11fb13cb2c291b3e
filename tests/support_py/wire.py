# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 by hand: requests as bytes, answers as they came, so that a test can send what no client would."""

import dataclasses
import json
import socket

CHAT = "/v1/chat/completions"
MODEL = "google/gemini-2.0-flash-001"


def body(text="Why is the sky blue?", **members):
    return json.dumps({"model": MODEL, "messages": [{"role": "user", "content": text}], **members}).encode()


def request(method, path, content=None, headers=None, version="1.1"):
    """A whole request. Header names are given as they go out; a value of None leaves a default one out."""
    lines = {"Host": "127.0.0.1"}
    if content is not None:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines |= headers or {}
    head = f"{method} {path} HTTP/{version}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
    return head.encode("latin-1") + b"\r\n" + (content or b"")


def chat(text="Why is the sky blue?", path=CHAT, headers=None, **members):
    return request("POST", path, body(text, **members), headers)


def chunked(content, size):
    """A body in the chunked coding, in pieces of `size` bytes."""
    pieces = [content[i:i + size] for i in range(0, len(content), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@dataclasses.dataclass
class Answer:
    version: str
    status: int
    headers: list  # of (lower-case name, value), in order
    body: bytes

    def __getitem__(self, name):
        """The header's value, or None; two of the same name are joined as HTTP joins them."""
        found = [value for key, value in self.headers if key == name]
        return ", ".join(found) if found else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The error object; asserts OpenAI's shape on the way."""
        whole = self.json
        assert set(whole) == {"error"}, whole
        error = whole["error"]
        assert {"message", "type", "param", "code"} <= set(error), error
        assert error["message"] and isinstance(error["message"], str), error
        assert error["type"] and isinstance(error["type"], str), error
        assert error["param"] is None or isinstance(error["param"], str), error
        assert error["code"] is None or isinstance(error["code"], str), error
        return error

    @property
    def events(self):
        """The payloads of an SSE body; asserts that there is nothing else in it but comments."""
        return events(self.body)


class Closed(Exception):
    """The peer closed before a whole answer had come; `got` is what had."""

    def __init__(self, got):
        super().__init__(f"closed after {got[-200:]!r}")
        self.got = got


class Connection:
    def __init__(self, port, timeout=10, tls=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.kept = bytearray()  # of bytes every piece would copy what came before it
        self.interim = 0  # 1xx answers that answer() met and left out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def reset(self):
        """Leaves as a crashed client does: RST, not FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise Closed(bytes(self.kept))
        self.kept += piece

    def _take(self, n):
        taken = bytes(self.kept[:n])
        del self.kept[:n]
        return taken

    def until(self, mark):
        """What comes up to and with `mark`."""
        while mark not in self.kept:
            self._more()
        cut = self.kept.index(mark) + len(mark)
        return self._take(cut)

    def exactly(self, n):
        while len(self.kept) < n:
            self._more()
        return self._take(n)

    def rest(self):
        """Everything until the peer closes; a reset counts as closed."""
        try:
            while True:
                self._more()
        except (Closed, ConnectionResetError):
            return self._take(len(self.kept))

    def head(self):
        """The status line and headers of the next answer, without a body."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        version, status, _ = lines[0].split(" ", 2)
        headers = [(k.lower(), v.strip()) for k, v in (line.split(":", 1) for line in lines[1:])]
        return Answer(version, int(status), headers, b"")

    def answer(self, head_only=False):
        """The next final answer, whole. Interim ones (100) are left out; `interim` counts them."""
        got = self.head()
        while got.status < 200:
            self.interim += 1
            got = self.head()
        if head_only or got.status in (204, 304):
            return got
        if got["transfer-encoding"] == "chunked":
            while piece := self.chunk():
                got.body += piece
        elif got["content-length"] is not None:
            got.body = self.exactly(int(got["content-length"]))
        else:
            got.body = self.rest()
        return got

    def chunk(self):
        """One piece of a chunked body; b"" is the last one."""
        size = int(self.until(b"\r\n").split(b";")[0], 16)
        piece = self.exactly(size)
        assert self.until(b"\r\n") == b"\r\n"
        return piece

    def is_closed(self, timeout=2):
        """Whether the peer closes now, without a byte more."""
        self.socket.settimeout(timeout)
        try:
            return self.kept == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def events(data):
    found = []
    for event in data.decode().split("\n\n"):
        lines = [line for line in event.split("\n") if line and not line.startswith(":")]
        if lines:
            assert len(lines) == 1 and lines[0].startswith("data: "), lines
            found.append(lines[0][6:])
    return found
