# SPDX-License-Identifier: Apache-2.0
"""URLs in messages, fetched for upstreams that can not read them: what comes of it, and what must never (user-pain E2, E4)."""

import ast
import base64
import json
import pathlib
import re
import signal
import statistics
import subprocess
import threading
import time

import pki
import pytest
import wire
from dragoman import BINARY, environment
from upstream import Upstream, configuration
from waiting import wait_for

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5
PAGE = b" \n<!DOCTYPE html><html><body>Please log in</body></html>"


def file(body=PNG, kind="image/png", status="200 OK", more=b""):
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n" % (status.encode(), kind.encode(), more, len(body)) + body


class Host(Upstream):
    """A host of files: pages[path] is an answer's bytes, or a function of the peer that sends it."""

    def __init__(self, pages=None, tls=None):
        self.pages = pages or {}
        super().__init__(self._serve, tls=tls)

    def _serve(self, peer):
        if not (request := peer.request()):
            return
        page = self.pages.get(request.path, file(b"lost", "text/plain", "404 Not Found"))
        if callable(page):
            page(peer)
        else:
            peer.send(page)


@pytest.fixture
def host():
    hosts = []

    def start_one(pages=None, **options):
        hosts.append(Host(pages, **options))
        return hosts[-1]

    yield start_one
    for one in hosts:
        one.close()


@pytest.fixture
def front(start, tmp_path):
    """front(host, "fetch.timeout=1s", kind="vllm"): a Dragoman that fetches, before a model's server that keeps what it gets."""
    servers = []

    def start_one(*settings, fetch="public", allow="127.0.0.1:*", env=None, **members):
        server = Upstream()
        servers.append(server)
        where = configuration(tmp_path, server.url, **({"fetch": fetch} if fetch else {}), **members)
        daemon = start(f"fetch.allow={allow}", *settings, args=("--config", str(where)), env=env)
        daemon.server = server
        return daemon

    yield start_one
    for server in servers:
        server.close()


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def ask(daemon, *parts, timeout=30, **members):
    content = [{"type": "text", "text": "What is it?"}, *(image(part) if isinstance(part, str) else part for part in parts)]
    return daemon.ask(wire.request("POST", wire.CHAT, json.dumps(
        {"model": wire.MODEL, "messages": [{"role": "user", "content": content}], **members}).encode()), timeout)


def sent(daemon, i=-1):
    """The parts that the model's server got, but for the first."""
    return json.loads(daemon.server.requests[i].body)["contents"][-1]["parts"][1:]


def inline(mime, data):
    return {"inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()}}


def refused(answer, why, part=1, member="image_url"):
    assert answer.status == 400, answer
    error = answer.error
    assert (error["code"], error["param"]) == ("url_not_fetched", f"messages[0].content[{part}].{member}"), error
    assert why in error["message"], error


def settled(daemon):
    def quiet():
        stats = daemon.stats()
        return stats["fetches"] == 0 and stats["exchanges"] == 1
    wait_for(quiet)


# --- what comes of it ---------------------------------------------------------------------------


def test_nothing_is_fetched_unless_asked_for(host, front):
    pictures, daemon = host({"/a.png": file()}), front(fetch=None)
    assert ask(daemon, f"{pictures.url}/a.png").status == 200
    assert sent(daemon) == [{"fileData": {"mimeType": "image/png", "fileUri": f"{pictures.url}/a.png"}}]
    assert pictures.connections == 0


def test_gcs_is_about_cloud_storage_alone(host, front):
    pictures, daemon = host({"/a.png": file()}), front(fetch="gcs")
    assert ask(daemon, f"{pictures.url}/a.png", "http://127.0.0.1/x.png").status == 200
    assert [list(part) for part in sent(daemon)] == [["fileData"], ["fileData"]]
    assert pictures.connections == 0
    refused(ask(daemon, "https://storage.googleapis.com/\\x"), "backslashes")


def test_bytes_are_sent_and_tell_their_type(host, front):
    """Whatever a host or a name says (E2: signed URLs)."""
    pages = {"/signed?X-Sig=a.b/c": file(kind="application/octet-stream"), "/jpeg.jpg": file(kind="image/jpeg"),
             "/told": file(b"unknown", "image/x-odd; charset=x"), "/name.webp": file(b"?", "binary/octet-stream"),
             "/doc": file(b"%PDF-1.7\n", "text/plain"), "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             + wire.chunked(PNG, 1),
             "/to-close": b"HTTP/1.0 200 OK\r\n\r\n" + PNG}
    pictures, daemon = host(pages), front()
    assert ask(daemon, *(pictures.url + path for path in pages)).status == 200
    assert sent(daemon) == [inline("image/png", PNG), inline("image/png", PNG), inline("image/x-odd", b"unknown"),
                            inline("image/webp", b"?"), inline("application/pdf", b"%PDF-1.7\n"),
                            inline("image/png", PNG), inline("image/png", PNG)]
    settled(daemon)


def test_sizes_around_three(host, front):
    pages = {f"/{n}": file(PNG[:8] + b"x" * n) for n in range(7)}
    pictures, daemon = host(pages), front()
    assert ask(daemon, *(pictures.url + path for path in pages)).status == 200
    assert sent(daemon) == [inline("image/png", PNG[:8] + b"x" * n) for n in range(7)]


def test_a_relayed_request_gets_data_urls(host, front):
    pictures = host({"/a": file(), "/b": file(b"ID3\x04", "audio/mpeg")})
    daemon = front(kind="vllm")
    sound = {"type": "input_audio", "input_audio": {"data": f"{pictures.url}/b", "format": "mp3"}}
    ask(daemon, f"{pictures.url}/a", sound)
    parts = json.loads(daemon.server.requests[0].body)["messages"][0]["content"]
    assert parts[1]["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert parts[2]["input_audio"] == {"data": base64.b64encode(b"ID3\x04").decode(), "format": "mp3"}


def test_nothing_of_ours_or_the_clients_goes_along(host, front):
    pictures = host({"/a": file()})
    daemon = front(credentials={"bearer": "gateway-secret"})
    body = json.dumps({"model": wire.MODEL, "messages": [{"role": "user", "content": [image(f"{pictures.url}/a")]}]}).encode()
    answer = daemon.ask(wire.request("POST", wire.CHAT, body, {"Authorization": "Bearer client-secret", "Cookie": "c=1", "Referer": "r"}))
    assert answer.status == 200
    got = pictures.requests[0]
    assert set(got.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert (got.line, got.headers["accept-encoding"]) == ("GET /a HTTP/1.1", "identity")
    assert "secret" not in str(got.headers)


def test_one_url_is_fetched_once_and_many_in_parallel(host, front):
    lock, asked = threading.Lock(), [0, 0]  # at once, and the most

    def slow(peer):
        with lock:
            asked[0] += 1
            asked[1] = max(asked)
        time.sleep(0.3)
        with lock:
            asked[0] -= 1
        peer.send(file())
    pictures = host({f"/{i}": slow for i in range(20)})
    daemon = front()
    urls = [f"{pictures.url}/{i}" for i in range(20)]
    began = time.monotonic()
    assert ask(daemon, *urls, *urls).status == 200
    assert time.monotonic() - began < 20 * 0.3
    assert sent(daemon) == [inline("image/png", PNG)] * 40
    assert len(pictures.requests) == 20 and 2 <= asked[1] <= 8
    settled(daemon)


def test_a_large_body_with_urls(host, front):
    """Its two halves are translated off the loop."""
    pictures, daemon = host({"/a": file(PNG * 300)}), front()
    text = {"type": "text", "text": "long " * 40000}
    assert ask(daemon, text, f"{pictures.url}/a").status == 200
    assert sent(daemon)[1:] == [inline("image/png", PNG * 300)]
    settled(daemon)


def test_streams_too(host, front):
    pictures, daemon = host({"/a": file()}), front()
    answer = ask(daemon, f"{pictures.url}/a", stream=True)
    assert (answer.status, answer.events[-1]) == (200, "[DONE]")


def test_over_tls(host, front):
    pictures = host({"/a": file()}, tls=pki.server())
    other = host({"/a": file()}, tls=pki.server(pki.certificate("elsewhere", "DNS:elsewhere.test")))
    daemon = front(env={"SSL_CERT_FILE": str(pki.authority()), "SSL_CERT_DIR": "/nonexistent"})
    assert ask(daemon, f"{pictures.url}/a").status == 200
    assert sent(daemon) == [inline("image/png", PNG)]
    refused(ask(daemon, f"{other.url}/a"), "could not be reached")
    assert other.requests == []


# --- what must never ----------------------------------------------------------------------------


def bypasses():
    text = (pathlib.Path(__file__).parents[1] / "support/bypasses.def").read_text()
    rows = re.findall(r'^BYPASS\((.*)\)$', text, re.M)
    return [b"".join(ast.literal_eval("b" + piece) for piece in re.findall(r'"(?:[^"\\]|\\.)*"', row)).decode() for row in rows]


@pytest.mark.parametrize("kind", ["vertex", "vllm"])
def test_bypasses(host, front, kind):
    """More than forty spellings of addresses that are nobody's business; nothing is asked for, nothing goes on."""
    urls, daemon = bypasses(), front(allow="10.99.99.99", kind=kind)
    assert len(urls) >= 40
    for url in urls:
        if kind == "vertex" and url.startswith("gs:"):
            continue  # Vertex reads it itself
        answer = ask(daemon, url)
        assert answer.status == 400, (url, answer)
        assert answer.error["param"].startswith("messages[0].content[1].image_url"), url
    assert daemon.server.requests == []
    assert daemon.stats()["fetches"] == 0


def test_loopback_with_an_open_port(host, front):
    """A port that fetch.allow opens is open at its own hosts alone."""
    pictures = host({"/a": file()})
    daemon = front(allow=f"10.99.99.99:{pictures.port}")
    for name in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0", "[::]",
                 "x@127.0.0.1", "a.localhost", "017700000001", "[::ffff:7f00:1]", "127.0.0.1.", "LocalHost."):
        refused(ask(daemon, f"http://{name}:{pictures.port}/a"), "")
    assert pictures.connections == 0 and daemon.server.requests == []


def test_redirects(host, front):
    """Each hop is looked at anew; three are followed."""
    def to(where):
        return file(b"", "text/html", "302 Found", b"Location: %s\r\n" % where.encode())
    secret = host({"/": file()})
    pictures = host({"/0": file(), "/1": to("/0"), "/2": to("1"), "/3": to("?x"), "/3?x": to("2"), "/4": to("/3"),
                     "/name": to(f"http://localhost:{secret.port}/"), "/other": to(f"//127.0.0.2:{secret.port}/"),
                     "/port": to("http://127.0.0.1:99999/"), "/metadata": to("http://169.254.169.254/"), "/file": to("file:///etc/passwd"),
                     "/user": to(f"http://a@127.0.0.1:{secret.port}/"), "/round": to("/round"), "/no": to(""), "/to-html": to("/html"),
                     "/html": file(PAGE)})
    daemon = front()
    assert ask(daemon, *(f"{pictures.url}/{n}" for n in (0, 1, 2))).status == 200
    assert sent(daemon) == [inline("image/png", PNG)] * 3
    refused(ask(daemon, f"{pictures.url}/4"), "more than 3 times")
    refused(ask(daemon, f"{pictures.url}/round"), "more than 3 times")
    refused(ask(daemon, f"{pictures.url}/no"), "302")
    for name in ("name", "other", "port", "metadata", "file", "user"):
        refused(ask(daemon, f"{pictures.url}/{name}"), "it is redirected, and there")
    assert secret.connections == 0
    settled(daemon)


def cut(peer):
    peer.send(file()[:-100])


def hang(peer):
    peer.wait_closed(30)


FAILURES = [
    (file(b"", status="404 Not Found"), "its host answered 404 Not Found"),
    (file(b"", status="429 Too Many Requests"), "its host answered 429 Too Many Requests"),
    (file(b"", status="503 Service Unavailable"), "its host answered 503"),
    (file(b"", status="206 Partial Content"), "its host answered 206"),
    (file(b""), "it is empty"),
    (file(PAGE), "no medium but text/html"),
    (file(b"log in", "text/plain; charset=utf-8"), "no medium but text/plain"),
    (file(b"{}", "application/json"), "no medium but application/json"),
    (file(more=b"Content-Encoding: gzip\r\n"), "compressed"),
    (file(b"x" * (1 << 20) + b"x"), "more than 1 MB"),
    (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (3 << 20), "more than 1 MB"),
    (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n", "too large"),
    (b"", "broke off"),
    (cut, "broke off"),
    (hang, "did not send it within 700 ms"),
    (lambda peer: (peer.send(file()[:100]), hang(peer)), "did not send it within 700 ms"),
]


def test_failures_tell_why(host, front):
    """The host's own 429 is told as its, and not as one of the model's server (E2)."""
    pictures = host({f"/{i}": page for i, (page, _) in enumerate(FAILURES)})
    daemon = front("fetch.max_mb=1", "fetch.timeout=700ms")
    for i, (_, why) in enumerate(FAILURES):
        refused(ask(daemon, f"{pictures.url}/{i}"), why)
    assert daemon.server.requests == []
    settled(daemon)


def test_nobody_listens(front):
    daemon = front()
    port = Upstream()
    port.close()
    refused(ask(daemon, f"http://127.0.0.1:{port.port}/a"), "could not be reached: ")


def test_a_page_may_be_a_file(host, front):
    pictures, daemon = host({"/a": file(PAGE, "text/html")}), front()
    assert ask(daemon, {"type": "file", "file": {"file_data": f"{pictures.url}/a"}}).status == 200
    assert sent(daemon) == [inline("text/html", PAGE)]


def test_all_of_a_request_has_a_ceiling(host, front):
    pictures, daemon = host({f"/{i}": file(PNG + bytes(19 << 20)) for i in range(4)}), front()
    answer = ask(daemon, *(f"{pictures.url}/{i}" for i in range(4)), timeout=60)
    assert answer.status == 400 and "more than 64 MB" in answer.error["message"], answer
    settled(daemon)
    wait_for(lambda: daemon.stats()["held_bytes"] < 4 << 20)


def test_memory_is_the_workers(host, front):
    pictures, daemon = host({f"/{i}": file(PNG + bytes(19 << 20)) for i in range(3)}), front("limits.memory_mb=64")
    answer = ask(daemon, *(f"{pictures.url}/{i}" for i in range(3)), timeout=60)
    assert (answer.status, answer.error["code"]) == (503, "overloaded"), answer
    settled(daemon)


# --- others, and leaving --------------------------------------------------------------------------


def times(daemon, n=100):
    found = []
    for _ in range(n):
        began = time.monotonic()
        assert daemon.chat("Hi").status == 200
        found.append(time.monotonic() - began)
    return statistics.quantiles(found, n=100)[98]


def test_hanging_hosts_hold_nobody_else(host, front):
    """A hundred of them, more than are fetched at once: p99 of other requests stays what it was (E2)."""
    hosts, daemon = host({f"/{i}": hang for i in range(100)}), front("fetch.timeout=15s")
    before = times(daemon)
    connections = [daemon.connect(30) for _ in range(100)]
    for i, connection in enumerate(connections):
        content = json.dumps({"model": wire.MODEL, "messages": [{"role": "user", "content": [image(f"{hosts.url}/{i}")]}]}).encode()
        connection.send(wire.request("POST", wire.CHAT, content))
    wait_for(lambda: hosts.open >= 64)
    assert daemon.stats()["fetches"] == 64 == hosts.open
    during = times(daemon)
    assert during < max(5 * before, before + 0.1), (before, during)
    for connection in connections:
        connection.socket.close()
    settled(daemon)
    wait_for(lambda: hosts.open == 0)


def test_a_client_that_leaves_ends_its_fetches(host, front):
    pictures, daemon = host({f"/{i}": hang for i in range(3)}), front()
    connection = daemon.connect()
    content = json.dumps({"model": wire.MODEL, "messages": [
        {"role": "user", "content": [image(f"{pictures.url}/{i}") for i in range(3)]}]}).encode()
    connection.send(wire.request("POST", wire.CHAT, content))
    wait_for(lambda: pictures.open == 3)
    connection.socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: a reset
    connection.socket.close()
    wait_for(lambda: pictures.open == 0, 1)
    settled(daemon)
    assert daemon.server.requests == []


def test_draining_waits_for_fetches(host, front):
    going = threading.Event()
    pictures = host({"/a": lambda peer: (going.wait(10), peer.send(file()))})
    daemon, answers = front(), []
    asking = threading.Thread(target=lambda: answers.append(ask(daemon, f"{pictures.url}/a")))
    asking.start()
    wait_for(lambda: pictures.open == 1)
    daemon.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    going.set()
    asking.join(20)
    assert answers[0].status == 200
    daemon.wait_end()


@pytest.mark.parametrize("entry, fault", [("10.0.0.0/33", "number of bits"), ("a b", "no host"), ("x:0", "port")])
def test_what_can_not_be_allowed(entry, fault):
    found = subprocess.run([BINARY, "check", "--set", f"fetch.allow={entry}"], capture_output=True, text=True, env=environment())
    assert found.returncode != 0 and "fetch.allow" in found.stderr and fault in found.stderr, found


# --- where several upstreams may be asked -------------------------------------------------------


@pytest.fixture
def pair(start, tmp_path):
    """A Dragoman before one that reads URLs itself and is full, and behind it one that can not, of another protocol."""
    full = Upstream(lambda peer: [peer.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") for _ in iter(peer.request, None)])
    good = Upstream()
    where = tmp_path / "pair.yaml"
    where.write_text(json.dumps({
        "upstreams": {"lab": {"kind": "vllm", "base_url": full.url},
                      "g": {"kind": "gemini", "base_url": good.url, "credentials": "none", "fetch": "public"}},
        "models": [{"match": "*", "upstream": [{"name": "lab", "weight": 1}, {"name": "g", "weight": 0}]}]}))
    yield start("fetch.allow=127.0.0.1:*", args=("--config", str(where))), full, good
    full.close()
    good.close()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("large", [False, True], ids=["on the loop", "in a thread"])
def test_another_upstream_gets_what_it_can_read(host, pair, stream, large):
    pictures, (daemon, full, good) = host({"/a.png": file()}), pair
    for _ in range(2):
        said = ask(daemon, f"{pictures.url}/a.png", {"type": "text", "text": "x" * (200000 if large else 1)}, stream=stream)
        assert (said.status, said["x-dragoman-upstream"]) == (200, "g"), said.body
        parts = json.loads(good.requests[-1].body)["contents"][-1]["parts"]
        assert parts[1] == inline("image/png", PNG) and (said.events[-1] == "[DONE]" if stream else said.json["choices"])
    # The second time the first one rests: it is not asked, and the request is made once.
    assert json.loads(full.requests[0].body)["messages"][-1]["content"][1] == image(f"{pictures.url}/a.png")
    assert (len(full.requests), len(good.requests), pictures.connections) == (1, 2, 2)


def test_a_url_that_is_not_fetched_ends_it(host, pair):
    """Also where another upstream was asked before; nobody is asked once more."""
    daemon, full, good = pair
    refused(ask(daemon, host().url + "/lost.png"), "404")
    assert (len(full.requests), len(good.requests)) == (1, 0)
    settled(daemon)
