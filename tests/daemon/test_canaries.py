# SPDX-License-Identifier: Apache-2.0
"""No key, token, Authorization or prompt in any log, error, page or help, at any level (user-pain H4); and no core dump.
What every other daemon of every test logs is looked through by Daemon.stop."""

import pathlib
import subprocess

import identity
import pytest
import wire
from dragoman import BINARY, Daemon, environment
from identity import bearer
from keyring import Keyring
from upstream import Upstream, configuration

# Told apart by words that stand nowhere else. Not of a form that a scanner of this repository would take for real ones.
CALLER, API_KEY, OTHER, PROMPT, BASIC = (f"CANARY{word}" + "x" * 30 for word in ("caller", "apikey", "other", "prompt", "basic"))
CANARIES = (CALLER, API_KEY, OTHER, PROMPT, BASIC)


def look(text, *more):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    for canary in (*CANARIES, *more):
        assert canary not in text, text[:2000]


def ways(key):
    """Requests that are refused, and some that are not."""
    chat = {"headers": {**bearer(key), "x-goog-api-key": OTHER}}
    yield wire.chat(PROMPT, **chat)
    yield wire.chat(PROMPT, stream=True, **chat)
    yield wire.chat(PROMPT, headers=bearer(CALLER))
    yield wire.chat(PROMPT, headers={"Authorization": f"Basic {BASIC}"})
    yield wire.chat(PROMPT, headers={"api-key": API_KEY})
    yield wire.chat(PROMPT, path=f"{wire.CHAT}?key={API_KEY}")
    yield wire.chat(PROMPT, path=f"{wire.CHAT}?alt=sse&key={API_KEY}", **chat)
    yield wire.chat(PROMPT, path="/v1/nothing", **chat)
    yield wire.chat(PROMPT, model=["x"], **chat)
    yield wire.chat(PROMPT, temperature="hot", **chat)
    yield wire.request("POST", wire.CHAT, b'{"messages": [' + PROMPT.encode(), headers=bearer(key))
    yield wire.request("POST", wire.CHAT, b"{}", headers={**bearer(key), "Content-Encoding": "gzip"})
    yield wire.request("GET", wire.CHAT, headers=bearer(CALLER))
    yield f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {CALLER}\r\nbroken\r\n\r\n".encode()


@pytest.mark.parametrize("upstream", ["emulator", "refusing", "gone"])
def test_none_leaks(tmp_path, upstream):
    ring, server = Keyring(tmp_path), None
    key = ring.add("alice", models="google/*")
    args = ()
    if upstream != "emulator":
        server = Upstream(lambda peer: peer.request() and peer.send(
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"))
        url = server.url
        if upstream == "gone":
            server.close()
        args = ("--config", str(configuration(tmp_path, url, kind="vertex", credentials={"bearer": OTHER}, project="p", locations=["eu"])))
    daemon = Daemon(ring.setting, "log.level=debug", "log.access=true", args=args, workers=2).wait_ready()
    for request in ways(key):
        answer = daemon.ask(request)
        if answer.status != 200:
            look(answer.body, key)
        look(str(answer.headers), key)
    ring.path.write_text(f"alice {key}\n")  # a key where its digest should stand
    daemon.chat(headers=bearer(key))
    for page in ("/_dragoman/stats", "/readyz"):
        look(daemon.get(page).body, key)
    kept = pathlib.Path(daemon.log_file.name)
    daemon.process.terminate()
    daemon.wait_end()
    text = kept.read_text()
    daemon.kill()
    assert "POST /v1/chat/completions 200" in text or upstream != "emulator"
    assert "who=alice" in text
    look(text, key)
    if server and upstream != "gone":
        server.close()


def test_what_commands_print(tmp_path):
    ring = Keyring(tmp_path)
    key = ring.add("alice")
    file = configuration(tmp_path, "http://127.0.0.1:1", kind="vertex", credentials={"bearer": OTHER}, project="p", locations=["eu"])
    env = environment(GEMINI_API_KEY=API_KEY, DRAGOMAN_EMULATOR_SEED=CALLER)
    for words in (["check", "--show", "--config", file, "--set", ring.setting], ["--help"], ["serve", "--help"], ["keys", "list", "--file", ring.path],
                  ["keys", "add", "--help"], ["check", "--config", file, "--set", f"emulator.seed={CALLER}", "--set", "workers=x"]):
        done = subprocess.run([str(BINARY), *map(str, words)], capture_output=True, text=True, env=env, timeout=30)
        look(done.stdout + done.stderr, key)


def test_no_core_dump(start):
    daemon = start(workers=2)
    for pid in (daemon.process.pid, *daemon.workers(), daemon.keeper()):
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]


def test_the_search_finds(tmp_path):
    with pytest.raises(AssertionError):
        look(f"... {PROMPT} ...")
    assert identity.bearer(CALLER)["Authorization"].endswith(CALLER)
