# SPDX-License-Identifier: Apache-2.0
"""Bodies that are no chat completion request: OpenAI's error object, the place, and a connection that goes on."""

import pytest
import wire


def nested(depth):
    return b'{"model":"m","x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def send(daemon, body):
    """On one connection: the bad body, then a good one that must be answered as if nothing had been."""
    with daemon.connect() as connection:
        connection.send(wire.request("POST", wire.CHAT, body))
        answer = connection.answer()
        connection.send(wire.chat(max_tokens=3))
        assert connection.answer().status == 200
    return answer


@pytest.mark.parametrize("body, place", [
    (b"", ""), (b"{", ""), (b"[]", ""), (b"null", ""), (b'"text"', ""), (b"{} {}", ""),
    (b'{"model": "m", "messages": [}', "28"), (b'{"a": 01}', ""), (b"{'a': 1}", "1"), (b'{"a": 1,}', ""),
    (b'{"a": "\xff"}', "7"), (b'{"a": "\xed\xa0\x80"}', ""), (b'{"a": "\x01"}', "7"), (b'{"a": NaN}', ""),
    (b"\xff\xfe{\x00}\x00", ""), (nested(101), ""), (nested(100000), ""),
    (b'{"model": "a", "model": "b", "messages": []}', "model"),
    (b'{"model": "a", "messages": [{"role": "user", "content": "a", "content": "b"}]}', "content"),
], ids=lambda value: str(value)[:40])
def test_no_request(daemon, body, place):
    answer = send(daemon, body)
    assert (answer.status, answer.error["code"]) == (400, "invalid_json"), answer
    assert place in answer.error["message"], answer.error


def test_depth_that_is_allowed(daemon):
    answer = send(daemon, nested(100))
    assert answer.error["param"] == "messages", "it was read, and something else is wrong with it"


def test_unpaired_surrogates_are_mended(daemon):
    body = b'{"model": "%s", "max_tokens": 3, "messages": [{"role": "user", "content": "a \\ud800 b"}]}' % wire.MODEL.encode()
    assert send(daemon, body).status == 200


def test_what_was_refused_is_named(daemon):
    assert send(daemon, wire.body(temperature=3)).error["param"] == "temperature"


def test_large_body(daemon):
    answer = daemon.ask(wire.chat("word " * 1_000_000, max_tokens=3), timeout=60)
    assert answer.status == 200 and answer.json["usage"]["prompt_tokens"] > 100_000
