# SPDX-License-Identifier: Apache-2.0
"""Exchanges recorded and replayed (user-pain L4): whatever the upstream is, without secrets, at no request's cost, strictly."""

import concurrent.futures
import json
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest
import servers
import wire
from dragoman import BINARY, ROOT, Daemon, environment
from upstream import LAST_CHUNK, STREAM_HEAD, chat, chunk, configuration, event, native, serving, sized
from upstream import serve as upstream_serve
from waiting import wait_for

CORPUS = ROOT / "tests/replay"
SECRETS = ("ya29.a0-not-to-be-told-0123456789", "AIzaSyB0not0to0be0told0000000000000000w", "cookie-not-to-be-told",
           "key-not-to-be-told", "bearer-not-to-be-told")


@pytest.fixture
def serve():
    """serve(behave): a server of the test's own."""
    yield from serving()


def recordings(folder):
    """The texts of the files, in the order of their names."""
    return [file.read_text() for file in sorted(folder.glob("*.yaml"))]


def wait_recorded(folder, n):
    wait_for(lambda: len(list(folder.glob("*.yaml"))) == n, 10)
    assert list(folder.glob("*.part")) == []
    return recordings(folder)


def loop_ms(daemon):
    """CPU that the worker's loop has had: its first thread."""
    (pid,) = daemon.workers()
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e6


def text_of(answer):
    assert answer.status == 200, answer
    if answer["content-type"] == "text/event-stream":
        return "".join(json.loads(e)["choices"][0]["delta"].get("content") or "" for e in answer.events[:-1])
    return answer.json["choices"][0]["message"]["content"]


def ended(*words):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=60, env=environment())


# ---- the emulator, both ways ----


def test_what_is_recorded_is_replayed_byte_for_byte_at_four_workers(start, tmp_path):
    folder = tmp_path / "recordings"
    asked = [dict(text=f"Number {i}", stream=i % 2 == 0) for i in range(8)]
    daemon = start(args=("--record", str(folder)), workers=4)
    first = [text_of(chat(daemon, **one)) for one in asked]
    wait_recorded(folder, 8)
    assert (folder.stat().st_mode & 0o777, {file.stat().st_mode & 0o777 for file in folder.iterdir()}) == (0o700, {0o600})
    back = start(args=("--replay", str(folder)), workers=4)
    assert [text_of(chat(back, **one)) for one in asked] == first
    assert [text_of(chat(back, **one)) for one in reversed(asked)] == first[::-1], "the last recording stays"


def test_several_answers_come_in_their_order_over_all_workers(start, tmp_path):
    folder, scenario = tmp_path / "recordings", tmp_path / "s.yaml"
    scenario.write_text("rules:\n  - {answers: [{text: one}, {fault: 503}, {text: three}, {text: four}]}\n")
    daemon = start(f"emulator.scenario={scenario}", args=("--record", str(folder)))
    assert [chat(daemon).status for _ in range(4)] == [200, 503, 200, 200]
    wait_recorded(folder, 4)
    back = start(args=("--replay", str(folder)), workers=4)
    said = [chat(back) for _ in range(6)]
    assert [answer.status for answer in said] == [200, 503, 200, 200, 200, 200]
    assert [text_of(said[i]) for i in (0, 2, 3, 4, 5)] == ["one", "three", "four", "four", "four"]
    # The same, asked at once: each is given once, whichever worker gives it.
    back = start(args=("--replay", str(folder)), workers=4)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: chat(back), range(12)))
    assert sorted(text_of(answer) for answer in said if answer.status == 200) == ["four"] * 9 + ["one", "three"]


def test_a_recording_says_what_came_and_when(start, tmp_path):
    folder = tmp_path / "recordings"
    daemon = start(args=("--record", str(folder)), pace=(60, 40))
    streamed = chat(daemon, text="Number 1", stream=True)
    [text] = wait_recorded(folder, 1)
    assert text.startswith("recording: 1\ntime: ") and f'id: "{streamed["x-request-id"]}"' in text
    assert 'target: "/v1/chat/completions"' in text and ":streamGenerateContent?alt=sse" in text
    times = [int(ms) for ms in re.findall(r"^    - ms: (\d+)$", text, re.M)]
    assert times[0] >= 55 and all(35 <= b - a for a, b in zip(times, times[1:])), times
    reply = text[text.index("\nreply:"):]
    assert [line.strip() for line in reply.splitlines() if "data: " in line] == [f"data: {e}" for e in streamed.events]


def test_timing_is_kept_when_asked_for(start, tmp_path):
    folder = tmp_path / "recordings"
    chat(start(args=("--record", str(folder)), pace=(300, 1)), stream=True)
    wait_recorded(folder, 1)
    for timing, least, most in (("at_once", 0, 0.25), ("recorded", 0.28, 5)):
        back = start(f"replay.timing={timing}", args=("--replay", str(folder)))
        chat(back, text="warm up")
        began = time.monotonic()
        text_of(chat(back, stream=True))
        assert least <= time.monotonic() - began <= most, timing


# ---- misses ----


def test_a_miss_is_an_error_that_names_the_nearest(start, tmp_path):
    folder = tmp_path / "recordings"
    daemon = start(args=("--record", str(folder)))
    chat(daemon, text="Why is the sky blue?", temperature=0.5)
    chat(daemon, text="Who wrote Faust?")
    wait_recorded(folder, 2)
    nearest = sorted(folder.glob("*.yaml"))[0].name
    back = start(args=("--replay", str(folder)))
    for stream in (False, True):
        answer = chat(back, text="Why is the sky green?", temperature=0.7, stream=stream)
        assert (answer.status, answer.error["code"], answer.error["type"]) == (404, "replay_miss", "invalid_request_error")
    message = chat(back, text="Why is the sky green?", temperature=0.5).error["message"]
    assert message == ("No recording answers this request (models/gemini-2.0-flash-001:generateContent). "
                       f'The nearest, {nearest}, differs at /contents/0/parts/0/text: "Why is the sky blue?" there, '
                       '"Why is the sky green?" here.')
    # What does not count: the order of members, who asks, another project, and ids.
    body = json.dumps({"temperature": 0.5, "user": "somebody", "messages": [{"content": "Why is the sky blue?", "role": "user"}],
                       "model": wire.MODEL}).encode()
    path = "/v1/projects/other/locations/europe-west4/endpoints/openapi/chat/completions"
    assert back.ask(wire.request("POST", path, body)).status == 200


def test_dates_and_ids_in_texts_are_forgiven_and_told(start, tmp_path):
    folder = tmp_path / "recordings"
    say = "It is {}. The job is {}. What now?".format
    daemon = start(args=("--record", str(folder)))
    chat(daemon, text=say("2026-11-21 19:00", "7d444840-9dc0-11d1-b245-5ffdce74fad2"))
    wait_recorded(folder, 1)
    back = start(args=("--replay", str(folder)))
    same = chat(back, text=say("2026-11-21 19:00", "7d444840-9dc0-11d1-b245-5ffdce74fad2"))
    assert (same.status, same["x-dragoman-warning"]) == (200, None)
    other = chat(back, text=say("2027-01-02T03:04:05.6Z", "00000000-9dc0-11d1-b245-5ffdce74fad2"))
    assert other.status == 200 and "dates, times or UUIDs" in other["x-dragoman-warning"]
    assert chat(back, text=say("2027-01-02", "seven")).status == 404


def test_an_empty_folder_and_wrong_files(start, tmp_path):
    folder = tmp_path / "recordings"
    assert ended("check", "--replay", str(folder)).returncode == 3
    folder.mkdir()
    assert "There are none" in chat(start(args=("--replay", str(folder)))).error["message"]
    (folder / "a.yaml").write_text("recording: 1\nclient: {target: /, base64: '*'}\n")
    (folder / "b.yaml").write_text("recording: 2\n")
    for words in (("check",), ("serve", "--listen", "127.0.0.1:0")):
        wrong = ended(*words, "--replay", str(folder))
        assert wrong.returncode == 3
        assert f"{folder}/a.yaml:2:29: base64: it is none" in wrong.stderr
        assert f"{folder}/b.yaml:1:12: no recording that this version reads" in wrong.stderr


def test_reload_reads_the_folder_again(start, tmp_path):
    folder = tmp_path / "recordings"
    chat(start(args=("--record", str(folder))), text="one")
    wait_recorded(folder, 1)
    back = start(args=("--replay", str(folder)))
    assert chat(back, text="one").status == 200
    (file,) = folder.iterdir()
    file.write_text(file.read_text().replace('"one"', '"two"'))
    back.process.send_signal(signal.SIGHUP)
    wait_for(lambda: chat(back, text="two").status == 200, 10)
    wait_for(lambda: chat(back, text="one").status == 404, 10)  # the old worker takes what waits in its queue


# ---- any upstream ----


def test_a_server_of_ones_own_and_its_odd_pieces(start, serve, tmp_path):
    folder = tmp_path / "recordings"
    pieces = [e for e in servers.streamed("vllm")]
    whole = b"".join(pieces).replace(b"there.", "gr\u00fc\u00df.".encode())
    cut = whole.index("\u00fc".encode()) + 1  # in the middle of a character

    def behave(peer):
        while peer.request():
            peer.send(STREAM_HEAD + chunk(whole[:cut]))
            time.sleep(0.2)
            peer.send(chunk(whole[cut:]) + LAST_CHUNK)

    server = serve(behave)
    file = tmp_path / "d.yaml"
    file.write_text(json.dumps({"upstreams": {"lab": {"kind": "vllm", "base_url": server.url, "credentials": {"bearer": SECRETS[4]}}}}))
    daemon = start(args=("--config", str(file), "--record", str(folder)))
    said = text_of(chat(daemon, stream=True))
    assert said == "Hello gr\u00fc\u00df."
    [text] = wait_recorded(folder, 1)
    assert "kind: vllm" in text and text.count("base64: ") == 2 and SECRETS[4] not in text
    server.refuse()
    back = start(args=("--config", str(file), "--replay", str(folder)))
    assert text_of(chat(back, stream=True)) == said


@pytest.mark.parametrize("kind", ["vertex", "gemini"])
def test_google_without_its_credentials(start, serve, tmp_path, kind):
    folder = tmp_path / "recordings"

    def behave(peer):
        while request := peer.request():
            # An upstream that says what it was told.
            secret = request.headers.get("x-goog-api-key", "none")
            peer.send(sized(native(f"I know {secret}.")))

    server = serve(behave)
    file = configuration(tmp_path, server.url, kind=kind, credentials={"api_key": SECRETS[3]})
    daemon = start(args=("--config", str(file), "--record", str(folder)))
    head = {"Authorization": f"Bearer {SECRETS[0]}", "Cookie": f"a={SECRETS[2]}", "x-goog-api-key": SECRETS[1]}
    answer = chat(daemon, text=f"my token is {SECRETS[0]}", headers=head)
    assert SECRETS[3] in text_of(answer)
    [text] = wait_recorded(folder, 1)
    for secret in SECRETS:
        assert secret not in text, text
    assert "I know ***." in text and "my token is ***" in text
    server.refuse()
    # Nothing is asked, so neither a key nor what it is asked with is needed.
    back = start(args=("--upstream", kind, "--replay", str(folder)))
    assert text_of(chat(back, text=f"my token is {SECRETS[0]}")) == "I know ***."


def test_an_upstream_that_breaks_off_breaks_off_again(start, serve, tmp_path):
    folder = tmp_path / "recordings"

    def behave(peer):
        peer.request()
        peer.send(STREAM_HEAD + chunk(event("Half of ")))

    daemon = start(args=("--config", str(configuration(tmp_path, serve(behave).url)), "--record", str(folder)))
    first = chat(daemon, stream=True)
    [text] = wait_recorded(folder, 1)
    assert "end: failed\n    error: UPSTREAM_CUT" in text
    second = chat(start(args=("--replay", str(folder))), stream=True)
    assert [json.loads(e).get("error") for e in first.events] == [json.loads(e).get("error") for e in second.events]


def test_all_attempts_are_recorded_and_come_again(start, serve, tmp_path):
    """The first upstream refuses, the second answers: one file, two calls."""
    folder = tmp_path / "recordings"

    def refuse(peer):
        while peer.request():
            peer.send(sized(b'{"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}',
                            b"HTTP/1.1 503 No\r\nContent-Type: application/json\r\nRetry-After: 7\r\n"))

    bad, good = serve(refuse), serve(upstream_serve)
    file = tmp_path / "d.yaml"
    file.write_text(json.dumps({
        "upstreams": {"bad": {"kind": "vertex", "base_url": bad.url, "credentials": "none"},
                      "good": {"kind": "gemini", "base_url": good.url, "credentials": {"api_key": SECRETS[3]}}},
        "models": [{"match": "*", "upstream": [{"name": "bad", "weight": 1}, {"name": "good", "weight": 0}]}]}))
    daemon = start(args=("--config", str(file), "--record", str(folder)))
    said = text_of(chat(daemon))
    [text] = wait_recorded(folder, 1)
    assert text.count("\n- upstream:\n") == 2 and "    retry_ms: 7000\n" in text, text
    assert ended("replay", str(folder)).stdout.endswith("1 recording: 1 the same, 0 changed, 0 not run\n")
    back = start(args=("--config", str(file), "--replay", str(folder)))
    assert text_of(chat(back)) == said
    assert len(good.requests) == 1


def test_native_calls_are_recorded_too(start, tmp_path):
    folder = tmp_path / "recordings"
    path = f"/v1beta/models/gemini-2.5-flash:generateContent?key={SECRETS[1]}"
    body = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    first = start(args=("--record", str(folder))).ask(wire.request("POST", path, body))
    [text] = wait_recorded(folder, 1)
    assert 'gemini-2.5-flash:generateContent?key=***"' in text and SECRETS[1] not in text
    again = start(args=("--replay", str(folder))).ask(wire.request("POST", path.replace("key", "other"), body))
    assert again.body == first.body


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5


def test_what_was_fetched_is_not_fetched_again(start, serve, tmp_path):
    """A replay asks nobody for anything: what URLs of messages led to is in the recording (fetch.h)."""
    folder = tmp_path / "recordings"
    host = serve(lambda peer: peer.request() and peer.send(sized(PNG, b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n")))
    model = serve(servers.serve("vllm"))
    file = tmp_path / "d.yaml"
    file.write_text(json.dumps({"fetch": {"allow": ["127.0.0.1:*"]}, "upstreams": {
        "lab": {"kind": "vllm", "base_url": model.url, "fetch": "public"}}}))
    def ask(daemon, path="/a.png"):
        url = host.url + path
        return chat(daemon, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
    said = text_of(ask(start(args=("--config", str(file), "--record", str(folder)))))
    [text] = wait_recorded(folder, 1)
    assert f'fetched:\n- url: "{host.url}/a.png"\n  type: "image/png"\n  sure: true\n  data: |2-\n    iVBORw0KGgo' in text, text
    before = host.connections, model.connections
    assert before == (1, 1)
    back = start(args=("--config", str(file), "--replay", str(folder)))
    assert text_of(ask(back)) == said
    other = ask(back, "/b.png")
    assert (other.status, other.error["code"], other.error["param"]) == (404, "replay_miss", "messages[0].content[0].image_url")
    assert f"no recording has what the URL led to, {host.url}/b.png" in other.error["message"]
    assert [model["id"] for model in back.get("/v1/models").json["data"]] == []
    assert (host.connections, model.connections) == before, "the network was asked"
    assert ended("replay", str(folder)).stdout == "1 recording: 1 the same, 0 changed, 0 not run\n"
    [path] = folder.iterdir()
    path.write_text(text.replace("/a.png", "/c.png", 1))  # the client's own message, which stands first
    assert "not run: what its URLs led to is not in the recording" in ended("replay", str(folder)).stdout


def test_a_search_holds_nobody(start, tmp_path):
    """A miss is compared with many recordings, and a large body is put in order first: off the loop (job.h)."""
    folder = tmp_path / "recordings"
    chat(start(args=("--record", str(folder))), text="x" * 40_000)
    [text] = wait_recorded(folder, 1)
    for i in range(200):
        (folder / f"{i}.yaml").write_text(text.replace("xxxxx", f"{i:05}"))
    back = start(args=("--replay", str(folder)))
    small = chat(back, text="warm up")
    assert (small.status, small.error["code"]) == (404, "replay_miss")
    for ask, status in ((lambda: chat(back, text="y" * 40_000), 404), (lambda: chat(back, text="x" * 40_000), 200),
                        (lambda: chat(back, messages=[{"role": "user", "content": "hi"}] * 60_000), 404)):
        before = loop_ms(back)
        assert ask().status == status
        assert loop_ms(back) - before < 60
    jobs = back.stats()["jobs_total"]
    connection = back.connect(30)
    connection.send(wire.chat(text="z" * 60_000))
    wait_for(lambda: back.stats()["jobs_total"] > jobs)
    connection.socket.close()
    wait_for(lambda: (back.stats()["calls"], back.stats()["jobs"]) == (0, 0))


# ---- what it may cost ----


def test_clients_that_leave_are_recorded_and_nothing_is_left(start, tmp_path):
    folder = tmp_path / "recordings"
    daemon = start(args=("--record", str(folder)), pace=(10, 200))
    with daemon.connect() as connection:
        connection.send(wire.chat(stream=True))
        wait_for(lambda: daemon.stats()["streams"] == 1)
    [text] = wait_recorded(folder, 1)
    assert "end: left" in text
    wait_for(lambda: (daemon.stats()["exchanges"], daemon.stats()["recordings"]) == (1, 0))


def test_a_folder_that_is_gone_loses_recordings_not_requests(start, tmp_path):
    folder = tmp_path / "recordings"
    daemon = start(args=("--record", str(folder)))
    shutil.rmtree(folder)
    assert [chat(daemon).status for _ in range(20)] == [200] * 20
    wait_for(lambda: daemon.stats()["recordings_lost_total"] == 20)
    assert daemon.log().count("a recording was lost") == 1 and str(folder) in daemon.log()


def test_a_full_disk_leaves_no_half_file(start, tmp_path):
    folder = tmp_path / "recordings"

    def no_large_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    daemon = start(args=("--record", str(folder)), preexec=no_large_files)
    assert chat(daemon, text="x" * 8000).status == 200
    wait_for(lambda: daemon.stats()["recordings_lost_total"] == 1)
    assert list(folder.iterdir()) == [] and "File too large" in daemon.log()


def test_too_much_at_once_loses_recordings_not_requests(start, tmp_path):
    folder = tmp_path / "recordings"
    daemon = start("record.max_mb=1", args=("--record", str(folder)))
    assert chat(daemon, text="x" * 2_000_000).status == 200
    assert daemon.stats()["recordings_lost_total"] == 1 and "record.max_mb is used up" in daemon.log()
    assert chat(daemon, text="small").status == 200
    wait_recorded(folder, 1)
    assert daemon.stats()["recordings"] == 0


def test_what_waits_for_the_disk_is_written_before_the_end(tmp_path):
    folder = tmp_path / "recordings"
    daemon = Daemon(args=("--record", str(folder)), workers=2).wait_ready()
    for i in range(30):
        chat(daemon, text=f"{i} " + "x" * 20000)
    daemon.stop()
    assert len(recordings(folder)) == 30


def test_a_folder_that_can_not_be_made():
    wrong = ended("serve", "--listen", "127.0.0.1:0", "--record", "/dev/null/recordings")
    assert wrong.returncode == 3 and "record.dir: cannot write into /dev/null/recordings" in wrong.stderr


# ---- done again ----


def test_the_corpus_is_as_it_was():
    """tests/replay: a change that is meant changes the files there too."""
    again = ended("replay", str(CORPUS))
    n = len(list(CORPUS.glob("*.yaml")))
    assert (again.returncode, again.stdout) == (0, f"{n} recordings: {n} the same, 0 changed, 0 not run\n"), again


def test_the_corpus_answers_too(start):
    """The same files serve: what each client asked gets what it got, ids and time aside."""
    daemon = start(args=("--replay", str(CORPUS), "--config", "/dev/null"))
    answer = daemon.ask(wire.request("POST", wire.CHAT, json.dumps({
        "model": "google/gemini-2.5-flash", "messages": [{"role": "user", "content": "Hello"}]}).encode()))
    assert (answer.status, answer.error["code"]) == (429, "overloaded")


@pytest.mark.parametrize("name, old, new, told", [
    ("text.yaml", '"temperature": 0.25', '"temperature": 0.5', "request /generationConfig/temperature: 0.5 then, 0.25 now"),
    ("text.yaml", "gemini-2.5-flash:generateContent", "gemini-2.0-flash:generateContent", "target: models/gemini-2.0-flash:generateContent then"),
    ("text.yaml", 'content": "Be brief."', 'content": 5', "request: made then, "),
    ("stream-cut.yaml", "UPSTREAM_CUT", "UPSTREAM_TIMEOUT", "event 3 /error/message: "),
    ("error-429.yaml", "  status: 429\n  type", "  status: 430\n  type", "status: 430 then, 429 now"),
    ("vllm-2.yaml", '"finish_reason": "stop"', '"finish_reason": "length"', "answer /choices/0/finish_reason: "),
])
def test_what_changed_is_told(tmp_path, name, old, new, told):
    """One place is changed, the last: as if this version did otherwise than the one that recorded."""
    text = (CORPUS / name).read_text()
    at = text.index(old) if "content" in old else text.rindex(old)
    (tmp_path / name).write_text(text[:at] + new + text[at + len(old):])
    shutil.copy(CORPUS / "image.yaml", tmp_path)
    again = ended("replay", str(tmp_path))
    assert again.returncode == 1 and again.stdout.startswith(f"{name}\n  {told}"), again.stdout
    assert again.stdout.endswith("2 recordings: 1 the same, 1 changed, 0 not run\n")


def test_replay_without_a_folder(tmp_path):
    assert ended("replay").returncode == 2 and "DIR is missing" in ended("replay").stderr
    assert ended("replay", "one", "two").returncode == 2
    assert ended("replay", str(tmp_path / "none")).returncode == 3
    assert ended("replay", str(tmp_path)).stdout == "0 recordings: 0 the same, 0 changed, 0 not run\n"
