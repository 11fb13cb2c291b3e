# SPDX-License-Identifier: Apache-2.0
"""Clients may name locations, and so hosts: what a worker keeps of them is bounded."""

import json
import time

import pytest
import wire
from upstream import Upstream
from waiting import wait_for

MOST = 512
PLACE = "/v1/projects/p/locations/l{}/endpoints/openapi/chat/completions"


@pytest.fixture
def proxy():
    made = Upstream(lambda peer: peer.wait_closed(60), backlog=1024)
    yield made
    made.close()


def front(start, folder, proxy_url, *settings):
    file = folder / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": {"g": {"kind": "vertex", "credentials": {"bearer": "t"}, "proxy": proxy_url}}}))
    return start(*settings, args=("--config", str(file)))


def test_pools_that_nobody_uses_go(start, tmp_path):
    daemon = front(start, tmp_path, "http://127.0.0.1:1")
    with daemon.connect() as connection:
        for i in range(MOST + 88):
            connection.send(wire.chat(path=PLACE.format(i)))
            assert connection.answer().status == 502
            if i == 99:
                before = daemon.stats()
    after = daemon.stats()
    assert (before["pools"], after["pools"], after["upstream_connections"]) == (100, MOST, 0)
    assert after["held_bytes"] < before["held_bytes"] + (MOST - 100) * 2000


def test_pools_in_use_stay_and_one_more_is_told(start, tmp_path, proxy):
    daemon = front(start, tmp_path, proxy.url, "timeouts.connect=60s")
    held = []
    for i in range(MOST):
        held.append(daemon.connect(60))
        held[-1].send(wire.chat(path=PLACE.format(i)))
    wait_for(lambda: daemon.stats()["pools"] == MOST)
    answer = daemon.ask(wire.chat(path=PLACE.format("one-more")))
    assert (answer.status, answer.error["code"]) == (503, "overloaded")
    assert "as many other addresses as a worker may ask at" in answer.error["message"]
    for connection in held[:5]:
        connection.reset()
    wait_for(lambda: daemon.stats()["exchanges"] == MOST - 5 + 1)
    held.append(daemon.connect(60))
    held[-1].send(wire.chat(path=PLACE.format("one-more")))
    time.sleep(0.2)
    assert daemon.stats()["exchanges"] == MOST - 5 + 2, "there is room again"
    for connection in held[5:]:
        connection.reset()
