# SPDX-License-Identifier: Apache-2.0
"""Settings that say what an answer looks like: always_usage (user-pain F9), blocked (G8)."""

import pytest
import wire
from chunks import check_chunks
from upstream import error_of, events_of


def ask(daemon, emulate=None, **members):
    headers = {"x-dragoman-emulate": emulate} if emulate else {}
    return daemon.ask(wire.request("POST", wire.CHAT, wire.body(**members), headers))


def test_usage_that_nobody_asked_for(start):
    daemon = start("always_usage=true")
    for members in ({}, {"stop": ["1", "2", "3", "4", "5", "e"]}):
        check_chunks(events_of(ask(daemon, stream=True, **members)), wire.MODEL, usage=True)
    refused = ask(daemon, stream=True, stream_options={"include_usage": False})
    check_chunks(events_of(refused), wire.MODEL, usage=False)


@pytest.mark.parametrize("stream", [False, True])
def test_a_blocked_prompt_is_an_error(start, stream):
    daemon = start("blocked=error")
    answer = ask(daemon, "blocked:SAFETY", stream=stream)
    assert "SAFETY" in error_of(answer, 400, "content_policy_violation")
    assert daemon.chat().status == 200
