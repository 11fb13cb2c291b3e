# SPDX-License-Identifier: Apache-2.0
"""Google's hosts without Google: a proxy that leads every CONNECT to one TLS server, whose certificate carries the names
that Google's hosts have (google.md 1.2)."""

import json
import socket
import threading

import pki
import servers
import upstream
from upstream import Upstream

GLOBAL = "aiplatform.googleapis.com"
REGIONAL = f"us-central1-{GLOBAL}"
US, EU = (f"aiplatform.{place}.rep.googleapis.com" for place in ("us", "eu"))
GEMINI = "generativelanguage.googleapis.com"
DEDICATED = "4815162342.us-central1-123456789.prediction.vertexai.goog"
NAMES = (GLOBAL, REGIONAL, US, EU, GEMINI, DEDICATED, f"europe-west4-{GLOBAL}")


def serve(peer):
    """What stands at Google's hosts: Gemini's native calls, and OpenAI's on endpoints."""
    openai = servers.answerer("vllm")
    while request := peer.request():
        peer.send(openai(request) if request.path.endswith("/chat/completions") else upstream.answer(request))


class Google(Upstream):
    """asked: the names that clients asked for in their TLS greeting, one a connection."""

    def __init__(self, behave=serve):
        context = pki.server(pki.certificate("google", names=",".join(f"DNS:{name}" for name in NAMES)))
        context.sni_callback = lambda _, name, __: self.asked.append(name)
        self.asked = []
        super().__init__(behave, tls=context)


class Road(Upstream):
    """A proxy whose every tunnel ends at one server. led: the authorities that were asked for."""

    def __init__(self, server):
        super().__init__(self._lead)
        self.server, self.led = server, []

    def _lead(self, peer):
        request = peer.request()
        method, target, _ = request.line.split(" ")
        assert method == "CONNECT", request.line
        self.led.append(target)
        behind = socket.create_connection(("127.0.0.1", self.server.port))
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=_pump, args=(behind, peer.socket), daemon=True).start()
        _pump(peer.socket, behind)


def _pump(source, to):
    try:
        while data := source.recv(1 << 16):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def configured(folder, road, upstreams, **more):
    """A configuration file whose upstreams all take the road."""
    file = folder / "dragoman.yaml"
    way = {"ca": str(pki.authority()), "proxy": road.url}
    upstreams = {name: {**way, **members} for name, members in upstreams.items()}
    file.write_text(json.dumps({"upstreams": upstreams, **more}))
    return file
