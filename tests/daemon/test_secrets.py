# SPDX-License-Identifier: Apache-2.0
"""Keys and tokens that clients send: nothing of them is left in a worker's memory once it has answered."""

import pathlib
import re
import time

import pytest
import wire
from upstream import Upstream, configuration

WORD = "ya29.NOBODYELSESHALLREADTHIS"


def places(pid, text):
    """Where a process has a text in memory that it can write: what stands 60 bytes before each."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            first, last, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
            begin, end = int(first, 16), int(last, 16)
            if "rw" not in rights or end - begin > 1 << 30:  # a sanitizer's shadow
                continue
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except OSError:
                continue
            found += [data[max(0, hit.start() - 60):hit.start()] for hit in re.finditer(text.encode(), data)]
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("length", [40, 1000, 7000])
def test_nothing_is_left_of_a_callers_token(start, tmp_path, length, stream):
    server = Upstream()
    daemon = start(args=("--config", str(configuration(tmp_path, server.url, kind="vertex", credentials="caller", project="p",
                                                       locations=["eu"]))))
    token = WORD + "x" * (length - len(WORD))
    assert daemon.ask(wire.chat(stream=stream, headers={"Authorization": f"Bearer {token}"})).status == 200
    assert server.requests[0].headers["authorization"] == f"Bearer {token}"
    with daemon.connect() as idle:  # where the connection stays open
        idle.send(wire.chat(stream=stream, headers={"Authorization": f"Bearer {token}"}))
        assert idle.answer().status == 200
        # What is read next is read where this was.
        assert daemon.ask(wire.chat(headers={"Authorization": "Bearer ya29.other"}, user="x" * 9000)).status == 200
        time.sleep(0.05)
        assert places(daemon.workers()[0], WORD) == []
    server.close()


def test_the_search_finds(start, tmp_path):
    """A token of a request that is under way is there."""
    server = Upstream(lambda peer: peer.request() and peer.wait_closed(20))
    daemon = start(args=("--config", str(configuration(tmp_path, server.url, kind="vertex", credentials="caller", project="p",
                                                       locations=["eu"]))))
    with daemon.connect() as client:
        client.send(wire.chat(headers={"Authorization": f"Bearer {WORD}"}))
        time.sleep(0.2)
        assert places(daemon.workers()[0], WORD)
    server.close()
