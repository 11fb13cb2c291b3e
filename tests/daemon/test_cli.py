# SPDX-License-Identifier: Apache-2.0
"""The command line: help, exit codes, the configuration as users give it, and translate."""

import json
import os
import re
import signal
import subprocess
import time

import pki
import pytest

from dragoman import BINARY, ROOT, environment, free_port

EXAMPLE = """\
listen: [127.0.0.1:8080]
workers: auto
auth:
  keys: dragoman.keys
  google: off
upstreams:
  google: {kind: vertex, project: my-project, locations: [us-central1, global], credentials: adc}
  studio: {kind: gemini, credentials: {api_key: "${GEMINI_API_KEY}"}}
  lab:    {kind: vllm, base_url: http://127.0.0.1:8000, model: Qwen/Qwen3-8B}
  tgi:    {kind: tgi, base_url: https://tgi.internal:8443, ca: internal-ca.pem}
  offline: {kind: emulator}
models:
  - {match: "google/*", upstream: google}
  - {match: "lab/*", upstream: lab}
endpoints:
  "4815162342": {upstream: lab, display_name: "Qwen on the lab box"}
store: {path: /var/lib/dragoman, max_mb: 1024}
compat: openai
reasoning: reasoning_content
strict: false
limits: {body_mb: 100, connections: 10000}
timeouts: {connect: 5s, first_byte: 300s, idle: 120s, total: off}
"""
HELLO = {"model": "google/gemini-2.5-flash", "messages": [{"role": "user", "content": "Hello"}]}
NATIVE = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi \u00e4\u20ac\U0001f600"}]}, "finishReason": "STOP"}],
          "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}}
COMMANDS = ["serve", "translate request", "translate response", "translate stream", "check", "keys add", "keys list",
            "keys revoke", "version", "help"]


def run(*args, stdin="", **env):
    data = stdin if isinstance(stdin, (str, bytes)) else json.dumps(stdin)
    done = subprocess.run([BINARY, *args], input=data.encode() if isinstance(data, str) else data,
                          capture_output=True, timeout=60, env=environment(**env))
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    assert "Sanitizer" not in done.err and "runtime error" not in done.err, done.err
    return done


def expect(code, *args, **more):
    done = run(*args, **more)
    assert done.returncode == code, (args, done)
    return done


# ---- help and mistakes ----


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    texts = {expect(0, *command.split(), "--help").out, expect(0, *command.split(), "-h").out,
             expect(0, "help", *command.split()).out}
    assert len(texts) == 1
    assert texts.pop().startswith(f"Usage: dragoman {command}")


def test_help_names_every_command():
    text = expect(0, "--help").out
    assert text == expect(0, "help").out
    for command in COMMANDS:
        assert f"  {command} " in text
    for code in ("0 done", "1 refused", "2 usage", "3 configuration", "4 cannot listen"):
        assert code in text


def test_help_of_translate_has_its_three():
    text = expect(0, "translate", "--help").out
    assert text == expect(0, "help", "translate").out
    for command in ("request", "response", "stream"):
        assert f"Usage: dragoman translate {command}" in text


def test_serve_help_lists_every_setting():
    text = expect(0, "serve", "--help").out
    for line in expect(0, "check", "--show").out.splitlines():
        if "=" in line and not line.startswith("#"):
            assert f"  {line.split('=')[0]}=" in text


def test_every_option_of_help_is_taken():
    """What help shows and what is parsed come from one table; no option may be shown and then unknown."""
    for command in COMMANDS:
        for option in re.findall(r"^  --([a-z-]+)", expect(0, *command.split(), "--help").out, re.M):
            assert "unknown option" not in run(*command.split(), f"--{option}", "--help").err


@pytest.mark.parametrize("args, hint", [
    ([], "Usage: dragoman COMMAND"),
    (["translate"], "Usage: dragoman translate request"),
    (["sevre"], 'unknown command "sevre"; did you mean "serve"?'),
    (["frobnicate"], 'unknown command "frobnicate"'),
    (["translate", "requst"], 'did you mean "translate request"?'),
    (["help", "serv"], 'did you mean "serve"?'),
    (["serve", "--lissen", "x"], "unknown option --lissen; did you mean --listen?"),
    (["serve", "--lissen=x"], "unknown option --lissen; did you mean --listen?"),
    (["serve", "-x"], "unknown option -x"),
    (["serve", "--listen"], "--listen wants ADDR:PORT"),
    (["serve", "here"], 'unexpected "here"'),
    (["check", "--show=yes"], "--show takes no value"),
    (["serve", "--upstream", "vertx"], "expected vertex, gemini, or openai=URL, vllm=URL or tgi=URL"),
    (["serve", "--project", "p"], "go with --upstream vertex"),
    (["translate", "request", "--upstream", "mistral"], "expected vertex, gemini, vllm, tgi or openai"),
    (["translate", "request", "--project", "../x"], "are names"),
    (["translate", "request", "--id", "a b"], "--id"),
    (["translate", "request", "--now", "tomorrow"], "--now"),
    (["translate", "response", "--status", "99"], "--status"),
    (["translate", "stream", "--chunk", "0"], "--chunk"),
])
def test_usage(args, hint):
    done = expect(2, *args)
    assert hint in done.err
    assert done.out == ""


def test_version():
    text = expect(0, "version").out
    assert text == expect(0, "--version").out
    assert re.match(r"dragoman \d+\.\d+\.\d+ \(\S+\)\n", text)
    for library in ("libuv", "llhttp", "yyjson", "OpenSSL", "libyaml"):
        assert re.search(rf"{library} \d+\.\d+", text)


def test_broken_output_is_an_error():
    with open("/dev/full", "wb") as full:
        for args in (["check"], ["version"], ["--help"]):
            assert subprocess.run([BINARY, *args], stdout=full, stderr=subprocess.PIPE, env=environment()).returncode == 1


# ---- the configuration ----


def test_check_without_anything():
    done = expect(0, "check")
    assert (done.out, done.err) == ("ok\n", "")


def test_check_of_every_key(tmp_path):
    file = tmp_path / "dragoman.yaml"
    keys = tmp_path / "dragoman.keys"
    expect(0, "keys", "add", "alice", "--file", str(keys))
    file.write_text(EXAMPLE.replace("internal-ca.pem", str(pki.authority())).replace("dragoman.keys", str(keys)))
    done = expect(0, "check", "--offline", "--config", str(file), GEMINI_API_KEY="AIza-very-secret")
    assert done.out == "ok\n"
    assert expect(0, "check", "--offline", DRAGOMAN_CONFIG=str(file), GEMINI_API_KEY="x").out == "ok\n"
    shown = expect(0, "check", "--offline", "--config", str(file), "--show", GEMINI_API_KEY="AIza-very-secret")
    assert "AIza" not in shown.out + shown.err
    assert "credentials={api_key: ***}" in shown.out


def test_errors_have_places(tmp_path):
    file = tmp_path / "dragoman.yaml"
    file.write_text("workers: 2\ntimeouts:\n  conect: 5s\nlimits: {body_mb: 0}\n\"upstrems\": {}\n")
    for command in ("check", "serve"):
        done = expect(3, command, "--config", str(file))
        assert done.out == ""
        assert done.err.splitlines() == [
            f'{file}:3:3: unknown key "conect" in "timeouts"; did you mean "connect"?',
            f'{file}:4:19: limits.body_mb: "0" is out of range; 1 to 1024',
            f'{file}:5:1: unknown key "upstrems"; did you mean "upstreams"?',
        ]


def test_files_that_cannot_be_read(tmp_path):
    assert "No such file" in expect(3, "check", "--config", str(tmp_path / "nowhere.yaml")).err
    assert "cannot read" in expect(3, "check", "--config", str(tmp_path)).err
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (2 << 20))
    assert "cannot read" in expect(3, "check", "--config", str(large)).err


def test_precedence(tmp_path):
    file = tmp_path / "dragoman.yaml"
    file.write_text("limits: {body_mb: 10, connections: 11}\nworkers: 2\n")

    def shown(*args, **env):
        lines = expect(0, "check", "--show", *args, **env).out.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")

    assert shown()["limits.body_mb"] == "100"
    assert shown("--config", str(file))["limits.body_mb"] == "10"
    env = {"DRAGOMAN_LIMITS_BODY_MB": "20", "DRAGOMAN_WORKERS": "3"}
    assert shown("--config", str(file), **env)["limits.body_mb"] == "20"
    assert shown("--config", str(file), "--set", "limits.body_mb=30", **env)["limits.body_mb"] == "30"
    last = shown("--config", str(file), "--set=limits.body_mb=30", "--workers", "4", "--listen", "127.0.0.1:1",
                 "--listen", "[::1]:2", **env)
    assert (last["workers"], last["limits.connections"], last["listen"]) == ("4", "11", "127.0.0.1:1,[::1]:2")


def test_short_upstreams():
    text = expect(0, "check", "--show", "--upstream", "vertex", "--project", "p", "--location", "global").out
    assert "# upstreams.vertex kind=vertex project=p locations=global" in text
    assert "api_key: ***" in expect(0, "check", "--show", "--upstream", "gemini", GEMINI_API_KEY="k").out
    assert "base_url=http://h/v1" in expect(0, "check", "--show", "--upstream", "openai=http://h/v1").out
    assert "GEMINI_API_KEY is not set" in expect(3, "check", "--upstream", "gemini", GEMINI_API_KEY="").err
    assert "base_url" in expect(3, "check", "--upstream", "openai").err


def test_others_cannot_be_let_in_by_mistake():
    for address in ("0.0.0.0:0", "[::]:0"):
        assert "can be reached from other machines" in expect(3, "serve", "--listen", address).err


def test_a_variable_that_is_nearly_a_setting_is_told():
    done = expect(0, "check", DRAGOMAN_WORKER="3", DRAGOMAN_SERVICE_HOST="10.0.0.1", DRAGOMAN_PORT="tcp://10.0.0.1:80")
    assert done.err == "dragoman: DRAGOMAN_WORKER is no setting; did you mean DRAGOMAN_WORKERS?\n"


@pytest.mark.parametrize("page, args", [("CONFIGURATION.md", ["check", "--reference"]), ("dragoman.1", ["help", "--man"])])
def test_pages_are_made_anew(page, args):
    """When this fails: make build docs, and `dragoman help --man > docs/dragoman.1`."""
    assert (ROOT / "docs" / page).read_text() == expect(0, *args).out


# ---- translate ----


def test_request():
    body = {**HELLO, "logit_bias": {}, "stream": True}
    done = expect(0, "translate", "request", stdin=body)
    assert json.loads(done.out)["contents"] == [{"role": "user", "parts": [{"text": "Hello"}]}]
    assert done.err == ""
    again = expect(0, "translate", "request", "--show-ignored", "--show-target", stdin=body)
    assert again.out == done.out
    assert "logit_bias" in again.err
    refused = expect(1, "translate", "request", "--strict", stdin=body)
    assert json.loads(refused.err)["error"]["param"] == "logit_bias" and refused.out == ""
    told = expect(0, "translate", "request", "--show-ignored", "--show-target",
                  stdin={**HELLO, "model": "google/gemini-2.5-pro", "service_tier": "flex", "reasoning_effort": "none"})
    assert "\nheader: X-Vertex-AI-LLM-Shared-Request-Type: flex\n" in told.err
    assert "\nignored: nothing\nwarning: reasoning_effort: " in told.err
    assert ("POST us-central1-aiplatform.googleapis.com /v1/projects/my-project/locations/us-central1/publishers/google/"
            "models/gemini-2.5-flash:streamGenerateContent?alt=sse") in again.err


@pytest.mark.parametrize("args, host", [
    (["--location", "europe-west4"], "europe-west4-aiplatform.googleapis.com"),
    (["--location", "global"], "aiplatform.googleapis.com"),
    (["--location", "us"], "aiplatform.us.rep.googleapis.com"),
    (["--location", "eu"], "aiplatform.eu.rep.googleapis.com"),
    (["--upstream", "gemini"], "generativelanguage.googleapis.com"),
])
def test_targets(args, host):
    err = expect(0, "translate", "request", "--show-target", *args, stdin=HELLO).err
    assert err.startswith(f"target: POST {host} /v1")
    assert err.endswith("gemini-2.5-flash:generateContent\n")


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"model": 5}', '{"a":1,"a":2}', b"\xff", pytest.param("[" * 200000, id="deep")])
def test_refusals_stand_alone_on_stderr(body):
    done = expect(1, "translate", "request", "--show-ignored", "--show-target", stdin=body)
    assert done.out == ""
    assert set(json.loads(done.err)["error"]) >= {"message", "type", "param", "code"}


def test_response():
    done = expect(0, "translate", "response", "--model", "google/x", "--id", "abc", "--now", "7", stdin=NATIVE)
    answer = json.loads(done.out)
    assert (answer["model"], answer["created"]) == ("google/x", 7)
    assert "abc" in answer["id"]
    assert answer["choices"][0]["message"]["content"] == "Hi \u00e4\u20ac\U0001f600"
    assert answer["usage"]["total_tokens"] == 3


def test_response_of_an_error_is_an_answer():
    native = {"error": {"code": 429, "message": "Resource exhausted", "status": "RESOURCE_EXHAUSTED"}}
    done = expect(0, "translate", "response", "--status", "429", stdin=native)
    assert json.loads(done.out)["error"]["message"] == "Resource exhausted"
    assert done.err == ""


def test_the_answered_request(tmp_path):
    file = tmp_path / "request.json"
    file.write_text(json.dumps({**HELLO, "model": "models/gemini-3-pro"}))
    assert json.loads(expect(0, "translate", "response", "--request", str(file), stdin=NATIVE).out)["model"] == "models/gemini-3-pro"
    both = expect(0, "translate", "response", "--request", str(file), "--model", "google/y", stdin=NATIVE)
    assert json.loads(both.out)["model"] == "google/y"
    file.write_text("{}")
    assert json.loads(expect(1, "translate", "response", "--request", str(file), stdin=NATIVE).err)["error"]
    assert "No such file" in expect(1, "translate", "stream", "--request", str(tmp_path / "no.json")).err


def test_stream_is_the_same_at_every_cut():
    first = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Why \u00e4\u20ac\U0001f600"}]}}]}
    data = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\r\n\r\n" for event in (first, NATIVE)).encode()
    whole = expect(0, "translate", "stream", stdin=data)
    events = [line[6:] for line in whole.out.split("\n\n") if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["usage"]["total_tokens"] == 3
    for chunk in (1, 2, 3, 7, 64, 4095):
        assert expect(0, "translate", "stream", "--chunk", str(chunk), stdin=data).out == whole.out


def test_a_stream_that_breaks_off_ends_in_an_error():
    first = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Why"}]}}]}
    for data in (f"data: {json.dumps(first)}\r\n\r\n", "", "data: {\n\n"):
        text = expect(0, "translate", "stream", stdin=data).out
        assert "[DONE]" not in text
        assert json.loads(text.split("data: ")[-1])["error"]


def test_the_same_bytes_every_time():
    for args, body in ((["request"], HELLO), (["response"], NATIVE), (["stream"], f"data: {json.dumps(NATIVE)}\n\n")):
        assert len({expect(0, "translate", *args, stdin=body).stdout for _ in range(3)}) == 1


# ---- serve ----


def serve(log, *args, **env):
    return subprocess.Popen([BINARY, "serve", *args], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                            env=environment(**env))


def wait_for(log, text, seconds=20):
    end = time.monotonic() + seconds
    while text not in log.read_text(errors="replace"):
        assert time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.02)
    return log.read_text(errors="replace")


@pytest.fixture
def started(tmp_path):
    """started(ARGS) -> (process, its log as a path); each is ended by SIGTERM and must exit with 0."""
    running = []

    def start(*args, **env):
        log = tmp_path / f"log-{len(running)}.txt"
        with log.open("wb") as file:
            running.append(serve(file, *args, **env))
        return running[-1], log

    yield start
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.wait(45) == 0


def test_what_it_prints_can_be_pasted(started):
    """The curl line and the exports, as printed, with the port that it really has."""
    _, log = started("--listen", "127.0.0.1:0")
    text = wait_for(log, "OPENAI_API_KEY=test\n")
    assert "emulator" in text and "no model is asked" in text
    base = re.search(r"export OPENAI_BASE_URL=(http://127\.0\.0\.1:([1-9]\d*)/\S+)", text)
    curl = re.search(r"^  (curl (?:.*\\\n)*.*)$", text, re.M)[1]
    assert base[1] + "/chat/completions" in curl
    done = subprocess.run(["bash", "-c", curl.replace("curl ", "curl -sS ", 1)], capture_output=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer["model"] == "google/gemini-2.0-flash-001"
    assert answer["choices"][0]["message"]["content"]


def test_an_address_that_is_taken(started):
    port = free_port()
    _, log = started("--listen", f"127.0.0.1:{port}")
    wait_for(log, "OPENAI_API_KEY")
    done = expect(4, "serve", "--listen", f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in done.err


def test_a_configured_emulator_is_not_advertised(started, tmp_path):
    file = tmp_path / "dragoman.yaml"
    file.write_text("upstreams: {mine: {kind: emulator}}\nlisten: 127.0.0.1:0\nworkers: 1\n")
    _, log = started("--config", str(file))
    assert "curl" not in wait_for(log, "listens on http://127.0.0.1:")



def test_a_bad_configuration_does_not_replace_a_good_one(started, tmp_path):
    file = tmp_path / "dragoman.yaml"
    port = free_port()
    file.write_text(f"listen: 127.0.0.1:{port}\n")
    process, log = started("--config", str(file))
    wait_for(log, "OPENAI_API_KEY")
    file.write_text("wokers: 2\n")
    process.send_signal(signal.SIGHUP)
    wait_for(log, f'{file}:1:1: unknown key "wokers"; did you mean "workers"?')
    done = subprocess.run(["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", f"http://127.0.0.1:{port}/healthz"],
                          capture_output=True, timeout=60)
    assert done.stdout == b"200"
    assert process.poll() is None


@pytest.mark.parametrize("kind", ["vllm", "tgi", "openai"])
def test_translate_for_servers_of_openais_protocol(kind):
    body = '{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}'
    asked = expect(0, "translate", "request", "--upstream", kind, "--show-target", stdin=body)
    assert asked.out.strip() == body and "/v1/chat/completions" in asked.err
    answer = json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]})
    whole = expect(0, "translate", "response", "--upstream", kind, "--model", "q", stdin=answer)
    assert json.loads(whole.out)["model"] == "q"
    streamed = expect(0, "translate", "stream", "--upstream", kind, stdin=f"data: {answer}\n\ndata: [DONE]\n\n")
    assert "[DONE]" in streamed.out
