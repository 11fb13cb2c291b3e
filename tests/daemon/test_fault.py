# SPDX-License-Identifier: Apache-2.0
"""x-dragoman-fault: what the emulator makes go wrong, and how the gateway tells it to the client."""

import concurrent.futures

import pytest
import wire
from upstream import chat


def ask(daemon, fault, **members):
    return chat(daemon, headers={"x-dragoman-fault": fault}, **members)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault, status, code, after, again", [
    ("400", 400, "invalid_argument", None, "false"),
    ("401", 401, "invalid_api_key", None, "false"),
    ("403", 403, "permission_denied", None, "false"),
    ("429", 429, "overloaded", None, None),
    ("429-retry=39", 429, "rate_limit_exceeded", "39", None),
    ("429-day", 429, "insufficient_quota", None, "false"),
    ("500", 500, "upstream_error", None, None),
    ("503-retry=2", 503, "overloaded", "2", None),
    ("504", 504, "upstream_timeout", None, None),
    ("404-html", 404, "model_not_found", None, "false"),
])
def test_errors(daemon, fault, status, code, after, again, stream):
    answer = ask(daemon, fault, stream=stream)
    assert (answer.status, answer.error["code"]) == (status, code), answer.body
    assert (answer["retry-after"], answer["x-should-retry"]) == (after, again)
    assert answer["content-type"].startswith("application/json")


def test_a_fault_that_does_not_exist(daemon):
    answer = ask(daemon, "teapot")
    assert answer.status == 400 and 'no fault "teapot"' in answer.error["message"], answer.body


def test_times_are_exact_over_all_workers(start):
    """Forty requests on as many connections, four workers: two fail, however they are spread."""
    daemon = start(workers=4)
    for spec in ("429*2", "503*5"):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(daemon, spec).status, range(40)))
        assert answers.count(200) == 40 - int(spec[-1]) and answers.count(int(spec[:3])) == int(spec[-1]), answers


@pytest.mark.parametrize("fault", ["cut-event=2", "cut-byte=900", "end-event=2", "error-event=2", "tail-event=2"])
def test_a_broken_stream_never_ends_well(daemon, fault):
    answer = ask(daemon, fault, stream=True)
    assert answer.status == 200 and '"error"' in answer.events[-1] and "[DONE]" not in answer.events, answer.body
    assert all('"finish_reason":"stop"' not in event for event in answer.events)


def test_a_whole_answer_that_is_cut(daemon):
    answer = ask(daemon, "cut-byte=50")
    assert (answer.status, answer.error["code"]) == (502, "upstream_cut"), answer.body


def test_a_stall_meets_the_idle_timeout(start):
    daemon = start("timeouts.idle=300ms")
    answer = ask(daemon, "stall-event=2", stream=True)
    assert "upstream_timeout" in answer.events[-1], answer.body


def test_one_byte_at_a_time_changes_nothing(daemon):
    plain, bytewise = chat(daemon, stream=True), ask(daemon, "one-byte", stream=True)
    words = [b"".join(event.split('"content":"')[1].split('"')[0].encode() for event in answer.events if '"content":"' in event)
             for answer in (plain, bytewise)]
    assert words[0] == words[1] and bytewise.events[-1] == "[DONE]"
