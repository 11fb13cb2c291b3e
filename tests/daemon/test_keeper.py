# SPDX-License-Identifier: Apache-2.0
"""The keeper: what the emulator received, exact over all workers, whoever is killed; and the keeper's own life."""

import concurrent.futures
import json
import os
import signal
import time

import pytest
import wire
from dragoman import Daemon
from upstream import chat
from waiting import alive, connects, wait_for

PAGE = "/_dragoman/emulator"
NATIVE = "/v1beta/models/gemini-2.5-flash:generateContent"


def read(daemon):
    answer = daemon.get(PAGE)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def read_through_kills(daemon):
    """The worker that is killed may be the one that is asked."""
    while True:
        try:
            return read(daemon)
        except (OSError, wire.Closed):
            continue


def reset(daemon):
    assert daemon.ask(wire.request("DELETE", PAGE)).status == 204


def keeper_of(daemon):
    """The master forks it behind the workers, who may be ready before."""
    wait_for(daemon.keeper)
    return daemon.keeper()


def many(daemon, n, ask):
    """ask(i) for so many, from 16 threads; returns what they returned, None for those that broke."""
    def one(i):
        try:
            return ask(i)
        except (OSError, wire.Closed):
            return None
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, range(n)))


def prompts(seen):
    return [request["body"]["contents"][-1]["parts"][0]["text"] for request in seen["requests"]]


# ---- what is told ----


def test_a_request_as_it_was_received(start):
    daemon = start()
    chat(daemon, text="hello", headers={"x-dragoman-emulate": "echo", "x-dragoman-fault": "one-byte", "Authorization": "Bearer s3cret"})
    seen = read(daemon)
    assert seen["received"] == 1 and seen["keeper"] == daemon.keeper()
    [request] = seen["requests"]
    assert request["path"].endswith("/publishers/google/models/gemini-2.0-flash-001:generateContent"), request["path"]
    assert request["body"] == {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    assert request["body_bytes"] == len(json.dumps(request["body"], separators=(",", ":")))
    assert request["headers"] == {"x-dragoman-emulate": "echo", "x-dragoman-fault": "one-byte"}
    expected = {"number": 1, "method": "POST", "status": 200, "responder": "echo", "fault": "one-byte", "rules": [], "worker": 1}
    assert {k: request[k] for k in expected} == expected and abs(request["time"] - time.time()) < 60
    assert seen["counts"] == {"status": {"200": 1}, "responder": {"echo": 1}, "fault": {"one-byte": 1}, "scenario": {}, "rule": {}}
    assert "s3cret" not in json.dumps(seen)


def test_refusals_and_bodies_of_every_kind(start):
    daemon = start()
    def post(path, body):
        return daemon.ask(wire.request("POST", path, body, {"Content-Type": "application/json"})).status
    hello = b'{"contents":[{"role":"user","parts":[{"text":"%s"}]}]}'
    assert post(NATIVE + "?key=s3cret&x=1", hello % b"a" + b"") == 200
    assert post(NATIVE, b'{"contents":[]}') == 400
    assert post(NATIVE, b'{"contents":[') == 400
    assert post(NATIVE, hello % (b"x" * 100_000)) == 200
    seen = read(daemon)
    keyed, empty, torn, long = seen["requests"]
    assert keyed["path"] == NATIVE + "?key=***&x=1"
    assert (empty["status"], empty["rules"], empty["body"]) == (400, ["contents_missing"], {"contents": []}) and "responder" not in empty
    assert (torn["status"], torn["body"]) == (400, '{"contents":[')
    assert long["body_cut"] and long["body_bytes"] > 100_000 and len(long["body"]) == 4096
    assert seen["counts"]["rule"] == {"contents_missing": 1} and seen["counts"]["status"] == {"200": 2, "400": 2}
    assert "s3cret" not in json.dumps(seen)


def test_only_the_last_are_kept_and_all_are_counted(start):
    daemon = start()
    many(daemon, 300, lambda i: chat(daemon, text=f"n{i}", max_tokens=1))
    seen = read(daemon)
    assert (seen["received"], len(seen["requests"])) == (300, 256)
    assert [request["number"] for request in seen["requests"]] == list(range(45, 301))


def test_reset_begins_anew_and_so_do_faults(start):
    daemon = start(workers=2)
    def fails():
        return [chat(daemon, headers={"x-dragoman-fault": "429*2"}).status for _ in range(4)].count(429)
    assert (fails(), fails()) == (2, 0)
    assert read(daemon)["counts"]["fault"] == {"429*2": 2}
    reset(daemon)
    seen = read(daemon)
    assert (seen["received"], seen["requests"], seen["counts"]["status"]) == (0, [], {})
    assert fails() == 2
    assert [request["number"] for request in read(daemon)["requests"]] == [1, 2, 3, 4]


def test_without_read_back_nothing_is_there_to_read(start):
    daemon = start("emulator.read_back=false")
    assert chat(daemon).status == 200
    answer = daemon.get(PAGE)
    assert (answer.status, answer.error["code"]) == (404, "read_back_off")


def test_methods(start):
    daemon = start()
    answer = daemon.ask(wire.request("PUT", PAGE))
    assert answer.status == 405 and answer["allow"] == "GET, HEAD, DELETE, OPTIONS"
    assert daemon.ask(wire.request("DELETE", "/healthz")).status == 405


# ---- exact over all workers ----


def test_200_at_once_over_four_workers(start):
    daemon = start(workers=4)
    answers = many(daemon, 200, lambda i: chat(daemon, text=f"n{i}", max_tokens=1, headers={"x-dragoman-fault": "503*7"}).status)
    seen = read(daemon)
    assert answers.count(503) == 7 and answers.count(200) == 193
    assert (seen["received"], seen["counts"]["status"], seen["counts"]["fault"]) == (200, {"503": 7, "200": 193}, {"503*7": 7})
    assert sorted(prompts(seen)) == sorted(f"n{i}" for i in range(200))
    assert len({request["worker"] for request in seen["requests"]}) == 4


def test_a_question_hears_of_every_answer_before_it(start):
    """Answer and question come from different workers, again and again: the keeper reads all links before it answers."""
    daemon = start(workers=4)
    for i in range(1, 60):
        chat(daemon, max_tokens=1)
        assert read(daemon)["received"] == i


def test_kills_of_workers_lose_nothing_that_was_answered(start):
    daemon = start(workers=4)
    answered = set()
    with concurrent.futures.ThreadPoolExecutor(1) as killer:
        def kill():
            for _ in range(8):
                time.sleep(0.1)
                daemon.kill_worker(daemon.workers()[0])
        killing = killer.submit(kill)
        round_, sent = 0, 0
        while not killing.done():
            texts = [f"r{round_}n{i}" for i in range(40)]
            got = many(daemon, 40, lambda i: chat(daemon, text=texts[i], max_tokens=1).status)
            answered |= {text for text, status in zip(texts, got) if status == 200}
            sent += 40
            round_ += 1
            seen = read_through_kills(daemon)
            assert len(answered) <= seen["received"] <= sent
            assert {text for text in answered if text.startswith(f"r{round_ - 1}n")} <= set(prompts(seen))
        killing.result()


# ---- its life ----


def test_a_killed_keeper_is_replaced_and_workers_go_on(start):
    daemon = start(workers=2)
    for _ in range(3):
        old = keeper_of(daemon)
        assert chat(daemon, max_tokens=1).status == 200
        os.kill(old, signal.SIGKILL)
        got = many(daemon, 40, lambda i: chat(daemon, max_tokens=1).status)
        assert got == [200] * 40
        wait_for(lambda: daemon.keeper() not in (None, old))
        reset(daemon)
        assert chat(daemon, max_tokens=1).status == 200
        seen = read(daemon)
        assert seen["received"] == 1 and seen["keeper"] == daemon.keeper() != old
    assert daemon.log().count("the keeper (pid") == 3


def test_one_that_dies_at_once_is_replaced_later_and_later(start):
    daemon = start()
    waits = []
    for _ in range(2):
        old, began = keeper_of(daemon), time.monotonic()
        os.kill(old, signal.SIGABRT)
        assert chat(daemon, max_tokens=1).status == 200, "workers go on meanwhile"
        wait_for(lambda: daemon.keeper() not in (None, old), 10)
        waits.append(time.monotonic() - began)
    assert 0.9 < waits[1] < 6 and "is replaced a little later" in daemon.log()
    assert chat(daemon, max_tokens=1).status == 200 and read(daemon)["received"] >= 1


def test_a_stopped_keeper_holds_nobody_up_for_long(start):
    """It hangs rather than dies: what it was told waits in its socket, and is heard when it goes on."""
    daemon = start()
    assert chat(daemon, max_tokens=1).status == 200
    keeper = keeper_of(daemon)
    os.kill(keeper, signal.SIGSTOP)
    try:
        assert many(daemon, 30, lambda i: chat(daemon, max_tokens=1).status) == [200] * 30
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert read(daemon)["received"] == 31


def test_it_outlives_a_reload_with_all_it_knows(start):
    daemon = start(workers=2)
    keeper, old = keeper_of(daemon), set(daemon.workers())
    chat(daemon, max_tokens=1)
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(set(daemon.workers()) - old) == 2 and not old & set(daemon.workers()), 10)
    chat(daemon, max_tokens=1)
    assert read(daemon)["received"] == 2 and daemon.keeper() == keeper


def test_a_reload_brings_the_first_emulator_and_with_it_the_keeper(tmp_path):
    config = tmp_path / "dragoman.yaml"
    config.write_text("upstreams: {far: {kind: openai, base_url: http://127.0.0.1:9}}\n")
    daemon = Daemon(args=["--config", str(config)]).wait_ready()
    try:
        old = daemon.workers()
        assert daemon.keeper() is None and daemon.get(PAGE).status == 404
        config.write_text("upstreams: {near: {kind: emulator}}\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.keeper() and old[0] not in daemon.workers(), 10)
        assert chat(daemon, max_tokens=1).status == 200 and read(daemon)["received"] == 1
        daemon.stop()
    finally:
        if daemon.process.poll() is None:
            daemon.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_master(how):
    daemon = Daemon(workers=2).wait_ready()
    chat(daemon, max_tokens=1)
    keeper_of(daemon)
    everybody = daemon.children()
    assert len(everybody) == 3
    daemon.process.send_signal(how)
    daemon.process.wait(20)
    wait_for(lambda: not any(alive(pid) for pid in everybody))
    wait_for(lambda: not connects(daemon.port))


def test_it_keeps_no_listening_socket(start):
    daemon = start(workers=2)
    keeper = keeper_of(daemon)
    read(daemon)  # it answers, so it has begun
    links = [os.readlink(f"/proc/{keeper}/fd/{fd}") for fd in os.listdir(f"/proc/{keeper}/fd")]
    inodes = {link[8:-1] for link in links if link.startswith("socket:")}
    listening = {line.split()[9] for line in open("/proc/net/tcp") if line.split()[3] == "0A"}
    assert len(inodes) >= 2 and not inodes & listening
