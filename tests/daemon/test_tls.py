# SPDX-License-Identifier: Apache-2.0
"""Upstreams over TLS: whom we believe, what a failed handshake says, sessions, cuts. What is the same with TLS and
without is asked in test_upstream*.py, both ways (user-pain J13)."""

import json
import socket
import ssl
import subprocess
import threading
import time

import pki
import pytest
import upstream
import wire
from upstream import HEAD, STREAM_HEAD, Upstream, chat, chunk, configuration, event, native, sized
from waiting import wait_for


@pytest.fixture
def serve():
    """serve(behave, tls=context): a server of the test's own."""
    servers = []

    def serve_one(behave=upstream.serve, tls=None, **options):
        servers.append(Upstream(behave, tls=tls or pki.server(), **options))
        return servers[-1]

    yield serve_one
    for server in servers:
        server.close()


@pytest.fixture
def front(start, tmp_path):
    def start_one(server, *settings, env=None, **members):
        url = server if isinstance(server, str) else server.url
        members = {"ca": str(pki.authority()), **members}
        members = {key: value for key, value in members.items() if value is not None}
        return start(*settings, args=("--config", str(configuration(tmp_path, url, **members))), env=env)
    return start_one


def why(answer):
    assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable"), answer.body
    return answer.error["message"]


# --- whom we believe ----------------------------------------------------------------------------

BAD = {
    "expired": (dict(days=(-60, -1)), "CN=expired expired on 2020-02-01"),
    "self-signed": (dict(by=None), "the certificate of CN=self-signed,O=Tests is self-signed"),
    "wrong host": (dict(names="DNS:other.example,DNS:*.b.example"),
                   "CN=wrong host,O=Tests is for other.example, *.b.example, not for 127.0.0.1"),
    "wrong number": (dict(names="IP:127.0.0.2"), "not for 127.0.0.1"),
    "no number": (dict(names="DNS:127.0.0.1"), "not for 127.0.0.1"),
    "unknown issuer": (dict(by="stranger"), "CN=unknown issuer,O=Tests has an unknown issuer, CN=Test Authority stranger"),
}


@pytest.mark.parametrize("bad", BAD)
def test_certificates_that_are_not_believed(serve, front, bad):
    options, text = BAD[bad]
    server = serve(tls=pki.server(pki.certificate(bad, **options)))
    daemon = front(server)
    for stream in (False, True):
        message = why(chat(daemon, stream=stream))
        assert text in message and "The upstream back could not be reached: TLS: " in message, message
    assert server.requests == [] and "alert" in str(server.handshakes_failed[0])
    wait_for(lambda: daemon.stats()["upstream_connections"] == 0)


def test_a_name_must_be_the_certificates(serve, front):
    server = serve(tls=pki.server(pki.certificate("only-number", names="IP:127.0.0.1")))
    assert chat(front(server)).status == 200
    assert "not for localhost" in why(chat(front(server.url.replace("127.0.0.1", "localhost"))))


def test_the_name_is_sent(serve, front):
    names, context = [], pki.server()
    context.sni_callback = lambda _, name, __: names.append(name)
    server = serve(tls=context)
    assert chat(front(server.url.replace("127.0.0.1", "localhost"))).status == 200
    assert chat(front(server)).status == 200
    assert names == ["localhost", None], "numbers are never sent (RFC 6066 3)"


def test_what_is_spoken(serve, front):
    """ALPN http/1.1, TLS 1.3; no compression, no secret in it of the client's."""
    seen = []

    def behave(peer):
        seen.append((peer.socket.selected_alpn_protocol(), peer.socket.version(), peer.socket.compression()))
        upstream.serve(peer)

    context = pki.server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert chat(front(serve(behave, context))).status == 200
    assert seen == [("http/1.1", "TLSv1.3", None)]


def test_tls_1_2_is_taken_and_1_1_is_not(serve, front):
    old = pki.server(minimum_version=ssl.TLSVersion.TLSv1_2, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert chat(front(serve(tls=old))).status == 200
    older = pki.server(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    older.set_ciphers("ALL:@SECLEVEL=0")
    assert "neither TLS 1.2 nor 1.3" in why(chat(front(serve(tls=older))))


def test_a_server_without_tls(front):
    with Plain() as server:
        assert "does not speak TLS" in why(chat(front(server.url.replace("http:", "https:"))))


class Plain(Upstream):
    def __init__(self):
        super().__init__(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# --- where authorities come from ----------------------------------------------------------------


def test_the_systems_authorities_can_be_moved(serve, front, tmp_path):
    server = serve()
    assert "unknown issuer" in why(chat(front(server, ca=None)))
    assert chat(front(server, ca=None, env={"SSL_CERT_FILE": str(pki.authority())})).status == 200
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / "ca.pem").write_bytes(pki.authority().read_bytes())
    subprocess.run(["openssl", "rehash", folder], check=True)
    assert chat(front(server, ca=None, env={"SSL_CERT_DIR": f"/nowhere:{folder}"})).status == 200
    stranger = str(pki.authority("stranger"))
    assert "unknown issuer" in why(chat(front(server, ca=stranger, env={"SSL_CERT_FILE": str(pki.authority())})))


@pytest.mark.parametrize("content, text", [(None, "No such file"), ("", "no certificates"), ("-----BEGIN X", "no certificates")])
def test_authorities_that_can_not_be_read_are_told_at_once(tmp_path, content, text):
    from dragoman import BINARY, environment
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    config = configuration(tmp_path, "https://h", ca=str(file))
    done = subprocess.run([BINARY, "check", "--config", config], env=environment(), capture_output=True, text=True)
    assert done.returncode == 3 and text in done.stderr and str(file) in done.stderr, done
    config = configuration(tmp_path, "https://h")
    done = subprocess.run([BINARY, "check", "--config", config], env=environment(SSL_CERT_FILE=str(file)),
                          capture_output=True, text=True)
    assert done.returncode == 3 and text in done.stderr, done


def test_authorities_are_read_again_at_reload(serve, start, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_bytes(pki.authority("stranger").read_bytes())
    server = serve()
    daemon = start(args=("--config", str(configuration(tmp_path, server.url, ca=str(ca)))))
    why(chat(daemon))
    ca.write_bytes(pki.authority().read_bytes())
    daemon.process.send_signal(1)
    wait_for(lambda: chat(daemon).status == 200)


# --- sessions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(serve, front, version):
    def behave(peer):
        peer.request()
        peer.send(sized(head=HEAD + b"Connection: close\r\n"))

    server = serve(behave, pki.server(minimum_version=version, maximum_version=version))
    daemon = front(server)
    for _ in range(6):
        assert chat(daemon).status == 200
    assert (server.connections, server.resumed) == (6, 5)


def test_a_session_is_one_origins(serve, front, start, tmp_path):
    """Two upstreams on one address with other authorities share neither connections nor sessions."""
    server = serve()
    config = tmp_path / "two.yaml"
    config.write_text(json.dumps({
        "upstreams": {name: {"kind": "vertex", "base_url": server.url, "credentials": "none", "ca": str(pki.authority(ca))}
                      for name, ca in (("good", "ca"), ("bad", "stranger"))},
        "models": [{"match": "google/gemini-2.5-pro", "upstream": "bad"}, {"match": "*", "upstream": "good"}]}))
    daemon = start(args=("--config", str(config)))
    assert chat(daemon).status == 200
    assert "unknown issuer" in why(daemon.ask(wire.request("POST", wire.CHAT, wire.body(model="google/gemini-2.5-pro"))))
    assert chat(daemon).status == 200
    assert server.connections == 2


# --- cuts and delays ----------------------------------------------------------------------------


def raw(behave):
    """A server whose side of TCP alone is behaved; behave(socket)."""
    return Upstream(lambda peer: behave(peer.socket))


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_a_cut_in_the_handshake(front, said, reset):
    def behave(peer):
        peer.socket.recv(1 << 16)
        peer.send(said)
        peer.reset() if reset else None

    server = Upstream(behave)
    daemon = front(server.url.replace("http:", "https:"))
    assert "TLS: the connection was closed in the handshake" in why(chat(daemon))
    assert server.connections == 1
    server.close()


def test_a_slow_handshake_is_the_connects_deadline(front):
    server = raw(lambda s: time.sleep(1.5))
    daemon = front(server.url.replace("http:", "https:"), "timeouts.connect=300ms")
    began = time.monotonic()
    assert "TLS: the handshake did not end in time" in why(chat(daemon))
    assert 0.25 < time.monotonic() - began < 1.4
    server.close()


def test_a_client_that_leaves_in_the_handshake(front):
    server = raw(lambda s: (s.recv(1 << 16), s.recv(1 << 16)))
    daemon = front(server.url.replace("http:", "https:"))
    with daemon.connect() as connection:
        connection.send(wire.chat())
        wait_for(lambda: server.open == 1)
    wait_for(lambda: server.open == 0 and daemon.stats()["upstream_connections"] == 0, 2)
    server.close()


def test_an_end_that_tls_did_not_announce_is_a_cut(serve, front):
    """A body that ends with its connection: whole with a close_notify, cut without."""
    def behave(peer):
        peer.request()
        peer.send(HEAD + b"\r\n" + native())
        if peer.number == 2:
            tcp = socket.socket(fileno=peer.socket.detach())  # a plain FIN
            tcp.shutdown(socket.SHUT_WR)
            tcp.close()

    server = serve(behave)
    daemon = front(server)
    assert chat(daemon).status == 200
    cut = chat(daemon)
    assert (cut.status, cut.error["code"]) == (502, "upstream_cut")
    assert chat(daemon).status == 200 and daemon.stats()["replayed_total"] == 0


def test_a_record_that_was_tampered_with(serve, front):
    """The proxy between flips one bit of the answer."""
    def behave(peer):
        peer.request()
        between.flip = True
        peer.send(sized())

    server = serve(behave)
    with Between(server.port) as between:
        answer = chat(front(f"https://127.0.0.1:{between.port}"))
    assert answer.status == 502 and answer.error["code"] in ("upstream_unreachable", "upstream_cut"), answer.body


@pytest.mark.parametrize("stream", [False, True])
def test_records_byte_by_byte(serve, front, stream):
    """What TCP carries arrives in single bytes, and every byte of the answer is a record of its own."""
    def behave(peer):
        request = peer.request()
        for byte in upstream.answer(request):
            peer.send(bytes([byte]))

    server = serve(behave)
    with Between(server.port, size=1) as between:
        answer = chat(front(f"https://127.0.0.1:{between.port}"), stream=stream)
    assert answer.status == 200


class Between:
    """Passes bytes on, in pieces of `size`; flip: spoils what the server says from now on."""

    def __init__(self, port, size=1 << 16):
        self.port_behind, self.size, self.flip = port, size, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            behind = socket.create_connection(("127.0.0.1", self.port_behind))
            for s in (client, behind):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(client, behind), daemon=True).start()
            threading.Thread(target=self._pump, args=(behind, client), daemon=True).start()

    def _pump(self, source, to):
        try:
            while data := source.recv(1 << 16):
                if self.flip:
                    data = data[:8] + bytes([data[8] ^ 1]) + data[9:]  # behind a record's head of 5
                for i in range(0, len(data), self.size):
                    to.sendall(data[i:i + self.size])
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_a_server_that_wants_a_certificate_of_ours(serve, front):
    context = pki.server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pki.authority())
    assert "certificate required" in why(chat(front(serve(tls=context))))


# --- much -----------------------------------------------------------------------------------------


def test_large_bodies_both_ways(serve, front):
    text = "long " * 1_200_000  # 6 MB

    def behave(peer):
        while request := peer.request():
            peer.send(sized(native(json.loads(request.body)["contents"][0]["parts"][0]["text"])))

    server = serve(behave)
    daemon = front(server)
    answer = daemon.ask(wire.chat(text), timeout=60)
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == text
    assert chat(daemon).status == 200 and server.connections == 1


# --- an answer and the end behind it ------------------------------------------------------------


def answer_and_end(peer, context, data):
    """One request over TLS; the answer and TLS's end leave in one write, as of a server that closes after each."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)

    def until(step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                peer.socket.sendall(outgoing.read())
                piece = peer.socket.recv(1 << 16)
                if not piece:
                    raise EOFError from None
                incoming.write(piece)

    until(tls.do_handshake)
    peer.socket.sendall(outgoing.read())
    asked = b""
    while b"\r\n\r\n" not in asked or not asked.endswith(b"}"):
        asked += until(lambda: tls.read(1 << 16))
    tls.write(data)
    try:
        tls.unwrap()
    except ssl.SSLWantReadError:
        pass
    peer.socket.sendall(outgoing.read())
    peer.server.requests.append(asked)
    peer.wait_closed(5)


def test_a_connection_that_ends_with_its_answer_is_not_used_again(front):
    """What is asked next, in the midst of that answer, must not go where nobody reads: it would be lost, and sent again."""
    context = pki.server()
    nothing = json.dumps({"candidates": [{"finishReason": "STOP"}]}).encode()
    server = Upstream(lambda peer: answer_and_end(peer, context, sized(nothing if peer.number == 1 else native())))
    daemon = front(server.url.replace("http:", "https:"))
    said = chat(daemon)
    assert (said.status, said.json["choices"][0]["message"]["content"]) == (200, "Hello there.")
    stats = daemon.stats()
    assert (stats["attempts_total"], stats["replayed_total"], stats["upstream_connections_total"]) == (2, 0, 2)
    server.close()
