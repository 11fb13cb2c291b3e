# SPDX-License-Identifier: Apache-2.0
"""How requests and answers share a connection."""

import time

import pytest
import wire

SMALL = {"max_tokens": 3}


def good(answer):
    assert answer.status == 200, answer
    return answer


# ---- one after the other ----


def test_keep_alive(daemon):
    with daemon.connect() as connection:
        for i in range(5):
            connection.send(wire.chat(f"What is {i}?"))
            assert str(i) in good(connection.answer()).json["choices"][0]["message"]["content"]


def test_pipelining_keeps_the_order(daemon):
    asked = range(8)
    with daemon.connect() as connection:
        connection.send(b"".join(wire.chat(f"What is {i}?", stream=i % 3 == 0) for i in asked))
        for i in asked:
            answer = good(connection.answer())
            assert answer["content-type"].startswith("text/event-stream") == (i % 3 == 0)
            if i % 3:
                assert f"{i}" in answer.json["choices"][0]["message"]["content"]


def test_pipelined_behind_an_error(daemon):
    with daemon.connect() as connection:
        connection.send(wire.chat(temperature=9) + wire.request("GET", "/nothing") + wire.chat(**SMALL))
        assert [connection.answer().status for _ in range(3)] == [400, 404, 200]


def test_close_is_kept(daemon):
    with daemon.connect() as connection:
        connection.send(wire.chat(headers={"Connection": "close"}, **SMALL))
        answer = good(connection.answer())
        assert answer["connection"].lower() == "close" and connection.is_closed()


# ---- HTTP/1.0 ----


@pytest.mark.parametrize("keep", [False, True])
def test_http_1_0(daemon, keep):
    headers = {"Connection": "keep-alive"} if keep else {}
    with daemon.connect() as connection:
        connection.send(wire.request("POST", wire.CHAT, wire.body(**SMALL), headers, version="1.0"))
        answer = good(connection.answer())
        assert answer["transfer-encoding"] is None
        if not keep:
            assert connection.is_closed()
            return
        assert answer["connection"].lower() == "keep-alive"
        connection.send(wire.chat(**SMALL))
        good(connection.answer())


def test_http_1_0_stream_ends_with_the_connection(daemon):
    with daemon.connect() as connection:
        connection.send(wire.request("POST", wire.CHAT, wire.body(stream=True), {"Connection": "keep-alive"}, version="1.0"))
        answer = good(connection.answer())
        assert answer["transfer-encoding"] is None and answer["content-length"] is None
        assert answer.events[-1] == "[DONE]"


def test_http_1_0_without_host(daemon):
    good(daemon.ask(wire.request("GET", "/healthz", headers={"Host": None}, version="1.0")))


# ---- bodies ----


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_chunked_body(daemon, size):
    head = wire.request("POST", wire.CHAT, headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    with daemon.connect() as connection:
        connection.send(head + wire.chunked(wire.body(**SMALL), size) + wire.chat(**SMALL))
        good(connection.answer())
        good(connection.answer())


def test_one_byte_at_a_time(daemon):
    with daemon.connect() as connection:
        for byte in wire.chat(**SMALL):
            connection.send(bytes([byte]))
        good(connection.answer())


@pytest.mark.parametrize("cut", [1, 10, 40, -30, -1])
def test_cut_anywhere(daemon, cut):
    asked = wire.chat(**SMALL)
    with daemon.connect() as connection:
        connection.send(asked[:cut])
        time.sleep(0.05)
        connection.send(asked[cut:])
        good(connection.answer())


def test_expect_continue(daemon):
    body = wire.body(**SMALL)
    asked = wire.request("POST", wire.CHAT, body, {"Expect": "100-continue"})
    with daemon.connect() as connection:
        connection.send(asked[:-len(body)])
        assert connection.head().status == 100
        connection.send(body)
        good(connection.answer())
        assert connection.interim == 0


def test_expect_continue_with_the_body_at_hand(daemon):
    good(daemon.chat(headers={"Expect": "100-continue"}, **SMALL))


def test_no_continue_for_what_is_refused(daemon):
    """The head alone says that the body is not wanted; 100 would only ask for it."""
    for headers, path, status in [({"Content-Length": str(200 << 20)}, wire.CHAT, 413),
                                  ({"Content-Type": "text/plain", "Content-Length": "10"}, wire.CHAT, 415),
                                  ({"Content-Length": "10"}, "/nothing", 404)]:
        headers = {"Content-Type": "application/json", "Expect": "100-continue", **headers}
        with daemon.connect() as connection:
            connection.send(wire.request("POST", path, headers=headers))
            answer = connection.answer()
            assert (answer.status, connection.interim) == (status, 0), answer


def test_other_expectations(daemon):
    assert daemon.chat(headers={"Expect": "a-miracle"}).status == 417


def test_too_large_names_both_numbers(daemon):
    answer = daemon.ask(wire.request("POST", wire.CHAT, headers={"Content-Type": "application/json",
                                                                 "Content-Length": "104857601"}))
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert "104857600" in answer.error["message"] and "104857601" in answer.error["message"]


def test_too_large_in_chunks(start):
    daemon = start("limits.body_mb=1")
    head = wire.request("POST", wire.CHAT, headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    with daemon.connect() as connection:
        connection.send(head)
        try:
            for _ in range(40):
                connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
        except OSError:
            pass  # it may close while we are still sending
        assert connection.answer().status == 413


def test_memory_follows_what_came_not_what_was_promised(start):
    """Fifty clients promise 100 MB each and send next to nothing."""
    daemon = start()
    before = daemon.rss_kib()
    promise = wire.request("POST", wire.CHAT, headers={"Content-Type": "application/json", "Content-Length": "100000000"})
    connections = [daemon.connect() for _ in range(50)]
    for connection in connections:
        connection.send(promise + b'{"model":')
    good(daemon.chat(**SMALL))
    assert daemon.stats()["connections"] >= 50
    assert daemon.rss_kib() - before < 20 * 1024
    for connection in connections:
        connection.socket.close()
