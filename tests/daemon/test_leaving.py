# SPDX-License-Identifier: Apache-2.0
"""Clients that leave in any phase of an exchange, and clients that only end their side of it (gateway/conn.h; user-pain F1)."""

import http.client
import json
import pathlib
import queue
import re
import socket
import subprocess
import time

import pytest
import upstream
import wire
from upstream import STREAM_HEAD, Upstream, chunk, configuration, event, sized
from waiting import wait_for

BAR_S = 1  # ten times the bar of 100 ms


class Slow:
    """An upstream that answers so far, tells that it has, and then waits for its client to leave, or to be let go."""

    def __init__(self, first=b"", then=b"", after_s=60):
        self.first, self.then, self.after_s = first, then, after_s
        self.asked, self.closed = queue.Queue(), queue.Queue()
        self.server = Upstream(self._behave)

    def _behave(self, peer):
        if not peer.request():
            return
        try:
            peer.send(self.first)
            self.asked.put(True)
            peer.socket.settimeout(self.after_s)
            while peer.socket.recv(1 << 16):
                pass
        except TimeoutError:
            peer.send(self.then)
            return
        except ConnectionError:
            pass
        self.closed.put(time.monotonic())


BEGUN = STREAM_HEAD + chunk(event("Hello "))
REST = chunk(event("there.", "STOP")) + upstream.LAST_CHUNK
PHASES = {"whole, before a byte": (False, b""), "whole, in its midst": (False, sized()[:-20]),
          "stream, before a byte": (True, b""), "stream, after its head": (True, STREAM_HEAD),
          "stream, in its midst": (True, BEGUN)}


@pytest.fixture
def front(start, tmp_path):
    """front(slow): a Dragoman before it, on TCP and on a unix socket."""
    servers = []

    def start_one(slow, *settings):
        servers.append(slow.server)
        args = ("--config", str(configuration(tmp_path, slow.server.url)), "--listen", f"unix:{tmp_path}/s")
        daemon = start(*settings, args=args)
        daemon.unix = f"{tmp_path}/s"
        return daemon

    yield start_one
    for server in servers:
        server.close()


def connect(daemon, way):
    client = daemon.connect(20)
    if way == "unix":
        client.socket.close()
        client.socket = socket.socket(socket.AF_UNIX)
        client.socket.settimeout(20)
        client.socket.connect(daemon.unix)
    return client


def leave(client, how):
    if how == "RST":
        client.reset()
    elif how == "FIN":
        client.socket.close()


@pytest.mark.parametrize("way", ["tcp", "unix"])
@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("phase", PHASES)
def test_the_upstream_is_closed_when_the_client_leaves(front, phase, how, way):
    stream, first = PHASES[phase]
    slow = Slow(first)
    daemon = front(slow)
    client = connect(daemon, way)
    client.send(wire.chat(stream=stream))
    slow.asked.get(timeout=10)
    if phase == "stream, in its midst":
        client.until(b"Hello")
    time.sleep(0.05)
    began = time.monotonic()
    leave(client, how)
    assert slow.closed.get(timeout=10) - began < BAR_S
    stats = daemon.stats()
    assert (stats["exchanges"], stats["calls"], stats["left_total"]) == (1, 0, 1)


def test_a_client_that_leaves_without_reading(front):
    """A stream that fills every buffer: the upstream is paused, and closed as soon."""
    slow = Slow(STREAM_HEAD + chunk(event("x" * 5000)) * 4000)
    client = front(slow).connect(20)
    client.send(wire.chat(stream=True))
    time.sleep(1)
    began = time.monotonic()
    client.socket.close()
    assert slow.closed.get(timeout=20) - began < BAR_S


@pytest.mark.parametrize("way", ["tcp", "unix"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_ends_its_side_gets_its_answer(front, stream, version, way):
    slow = Slow(BEGUN if stream else b"", REST if stream else sized(), after_s=0.3)
    client = connect(front(slow), way)
    client.send(wire.request("POST", wire.CHAT, wire.body(stream=stream), version=version))
    client.socket.shutdown(socket.SHUT_WR)
    answer = client.answer()
    assert (answer.version, answer.status) == ("HTTP/1.1", 200)
    if stream:
        assert [json.loads(e)["choices"][0]["delta"].get("content") for e in answer.events[:2]] == ["Hello ", "there."]
        assert answer.events[-1] == "[DONE]"
    else:
        assert answer.json["choices"][0]["message"]["content"] == "Hello there."
        assert answer["connection"] == "close"
    assert client.is_closed()


def switches(daemon):
    """How often the worker has come to rest: once a turn of its loop."""
    status = pathlib.Path(f"/proc/{daemon.workers()[0]}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_a_client_that_ended_its_side_costs_nothing_while_it_waits(front, way):
    """It is heard of, not looked for: whoever opens many of these must not keep a worker busy."""
    slow = Slow(after_s=60)
    daemon = front(slow)
    clients = [connect(daemon, way) for _ in range(20)]
    for client in clients:
        client.send(wire.chat())
        client.socket.shutdown(socket.SHUT_WR)
        slow.asked.get(timeout=10)
    time.sleep(0.3)
    before = switches(daemon)
    time.sleep(1.5)
    assert switches(daemon) - before < 15
    # Then it goes, without having sent anything more.
    for client in clients:
        began = time.monotonic()
        leave(client, "RST" if way == "tcp" else "FIN")
        assert slow.closed.get(timeout=10) - began < BAR_S / 4
    wait_for(lambda: daemon.stats()["exchanges"] == 1)


def test_a_client_that_sends_urgent_data_keeps_nobody_busy(front):
    slow = Slow(after_s=60)
    daemon = front(slow)
    client = connect(daemon, "tcp")
    client.send(wire.chat())
    slow.asked.get(timeout=10)
    client.socket.send(b"!", socket.MSG_OOB)
    client.socket.shutdown(socket.SHUT_WR)
    time.sleep(0.3)
    before = switches(daemon)
    time.sleep(1)
    assert switches(daemon) - before < 15
    leave(client, "RST")
    assert slow.closed.get(timeout=10)


def test_the_status_stays_open_for_a_client_that_ended_its_side(front):
    slow = Slow(b"", b"HTTP/1.1 429 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", after_s=0.3)
    with front(slow).connect() as client:
        client.send(wire.chat(stream=True))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 429


def test_requests_in_a_row_and_an_end(front):
    """All were sent before the end: all are answered."""
    with front(Slow(b"", sized(), after_s=0.2)).connect() as client:
        client.send(wire.chat() + wire.request("GET", "/healthz") + wire.request("GET", "/healthz"))
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.answer().status for _ in range(3)] == [200] * 3
        assert client.is_closed()


def test_one_that_ends_its_side_and_leaves_later(front):
    """While the bytes that asked it are unread, its kernel answers for it."""
    slow = Slow()
    client = front(slow).connect()
    client.send(wire.chat())
    client.socket.shutdown(socket.SHUT_WR)
    slow.asked.get(timeout=10)
    time.sleep(0.3)
    began = time.monotonic()
    client.socket.close()
    assert slow.closed.get(timeout=10) - began < BAR_S


# --- what is not wanted any more --------------------------------------------------------

TOOLS = [{"type": "function", "function": {"name": "f"}}]
CALL = {"candidates": [{"content": {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"n": 1}}}]}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}}
ENOUGH = {"C8, the one call": ({"tools": TOOLS, "parallel_tool_calls": False}, b"data: %s\r\n\r\n" % json.dumps(CALL).encode(), "tool_calls"),
          "A6, a sixth stop sequence": ({"stop": ["a", "b", "c", "d", "e", "lo t"]}, event("Hel") + event("lo there"), "stop")}


@pytest.mark.parametrize("enough", ENOUGH)
def test_the_upstream_is_closed_when_its_client_has_enough(front, enough):
    """user-pain C8, A6: the stream ends well, and what the model would go on with is not paid for."""
    members, events, finish = ENOUGH[enough]
    slow = Slow(STREAM_HEAD + chunk(events))
    daemon = front(slow)
    with daemon.connect(20) as client:
        client.send(wire.chat(stream=True, **members))
        answer = client.answer()
        ended = time.monotonic()
        assert (answer.status, answer.events[-1]) == (200, "[DONE]")
        assert json.loads(answer.events[-2])["choices"][0]["finish_reason"] == finish
        assert slow.closed.get(timeout=10) - ended < BAR_S
        wait_for(lambda: daemon.stats()["calls"] == 0)
        assert daemon.stats()["left_total"] == 0


# --- real clients ---------------------------------------------------------------------------------


def test_pythons_http_client_ends_its_side(front):
    daemon = front(Slow(b"", sized(), after_s=0.3))
    client = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
    client.request("POST", wire.CHAT, wire.body(), {"Content-Type": "application/json"})
    client.sock.shutdown(socket.SHUT_WR)
    answer = client.getresponse()
    assert answer.status == 200 and json.loads(answer.read())["object"] == "chat.completion"


def test_curl_that_gives_up(front, tmp_path):
    slow = Slow()
    daemon = front(slow)
    ended = subprocess.run(["curl", "-s", "-m", "0.5", "-H", "Content-Type: application/json", "--data-binary", "@-",
                            daemon.url + wire.CHAT], input=wire.body(), capture_output=True)
    ended_at = time.monotonic()
    assert ended.returncode == 28
    assert slow.closed.get(timeout=10) - ended_at < BAR_S


def test_nc_that_ends_its_side(front):
    daemon = front(Slow(b"", sized(), after_s=0.3))
    asked = wire.request("POST", wire.CHAT, wire.body(), version="1.0")
    answer = subprocess.run(["nc", "-N", "127.0.0.1", str(daemon.port)], input=asked, capture_output=True, timeout=20)
    assert answer.stdout.startswith(b"HTTP/1.1 200 OK\r\n") and b"Hello there." in answer.stdout


# --- a stream that is silent ----------------------------------------------------------------------


@pytest.mark.parametrize("first", [b"", STREAM_HEAD, BEGUN], ids=["before a byte", "after the head", "between events"])
def test_comments_whatever_the_upstream_does(front, first):
    slow = Slow(first, REST if first else BEGUN + REST, after_s=1.1)
    with front(slow, "timeouts.comment=300ms").connect() as client:
        client.send(wire.chat(stream=True))
        began = time.monotonic()
        client.until(b": still waiting for the model\n\n")
        assert 0.25 < time.monotonic() - began < 1
        rest = client.until(b"[DONE]")
        assert rest.count(b": still waiting") >= 1


def test_nothing_goes_out_before_it_must(front):
    """An error within that time has its own status; later it is an event."""
    refusal = b"HTTP/1.1 429 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with front(Slow(b"", refusal, after_s=0.3), "timeouts.comment=2s").connect() as client:
        client.send(wire.chat(stream=True))
        assert client.answer().status == 429


def test_an_error_behind_a_comment_is_an_event(front):
    refusal = b"HTTP/1.1 429 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with front(Slow(b"", refusal, after_s=0.6), "timeouts.comment=200ms").connect() as client:
        client.send(wire.chat(stream=True))
        answer = client.answer()
        assert answer.status == 200 and '"error"' in answer.events[-1] and b"[DONE]" not in answer.body
