# SPDX-License-Identifier: Apache-2.0
"""x-dragoman-overhead-ms: what of the time to an answer the gateway took (user-pain J5)."""

import re
import time

import pytest
from upstream import LAST_CHUNK, STREAM_HEAD, answer, chat, chunk, event, serving, sized

WAIT_S = 0.8  # of the upstream's; what a busy machine takes of us stays under it
LIMITED = (b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n",
           b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Resource exhausted."}}')


def slowly(peer):
    """Waits before an answer, and in the midst of a stream's first event."""
    while request := peer.request():
        time.sleep(WAIT_S)
        if not request.streams:
            peer.send(sized())
            continue
        first = event("Hello ")
        peer.send(STREAM_HEAD + b"%x\r\n" % len(first) + first[:20])
        time.sleep(WAIT_S)
        peer.send(first[20:] + b"\r\n" + chunk(event("there.", "STOP")) + LAST_CHUNK)


def limited_once(peer):
    while request := peer.request():
        time.sleep(WAIT_S)
        peer.send(sized(LIMITED[1], LIMITED[0]) if len(peer.server.requests) == 1 else answer(request))


@pytest.fixture
def serve():
    yield from serving(slowly)


def overhead_ms(said):
    assert re.fullmatch(r"\d+\.\d{3}", said["x-dragoman-overhead-ms"])
    return float(said["x-dragoman-overhead-ms"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_upstreams_time_is_not_in_it(serve, front, stream):
    """user-pain J5"""
    said = chat(front(serve()), stream)
    assert said.status == 200 and 0 < overhead_ms(said) < WAIT_S * 1000


def test_nor_that_of_attempts_before(serve, front):
    """user-pain J5"""
    server = serve(limited_once)
    said = chat(front(server, locations=["eu", "us"]))
    assert said.status == 200 and len(server.requests) == 2 and 0 < overhead_ms(said) < WAIT_S * 1000


def test_errors_tell_it_too(serve, front):
    daemon = front(serve(), "timeouts.first_byte=500ms")
    late = chat(daemon)
    assert late.status == 504 and 0 < overhead_ms(late) < 500
    refused = chat(daemon, temperature="hot")
    assert refused.status == 400 and overhead_ms(refused) > 0


def test_what_asks_no_upstream_has_none(start):
    assert start().get("/v1/models")["x-dragoman-overhead-ms"] is None
