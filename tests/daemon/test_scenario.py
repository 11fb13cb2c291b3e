# SPDX-License-Identifier: Apache-2.0
"""Scenario files: the example answer by answer, counts over all workers, reload, and files that are wrong."""

import concurrent.futures
import json
import signal
import subprocess
import time

import pytest
import wire
from dragoman import BINARY, ROOT, Daemon, environment
from upstream import chat
from waiting import wait_for

EXAMPLE = ROOT / "examples/scenario.yaml"
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]


@pytest.fixture(scope="module")
def example():
    daemon = Daemon(f"emulator.scenario={EXAMPLE}", workers=2).wait_ready()
    yield daemon
    daemon.stop()


def ask(daemon, text, **members):
    answer = chat(daemon, text=text, **members)
    return json.loads(answer.body) if answer.status == 200 else answer.status


def say(daemon, text, **members):
    answer = ask(daemon, text, **members)
    return answer["choices"][0]["message"]["content"] if isinstance(answer, dict) else answer


def counts(daemon):
    return json.loads(daemon.get("/_dragoman/emulator").body)["counts"]["scenario"]


# ---- the example ----


def test_an_agent_of_two_rounds(example):
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    for model in ("google/gemini-2.5-flash", "google/gemini-3-pro-preview"):
        first = json.loads(example.ask(wire.chat(model=model, tools=TOOLS, messages=messages)).body)["choices"][0]
        [call] = first["message"]["tool_calls"]
        assert first["message"]["content"] == "Let me look that up." and first["finish_reason"] == "tool_calls"
        assert call["function"] == {"name": "get_weather", "arguments": '{"city":"Paris","days":2,"units":["celsius"]}'}
        second = [*messages, first["message"], {"role": "tool", "tool_call_id": call["id"], "content": '{"sky":"sunny"}'}]
        answer = json.loads(example.ask(wire.chat(model=model, tools=TOOLS, messages=second)).body)
        assert answer["choices"][0]["message"]["content"] == "It is sunny in Paris. Take a hat.", answer
        # The signature that the call came with is judged like any other.
        if model.startswith("google/gemini-3"):
            assert call["extra_content"]["google"]["thought_signature"]


def test_a_call_is_streamed_like_any_other(example):
    answer = chat(example, text="weather in Paris", stream=True, tools=TOOLS)
    deltas = [json.loads(event)["choices"][0]["delta"] for event in answer.events[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Let me look that up." and answer.events[-1] == "[DONE]"
    assert "".join(call["function"].get("arguments", "") for delta in deltas for call in delta.get("tool_calls", [])) \
        == '{"city":"Paris","days":2,"units":["celsius"]}'


def test_a_sequence(example):
    assert [say(example, "Try me") for _ in range(5)] == [503, 429, "Slow but there.", "Here I am.", "Here I am."]


def test_once_with_its_usage(example):
    answer = ask(example, "Tell me everything.", model="google/gemini-2.5-flash",
                 extra_body={"google": {"thinking_config": {"include_thoughts": True}}})
    assert answer["choices"][0]["finish_reason"] == "length" and answer["choices"][0]["message"]["content"] == "In the beginning"
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (12, 43)
    assert say(example, "Tell me everything.") != "In the beginning"
    assert counts(example)["short"] == 1


def test_responders_faults_and_the_nth(example):
    blocked = ask(example, "something BAD please")
    assert blocked["choices"][0]["finish_reason"] == "content_filter"
    broken = chat(example, text="please break off", stream=True)
    assert '"error"' in broken.events[-1] and "[DONE]" not in broken.events
    assert "error" not in chat(example, text="please break off").body.decode(), "the rule is for streams"
    assert [say(example, "count me") == "You are the third." for _ in range(4)] == [False, False, True, False]


def test_a_header_of_the_request_goes_before_the_file(example):
    assert say(example, "count me", headers={"x-dragoman-emulate": "echo"}) == "count me"


@pytest.mark.parametrize("path", ["/v1beta/models/gemini-2.5-flash:generateContent",
                                  "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse"])
def test_gemini_s_own_calls_have_it_too(example, path):
    def ask_native(text):
        body = json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
        return example.ask(wire.request("POST", path, body))
    called = ask_native("What is the weather in Paris?").body.decode()
    assert '"functionCall":{"name":"get_weather","args":{"city":"Paris"' in called.replace(" ", ""), called
    assert '"blockReason"' in ask_native("something bad").body.decode()


def test_a_server_of_ones_own_has_it_too(example):
    """The emulator in vLLM's place, which a rule of any model answers for."""
    body = json.dumps({"model": "x", "messages": [{"role": "user", "content": "something bad"}]}).encode()
    answer = example.ask(wire.request("POST", "/_dragoman/emulator/4815162342/v1/chat/completions", body))
    assert answer.status == 200 and counts(example)["blocked"] >= 1, answer


# ---- counts, reload ----


# ---- how long it takes ----


def arrivals(daemon, text):
    """Seconds from the request to each piece of a stream."""
    with daemon.connect() as client:
        began = time.monotonic()
        client.send(wire.chat(text, stream=True))
        assert client.head().status == 200
        times = []
        while piece := client.chunk():
            if b'"content":"' in piece and b'"content":""' not in piece:
                times.append(time.monotonic() - began)
        return times


def test_how_long_answers_take(start, tmp_path):
    """No piece comes before its time; how late a busy machine is can not be told. The rules' pace stands before the settings'."""
    file = tmp_path / "scenario.yaml"
    words = " ".join(["word"] * 40)
    file.write_text(json.dumps({"rules": [
        {"when": {"prompt": "slow"}, "answer": {"text": words, "first_ms": 400, "piece_ms": 60}},
        {"when": {"prompt": "whole"}, "answer": {"text": words, "first_ms": 300, "piece_ms": 60000}},
        {"when": {"prompt": "quick"}, "answer": {"text": words, "first_ms": 0, "piece_ms": 0}}]}))
    daemon = start(f"emulator.scenario={file}", pace=(3000, 3000))
    times = arrivals(daemon, "slow")
    assert len(times) > 4
    for i, at in enumerate(times):  # a millisecond is how exactly a loop knows the time, at each wait
        assert at >= (400 + 60 * i - 1 - i) / 1000, times
    assert times[-1] < 0.4 + 0.06 * len(times) + 2, times
    for text, least, most in (("whole", 0.299, 2.3), ("quick", 0, 2)):
        began = time.monotonic()
        assert say(daemon, text) == words
        assert least <= time.monotonic() - began < most
    assert arrivals(daemon, "quick")[-1] < 2


def test_times_are_exact_over_all_workers(start, tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("rules:\n  - {name: five, times: 5, answer: {text: five}}\n  - {name: rest, answers: [{text: a}, {text: b}, {text: c}]}\n")
    daemon = start(f"emulator.scenario={file}", workers=4)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        said = list(pool.map(lambda _: say(daemon, "x"), range(200)))
    assert [said.count(text) for text in ("five", "a", "b", "c")] == [5, 1, 1, 193]
    assert counts(daemon) == {"five": 5, "rest": 195}
    assert daemon.ask(wire.request("DELETE", "/_dragoman/emulator")).status == 204
    assert say(daemon, "x") == "five", "a reset begins the rules anew"


def test_a_killed_worker_takes_no_count_with_it(start, tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("rules:\n  - {times: 3, answer: {text: three}}\n  - {answer: {text: rest}}\n")
    daemon = start(f"emulator.scenario={file}", workers=1)
    said = []
    for _ in range(3):
        said += [say(daemon, "x"), say(daemon, "x")]
        old = daemon.workers()[0]
        daemon.kill_worker(old)
        wait_for(lambda: daemon.workers() not in ([], [old]))
    assert said == ["three"] * 3 + ["rest"] * 3


def test_reload_takes_the_new_file_and_keeps_the_old_when_it_is_wrong(start, tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("rules:\n  - {times: 1, answer: {text: old}}\n  - {answer: {text: spent}}\n")
    daemon = start(f"emulator.scenario={file}")
    assert [say(daemon, "x"), say(daemon, "x")] == ["old", "spent"]
    file.write_text("rules:\n  - {answer: {txt: new}}\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: f'{file}:2:15: answer: unknown key "txt"; did you mean "text"?' in daemon.log())
    assert say(daemon, "x") == "spent"
    file.write_text("rules:\n  - {times: 1, answer: {text: new}}\n  - {answer: {text: spent}}\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: say(daemon, "x") == "new", 10)


# ---- files that are wrong ----


@pytest.mark.parametrize("text, problem", [
    ("", "1:1: a scenario: nothing where a mapping is expected"),
    ("rulez: []", '1:1: a scenario: unknown key "rulez"; did you mean "rules"?'),
    ("rules: []", "1:8: rules: a list where a list with something in it is expected"),
    ("rules:\n  - {answer: {fault: teapot}}", '2:22: fault: there is no "teapot"'),
    ("rules:\n  - {answer: {responder: parrot}}", '2:26: responder: there is no "parrot"'),
    ("rules:\n  - {when: {prompt: {like: a, exact: b}}, answer: {text: x}}", "2:22: one of contains, exact and like is enough"),
    ("rules:\n  - {when: {nth: 0}, answer: {text: x}}", '2:18: nth: "0" is no whole number of 1 to 1000000000'),
    ("rules:\n  - {when: {}}", "2:5: a rule has an answer, or answers: one of the two"),
    ("rules:\n  - answer:\n      calls:\n        - {name: f, args: '[1]'}", '4:27: args: "[1]" is not the JSON text of an object'),
    ("rules:\n  - {answer: {text: a, responder: echo}}", "2:24: responder: it does not stand beside"),
    ("rules:\n  - {answer: {finish: stop}}", '2:23: finish: "stop" is no finishReason'),
    ("rules:\n  - {answer: {finish: MAX_TOKEN}}", '2:23: finish: "MAX_TOKEN" is no finishReason; docs/EMULATOR.md lists'),
    ("rules: [", "1:9: not YAML"),
])
def test_wrong_files(tmp_path, text, problem):
    file = tmp_path / "s.yaml"
    file.write_text(text)
    for command in ("check", "serve"):
        ended = subprocess.run([BINARY, command, "--set", f"emulator.scenario={file}", *(["--listen", "127.0.0.1:0"] if command == "serve" else [])],
                               capture_output=True, text=True, timeout=20, env=environment())
        assert ended.returncode == 3 and f"{file}:{problem}" in ended.stderr, ended.stderr


def test_a_file_that_is_not_there():
    ended = subprocess.run([BINARY, "check", "--set", "emulator.scenario=/nowhere/s.yaml"], capture_output=True, text=True, timeout=20,
                           env=environment())
    assert ended.returncode == 3 and "cannot read /nowhere/s.yaml" in ended.stderr
