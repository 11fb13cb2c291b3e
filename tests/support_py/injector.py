# SPDX-License-Identifier: Apache-2.0
"""Between a gateway and its upstream: each request passes with `x-dragoman-fault` added, each answer byte for byte."""

import select
import socket

from upstream import Upstream


class Injector(Upstream):
    """fault: what the requests from now on ask for; "" for nothing. One request a connection, as the test sends them."""

    def __init__(self, port):
        self.fault, self.to = "", port
        super().__init__(self._pass)

    def _pass(self, peer):
        request = peer.request()
        if request is None:
            return
        lines = [request.line, "connection: close", *(f"{name}: {value}" for name, value in request.headers.items())]
        if self.fault:
            lines.append(f"x-dragoman-fault: {self.fault}")
        with socket.create_connection(("127.0.0.1", self.to), 20) as server:
            server.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + request.body)
            while True:
                ready, _, _ = select.select([server, peer.socket], [], [], 20)
                if server not in ready:
                    return  # the gateway left, or nothing moves
                piece = server.recv(1 << 16)
                if not piece:
                    return
                peer.send(piece)
