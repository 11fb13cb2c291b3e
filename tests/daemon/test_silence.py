# SPDX-License-Identifier: Apache-2.0
"""What stands still is ended when the settings say so, not when something else happens to look."""

import email.utils
import socket
import time

import pytest
import silence
import wire


@pytest.mark.parametrize("comment", ["off", "6s"])
def test_upstream_silent_after_its_first_piece(start, comment):
    daemon = start("timeouts.idle=500ms", "timeouts.first_byte=8s", f"timeouts.comment={comment}", pace=(1, 60000))
    with daemon.connect() as client:
        client.send(wire.chat(stream=True))
        began = time.monotonic()
        answer = client.answer()
        assert 0.4 < time.monotonic() - began < 4
        assert answer.status == 200 and b"upstream_timeout" in answer.body and b"[DONE]" not in answer.body


@pytest.mark.parametrize("place", silence.PLACES)
def test_three_minutes_of_silence_at_a_hundredth(place):
    """As many comments as three real minutes bring; `make soak` waits for those (F3)."""
    idle = "10s" if place == silence.PLACES[2] else "1200ms"  # two minutes unless it is set: for the midst of an answer alone
    seen = silence.run(place, 0.01, ("timeouts.comment=150ms", "timeouts.first_byte=8s", f"timeouts.idle={idle}"))
    assert silence.fault(seen, 0.01) is None


def small_window(port):
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(("127.0.0.1", port))
    return peer


def test_client_that_sends_but_never_reads(start):
    """Bytes that come in do not show that the answers are read."""
    daemon = start("timeouts.idle=500ms")
    with small_window(daemon.port) as deaf:
        for _ in range(1400):  # less than what is held for later, or nothing more would be read
            deaf.sendall(wire.request("GET", "/v1/models"))
        end = time.monotonic() + 8
        while time.monotonic() < end and daemon.stats()["connections"] > 1:
            try:
                deaf.send(b"G")
            except OSError:
                pass
            time.sleep(0.2)
        assert daemon.stats()["connections"] == 1


def test_date_is_the_answers(start):
    daemon = start(pace=(2500, 1))
    began = time.time()
    answer = daemon.chat(max_tokens=3)
    assert email.utils.parsedate_to_datetime(answer["date"]).timestamp() > began + 1
