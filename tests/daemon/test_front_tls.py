# SPDX-License-Identifier: Apache-2.0
"""TLS in front: a private authority, clients' certificates, renewal without a restart, handshakes that never end."""

import json
import os
import pathlib
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import time

import httpx
import openai
import pki
import pytest
import wire
from dragoman import BINARY, Daemon, environment, free_port
from waiting import wait_for

REQUEST = wire.chat()


def context(ca="ca", cert=None, **options):
    made = ssl.create_default_context(cafile=str(pki.authority(ca)))
    if cert:
        made.load_cert_chain(*cert)
    for name, value in options.items():
        setattr(made, name, value)
    return made


class Front:
    """A Dragoman that speaks TLS at `secure` and plain HTTP beside it; cert and key are copies that a test may replace."""

    def __init__(self, folder, cert=None, workers=2, client_ca=None, settings=(), **more):
        self.secure, plain = free_port(), free_port()
        self.cert, self.key = folder / "server.pem", folder / "server.key"
        self.show(cert or pki.certificate())
        tls = {"cert": str(self.cert), "key": str(self.key)} | ({"client_ca": str(client_ca)} if client_ca else {})
        file = folder / "dragoman.yaml"
        file.write_text(json.dumps({"listen": [f"127.0.0.1:{plain}", {"address": f"127.0.0.1:{self.secure}", "tls": tls}],
                                    "emulator": {"first_ms": 5, "piece_ms": 1}, "workers": workers, **more}))
        words = [word for setting in settings for word in ("--set", setting)]
        self.daemon = Daemon(port=plain, workers=workers, command=["serve", "--config", str(file), *words])
        self.daemon.wait_ready()

    def show(self, cert):
        for source, to in zip(cert, (self.cert, self.key)):
            shutil.copy(source, f"{to}.new")
            os.replace(f"{to}.new", to)

    def connect(self, ssl_context=None):
        return wire.Connection(self.secure, tls=ssl_context or context()).socket

    def ask(self, ssl_context=None, request=REQUEST):
        with wire.Connection(self.secure, tls=ssl_context or context()) as connection:
            connection.send(request)
            return connection.answer()


@pytest.fixture
def front(tmp_path):
    made = []

    def make(*args, **options):
        made.append(Front(tmp_path, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.daemon.stop()


def test_a_private_authority(front):
    served = front()
    assert served.ask().status == 200
    assert served.ask(request=wire.chat(stream=True)).status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        served.connect(ssl.create_default_context())
    log = served.daemon.log()
    assert f"https://127.0.0.1:{served.secure}" in log and f"http://127.0.0.1:{served.daemon.port}" in log


def test_what_is_spoken(front):
    served = front()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        offering = context(minimum_version=version, maximum_version=version)
        offering.set_alpn_protocols(["h2", "http/1.1"])
        with served.connect(offering) as connection:
            assert connection.selected_alpn_protocol() == "http/1.1" and connection.compression() is None
    old = context(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    newer_only = context()
    newer_only.set_alpn_protocols(["h2"])
    for refused in (old, newer_only):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            served.connect(refused)
    assert served.ask().status == 200


def test_plain_http_there_harms_nobody(front):
    served = front()
    for bytes_ in (REQUEST, b"\x16\x03\x01", b"\x00" * 300, b""):
        with socket.create_connection(("127.0.0.1", served.secure), 10) as plain:
            plain.sendall(bytes_)
            plain.shutdown(socket.SHUT_WR)
            plain.settimeout(10)
            try:
                while plain.recv(4096):
                    pass
            except ConnectionError:
                pass
    assert served.ask().status == 200


def test_clients_certificates(front):
    served = front(client_ca=pki.authority("clients"))
    good, foreign = pki.certificate("client", by="clients"), pki.certificate("foreigner", by="stranger")
    assert served.ask(context(cert=good)).status == 200
    for bad in (context(), context(cert=foreign)):
        with pytest.raises((ssl.SSLError, ConnectionError, EOFError, AssertionError)):
            served.ask(bad)
    assert served.ask(context(cert=good)).status == 200


def shown(served):
    with served.connect() as connection:
        return connection.getpeercert()["subject"][1][0][1]


def test_it_is_renewed_without_a_restart(front):
    served = front(pki.certificate("first"))
    assert shown(served) == "first"
    with served.connect() as old:
        served.show(pki.certificate("second"))
        wait_for(lambda: {shown(served) for _ in range(6)} == {"second"}, 10)
        old.sendall(REQUEST)
        assert old.recv(4096).startswith(b"HTTP/1.1 200"), "what is open goes on"
    served.cert.write_text("no certificate")
    time.sleep(1.2)
    assert {shown(served) for _ in range(6)} == {"second"}
    assert "is not read anew" in served.daemon.log() and "generation" not in served.daemon.log()


def leave_one_descriptor(pid):
    """The next one that a process opens is its last; what lets it have more again."""
    used = {int(one.name) for one in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    last = next(n for n in range(4096) if n not in used)
    first_too_many = next(n for n in range(last + 1, 4096) if n not in used)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (first_too_many, before[1]))
    return lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_it_is_read_when_it_can_be(front):
    """A certificate that came while descriptors were short is not forgotten."""
    served = front(workers=1)
    old = shown(served)
    time.sleep(1.1)  # it looks once a second
    [worker] = served.daemon.workers()
    allow = leave_one_descriptor(worker)
    served.show(pki.certificate("other"))
    assert shown(served) == old
    allow()
    wait_for(lambda: shown(served) != old, 10)
    assert served.daemon.log().count("is not read anew") == 1


def test_handshakes_that_never_end(front):
    """They hurt nobody, and have the time that a head has."""
    served = front(workers=1, timeouts={"head": "1s"})
    hello = b"\x16\x03\x01\x02\x00\x01\x00"
    held = [socket.create_connection(("127.0.0.1", served.secure), 10) for _ in range(200)]
    for number, connection in enumerate(held):
        connection.sendall(hello[:number % len(hello)])
    began = time.monotonic()
    assert served.ask().status == 200 and time.monotonic() - began < 1
    stop = threading.Event()

    def drip():  # one that moves, but never gets there
        while not stop.wait(0.2):
            try:
                held[-1].sendall(b"\x00")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    for connection in held:
        connection.settimeout(5)
        try:
            while connection.recv(4096):
                pass
        except ConnectionError:
            pass
    assert time.monotonic() - began < 8
    stop.set()
    thread.join()
    wait_for(lambda: served.daemon.stats()["connections"] == 1, 5)


def test_a_large_body_both_ways(front):
    served = front()
    answer = served.ask(request=wire.chat("x" * 3_000_000, headers={"x-dragoman-emulate": "echo"}))
    assert answer.status == 200, answer.body[:300]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_openais_sdk(front, stream):
    served = front()
    with httpx.Client(verify=context()) as http:
        client = openai.OpenAI(base_url=f"https://localhost:{served.secure}/v1", api_key="x", http_client=http, max_retries=0)
        answer = client.chat.completions.create(model="google/gemini-2.0-flash-001", stream=stream,
                                                messages=[{"role": "user", "content": "Why is the sky blue?"}])
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices) if stream \
            else answer.choices[0].message.content
    assert len(text) > 20


def test_curl(front):
    served = front(client_ca=pki.authority("clients"))
    cert, key = pki.certificate("client", by="clients")
    done = subprocess.run(["curl", "-sS", "--cacert", str(pki.authority()), "--cert", str(cert), "--key", str(key),
                           f"https://localhost:{served.secure}/v1/models"], capture_output=True, text=True, timeout=20)
    assert '"object":"list"' in done.stdout, done.stderr


@pytest.mark.parametrize("cert, key, text", [
    ("nowhere.pem", None, "nowhere.pem: No such file"), (None, "nowhere.key", "nowhere.key: No such file"),
    ("KEY", None, "no certificate in PEM"), (None, "CERT", "no private key in PEM"), (None, "OTHER", "not the key of the certificate")])
def test_files_that_can_not_be_used(tmp_path, cert, key, text):
    good, other = pki.certificate(), pki.certificate("other")
    names = {"KEY": good[1], "CERT": good[0], "OTHER": other[1], None: None}
    cert, key = names.get(cert, cert) or good[0], names.get(key, key) or good[1]
    file = pathlib.Path(tmp_path, "c.yaml")
    file.write_text(json.dumps({"listen": {"address": "127.0.0.1:1", "tls": {"cert": str(cert), "key": str(key)}}}))
    done = subprocess.run([str(BINARY), "check", "--config", str(file)], capture_output=True, text=True, env=environment())
    assert done.returncode == 3 and text in done.stderr, done.stderr
