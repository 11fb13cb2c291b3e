# SPDX-License-Identifier: Apache-2.0
"""A forward proxy made of raw sockets, which knows a name that nobody else does."""

import base64
import socket
import threading

from upstream import Upstream


class Proxy(Upstream):
    """Knows the name upstream.test; user: whom it lets through; says: what it answers instead of a tunnel."""

    def __init__(self, user=None, says=None, names=None):
        super().__init__(self._serve)
        self.user, self.says, self.names = user, says, {"upstream.test": "127.0.0.1"} | (names or {})

    def _serve(self, peer):
        while request := peer.request():
            if self.says is not None:
                peer.send(self.says)
                return
            if not self._may(request):
                peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"
                          b"Content-Length: 4\r\n\r\nNope")
                return
            method, target, _ = request.line.split(" ")
            if method == "CONNECT":
                self._tunnel(peer, target)
                return
            self._forward(peer, request, target)

    def _may(self, request):
        wanted = self.user and "Basic " + base64.b64encode(self.user.encode()).decode()
        return request.headers.get("proxy-authorization") == wanted

    def _connect(self, authority):
        host, port = authority.rsplit(":", 1)
        return socket.create_connection((self.names.get(host, host), int(port)))

    def _tunnel(self, peer, target):
        behind = self._connect(target)
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self._pump, args=(behind, peer.socket), daemon=True).start()
        self._pump(peer.socket, behind)

    def _pump(self, source, to):
        try:
            while data := source.recv(1 << 16):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _forward(self, peer, request, target):
        assert target.startswith("http://"), target
        authority, path = target.removeprefix("http://").split("/", 1)
        with self._connect(authority) as behind:
            behind.sendall(f"POST /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {len(request.body)}\r\n\r\n"
                           .encode() + request.body)
            peer.send(behind.recv(1 << 16))
