# SPDX-License-Identifier: Apache-2.0
"""What a key may use: requests, tokens, requests at once; over four workers, their deaths, and a restart (user-pain H6)."""

import json
import os
import select
import signal
import threading
import time

import pytest
import servers
import wire
from dragoman import Daemon
from identity import bearer
from keyring import Keyring
from upstream import Upstream
from waiting import wait_for


@pytest.fixture
def ring(tmp_path):
    return Keyring(tmp_path)


def ask(daemon, key, headers=None, **members):
    return daemon.chat(headers={**bearer(key), **(headers or {})}, **members)


def storm(daemon, key, n, **members):
    """The answers to n requests that come at once."""
    answers, barrier = [], threading.Barrier(n)

    def one():
        barrier.wait(20)
        answers.append(ask(daemon, key, **members))

    threads = [threading.Thread(target=one) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == n
    return answers


def codes(answers):
    return [answer.error["code"] for answer in answers if answer.status == 429]


def test_requests_a_minute(start, ring):
    key, other = ring.add("alice", requests_per_minute=7), ring.add("bob", requests_per_minute=7)
    daemon = start(ring.setting, workers=4)
    answers = storm(daemon, key, 40)
    assert [answer.status for answer in answers].count(200) == 7 and codes(answers) == ["rate_limit_exceeded"] * 33
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.error["type"] == "rate_limit_error" and "alice may make 7 requests a minute" in refused.error["message"]
    assert 50 < int(refused["retry-after"]) <= 61 and abs(int(refused["retry-after-ms"]) - 60000) < 9000
    assert ask(daemon, other).status == 200
    [whole] = ask(daemon, key, {"x-dragoman-compat": "google"}).json
    assert (whole["error"]["code"], whole["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")


def test_a_name_has_one_count_for_all_its_keys(start, ring):
    old = ring.add("alice", requests_per_minute=3)
    daemon = start(ring.setting)
    assert [ask(daemon, old).status for _ in range(2)] == [200, 200]
    new = ring.add("alice", "--rotate")
    wait_for(lambda: ask(daemon, new).status == 200, 5)
    assert ask(daemon, old).status == ask(daemon, new).status == 429


def test_lists_and_what_is_refused_at_once_cost_nothing(start, ring):
    key = ring.add("alice", requests_per_minute=1, models="google/*")
    daemon = start(ring.setting)
    for _ in range(3):
        assert daemon.ask(wire.request("GET", "/v1/models", headers=bearer(key))).status == 200
        assert ask(daemon, key, path="/v1/projects/p/locations/l/endpoints/7/chat/completions").status == 403
    assert ask(daemon, key).status == 200 and ask(daemon, key).status == 429


def test_requests_at_once(start, ring):
    key = ring.add("alice", parallel=3)
    daemon = start(ring.setting, workers=4, pace=(700, 1))
    for stream in (False, True):
        answers = storm(daemon, key, 16, stream=stream)
        assert [answer.status for answer in answers].count(200) == 3 and codes(answers) == ["rate_limit_exceeded"] * 13
    assert "3 requests under way at once" in next(answer for answer in answers if answer.status == 429).error["message"]
    with daemon.connect() as client:  # who leaves gives his place back
        client.send(wire.chat(headers=bearer(key), stream=True))
        time.sleep(0.1)
    wait_for(lambda: [answer.status for answer in storm(daemon, key, 3)] == [200] * 3, 10)


def test_a_dead_worker_gives_its_places_back(start, ring):
    key = ring.add("alice", parallel=2, tokens_per_day=10000)
    daemon = start(ring.setting, workers=4, pace=(20000, 1))
    held = [daemon.connect() for _ in range(2)]
    for client in held:
        client.send(wire.chat(headers=bearer(key), max_tokens=5000))
    time.sleep(0.5)
    assert ask(daemon, key, max_tokens=1).status == 429
    for pid in daemon.workers():
        daemon.kill_worker(pid)
    wait_for(lambda: len(daemon.workers()) == 4, 10)
    again = [daemon.connect() for _ in range(2)]
    for client in again:
        client.send(wire.chat(headers=bearer(key), max_tokens=5000))
    time.sleep(0.5)
    answered, _, _ = select.select([client.socket for client in again], [], [], 0)
    assert answered == [], "both places were given back, and so were the day's tokens"
    assert ask(daemon, key, max_tokens=1).status == 429
    for client in (*held, *again):
        client.socket.close()


def test_tokens_are_reserved_and_settled(start, ring):
    key = ring.add("alice", tokens_per_minute=5000)
    daemon = start(ring.setting, workers=4)
    used = 0
    for _ in range(6):  # 6 times 3000 would be too much, but what is used is far less
        answer = ask(daemon, key, max_tokens=3000)
        assert answer.status == 200, answer.body
        used += answer.json["usage"]["total_tokens"]
    assert 0 < used < 2000
    answer = ask(daemon, key, max_tokens=5001 - used)
    assert (answer.status, answer.error["code"]) == (429, "rate_limit_exceeded") and 0 < int(answer["retry-after"]) <= 61
    assert ask(daemon, key, max_tokens=5000 - used).status == 200
    answer = ask(daemon, key, max_tokens=5001)
    assert "5000 tokens a minute, and this request wants up to 5001" in answer.error["message"] and answer["x-should-retry"] == "false"
    assert ask(daemon, key).status == 200, "who does not say is taken to want little"


def test_tokens_are_those_that_google_is_asked_for(start, ring):
    """Google's own members count before OpenAI's: a small max_tokens beside them hides nothing."""
    key = ring.add("alice", tokens_per_minute=5000)
    daemon = start(ring.setting)
    config = {"max_output_tokens": 60000, "candidate_count": 4}
    for extra in ({"google": {"generation_config": config}}, {"extra_body": {"google": {"generationConfig": config}}}):
        answer = ask(daemon, key, max_tokens=1, **extra)
        assert answer.status == 429 and "wants up to 240000" in answer.error["message"], answer.body


def test_tokens_at_once(start, ring):
    """What is reserved counts at once, so that nobody can use it twice."""
    key = ring.add("alice", tokens_per_minute=1000)
    daemon = start(ring.setting, workers=4, pace=(500, 1))
    answers = storm(daemon, key, 16, max_tokens=300)
    assert [answer.status for answer in answers].count(200) == 3 and set(codes(answers)) == {"rate_limit_exceeded"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_day(start, ring, stream):
    key = ring.add("alice", tokens_per_day=60)
    daemon = start(ring.setting)
    n = 0
    while (answer := ask(daemon, key, max_tokens=10, stream=stream)).status == 200:
        n += 1
        assert n < 10
    assert n >= 1 and (answer.error["code"], answer.error["type"]) == ("insufficient_quota", "insufficient_quota")
    assert answer["x-should-retry"] == "false" and int(answer["retry-after"]) > 3600 and "60 tokens a day" in answer.error["message"]


def test_a_refusal_wipes_nothing(start, ring, tmp_path):
    """However much was asked for: a server of one's own has no most of max_tokens that we would know."""
    key, server, file = ring.add("alice", tokens_per_day=20), Upstream(servers.serve("vllm")), tmp_path / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": {"lab": {"kind": "vllm", "base_url": server.url}}}))
    daemon = start(ring.setting, args=("--config", str(file)))
    assert ask(daemon, key, model="mine", max_tokens=10).json["usage"]["total_tokens"] == 13
    for much in (8, 10_000_000_000, 1 << 40, 1 << 62):
        assert ask(daemon, key, model="mine", max_tokens=much).error["code"] == "insufficient_quota"
        assert ask(daemon, key, model="mine", max_tokens=8).status == 429, much
    assert ask(daemon, key, model="mine", max_tokens=7).status == 200
    server.close()


def test_what_a_day_has_used_outlives_a_kill(start, ring, tmp_path):
    key = ring.add("alice", tokens_per_day=100)
    settings = (ring.setting, f"store.path={tmp_path / 'store'}")
    first = Daemon(*settings, workers=2).wait_ready()
    while ask(first, key, max_tokens=10).status != 429:
        pass
    time.sleep(1.6)  # it is written once a second
    keeper = first.keeper()
    os.kill(first.process.pid, signal.SIGKILL)
    first.kill()
    wait_for(lambda: not os.path.exists(f"/proc/{keeper}"), 10)
    second = start(*settings, workers=2)
    assert ask(second, key, max_tokens=10).error["code"] == "insufficient_quota"


def test_an_orderly_end_loses_nothing(start, ring, tmp_path):
    key = ring.add("alice", tokens_per_day=100, requests_per_minute=3)
    settings = (ring.setting, f"store.path={tmp_path / 'store'}")
    first = Daemon(*settings).wait_ready()
    assert [ask(first, key, max_tokens=10).status for _ in range(2)] == [200, 200]
    first.stop()
    second = start(*settings)
    assert [ask(second, key, max_tokens=10).status for _ in range(3)] == [200, 429, 429]


def test_a_reload_forgets_nothing(start, ring):
    key = ring.add("alice", requests_per_minute=2)
    daemon = start(ring.setting)
    assert ask(daemon, key).status == 200
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "generation 2 serves" in daemon.log(), 10)
    assert [ask(daemon, key).status for _ in range(2)] == [200, 429]
