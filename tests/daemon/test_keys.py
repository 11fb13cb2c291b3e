# SPDX-License-Identifier: Apache-2.0
"""Keys of our own: `dragoman keys`, and the gate that asks for them (user-pain H4, H6)."""

import hashlib
import json
import os
import re
import subprocess
import time

import pytest
import wire
from dragoman import BINARY, ROOT, environment
from identity import bearer
from keyring import Keyring
from session import Session
from upstream import Upstream, configuration
from waiting import wait_for

OPENAPI = "/v1/projects/p/locations/us-central1/endpoints/openapi/chat/completions"
OWN = "/v1/projects/p/locations/us-central1/endpoints/{}/chat/completions"
NATIVE = "/v1/projects/p/locations/us-central1/publishers/google/models/{}:generateContent"
REALM = 'Bearer realm="https://accounts.google.com/"'
MODEL = "google/gemini-2.0-flash-001"


@pytest.fixture
def ring(tmp_path):
    return Keyring(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One that no test changes, and alice's key."""
    from dragoman import Daemon
    ring = Keyring(tmp_path_factory.mktemp("keys"))
    running = Daemon(ring.setting if ring.add("alice") else "").wait_ready()
    yield running, ring.keys["alice"]
    running.stop()


def ask(daemon, key=None, path=wire.CHAT, headers=None, **members):
    return daemon.chat(headers={**(bearer(key) if key else {}), **(headers or {})}, path=path, **members)


def elsewhere(daemon, path):
    return daemon.ask(f"GET {path} HTTP/1.1\r\nHost: dragoman.example\r\n\r\n".encode())


# ---- the command ----


def test_only_the_digest_is_on_the_disk(ring):
    key = ring.add("alice")
    assert re.fullmatch(r"sk-dgm-[A-Za-z0-9_-]{43}", key)
    text = ring.path.read_text()
    assert key not in text and text == f"alice {hashlib.sha256(key.encode()).hexdigest()}\n"
    assert ring.path.stat().st_mode & 0o777 == 0o600


def test_the_file_stays_whose_it_was(ring, tmp_path):
    """A daemon without rights of its own must be able to read what root changed, or a key that was taken away stays good."""
    ring.add("alice")
    link = tmp_path / "link"
    link.symlink_to(ring.path)
    if os.geteuid() == 0:
        os.chown(ring.path, 65534, 65534)
    before = ring.path.stat()
    subprocess.run([BINARY, "keys", "add", "bob", "--file", link], env=environment(), check=True, stdout=subprocess.DEVNULL)
    after = ring.path.stat()
    assert link.is_symlink() and "bob" in ring.path.read_text()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_a_key_is_shown_once_and_alone(ring):
    done = ring.run("add", "alice")
    assert done.stdout.count("\n") == 1 and "this once" in done.stderr and done.stdout.strip() not in done.stderr
    assert done.stdout.strip() not in ring.run("list").stdout


def test_rights_and_limits_stand_in_the_line(ring):
    ring.add("ci", models="google/*,lab/*", endpoints="openapi", requests_per_minute=60, tokens_per_minute=1000, tokens_per_day=5000,
             parallel=4)
    rights = "models=google/*,lab/* endpoints=openapi requests-per-minute=60 tokens-per-minute=1000 tokens-per-day=5000 parallel=4"
    assert ring.path.read_text().endswith(f" {rights}\n") and ring.run("list").stdout.endswith(f" {rights}\n")


def test_what_people_wrote_stays(ring):
    ring.path.write_text("# ours\n\n# bob left\n")
    ring.path.chmod(0o640)
    ring.add("alice")
    ring.add("bob")
    ring.revoke("alice")
    lines = ring.path.read_text().splitlines()
    assert lines[:3] == ["# ours", "", "# bob left"] and len(lines) == 4 and lines[3].startswith("bob ")
    assert ring.path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("words, text", [
    (("add", "a b"), "letters, digits"), (("add", "a" * 65), "up to 64"), (("add", ""), "letters, digits"),
    (("add", "a", "--models", "x,,y"), "--models"), (("add", "a", "--models", "x y"), "--models"),
    (("add", "a", "--parallel", "0"), "--parallel"), (("add", "a", "--tokens-per-day", "many"), "--tokens-per-day"),
    (("add", "a", "--rotate"), "no key yet"), (("revoke", "nobody"), "cannot open")])
def test_what_is_refused(ring, words, text):
    done = ring.run(*words)
    assert done.returncode in (1, 2) and text in done.stderr and done.stdout == ""


def test_a_name_has_one_key_unless_it_is_rotated(ring):
    ring.add("alice", parallel=3)
    assert ring.run("add", "alice").returncode == 1
    ring.add("alice", "--rotate")
    assert [line.split()[2] for line in ring.path.read_text().splitlines()] == ["parallel=3"] * 2
    ring.revoke("alice", "--older")
    assert hashlib.sha256(ring.keys["alice"].encode()).hexdigest() in ring.path.read_text()
    assert ring.run("revoke", "alice", "--older").returncode == 1


def test_many_at_once_lose_nothing(ring):
    ring.add("first")
    words = [str(BINARY), "keys", "add", "--file", str(ring.path)]
    running = [subprocess.Popen([*words, f"k{i}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(12)]
    assert [process.wait(30) for process in running] == [0] * 12
    assert len(ring.path.read_text().splitlines()) == 13


# ---- the file ----

BAD = {"x": "SHA-256", "x 12": "SHA-256", f"x {'A' * 64}": "SHA-256", f"a/b {'a' * 64}": "a name has", f"x {'a' * 64} y": "not known",
       f"x {'a' * 64} parallel=0": "number", f"x {'a' * 64} parallel=1 parallel=2": "twice", f"x {'a' * 64} models=": "list",
       f"x {'a' * 64}\ny {'a' * 64}": "already", f"x {'a' * 64} parallel": "number"}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_is_told_with_its_line(ring, text):
    ring.path.write_text("# keys\n" + text + "\n")
    done = subprocess.run([str(BINARY), "check", "--set", ring.setting], capture_output=True, text=True, env=environment())
    assert done.returncode == 3 and f"dragoman.keys:{1 + len(text.splitlines())}: " in done.stderr and BAD[text] in done.stderr


def test_without_the_file_nothing_starts(ring):
    done = subprocess.run([str(BINARY), "serve", "--set", ring.setting], capture_output=True, text=True, env=environment())
    assert done.returncode == 3 and "No such file" in done.stderr and "dragoman keys add" in done.stderr


# ---- who may come in ----


def test_each_place_where_clients_send_a_key(shared):
    gated, key = shared
    for headers in (bearer(key), {"x-goog-api-key": key}, {"api-key": key}, {"Authorization": f"bearer {key}"},
                    {"Authorization": "Bearer ya29.something", "x-goog-api-key": key}):
        assert ask(gated, headers=headers).status == 200, headers


def test_none_and_a_wrong_one(shared):
    """google.md 5.3, in OpenAI's form."""
    gated, alice = shared
    answer = ask(gated)
    assert (answer.status, answer.error["code"], answer.error["type"]) == (401, "missing_api_key", "authentication_error")
    assert answer["www-authenticate"] == REALM
    for key in ("sk-dgm-" + "A" * 43, alice[:-1], alice + "A", "x"):
        answer = ask(gated, key)
        assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
        assert answer["www-authenticate"] == REALM + ', error="invalid_token"' and (key == "x" or key not in answer.body.decode())


def test_googles_form(shared):
    gated, _ = shared
    google = {"x-dragoman-compat": "google"}
    [whole] = ask(gated, headers=google).json
    assert whole["error"]["status"] == "UNAUTHENTICATED" and whole["error"]["details"][0]["reason"] == "CREDENTIALS_MISSING"
    assert whole["error"]["message"].startswith("Request is missing required authentication credential.")
    answer = ask(gated, "x", headers=google)
    assert answer["www-authenticate"] == REALM + ', error="invalid_token"' and "details" not in answer.json[0]["error"]
    whole = ask(gated, path=NATIVE.format("gemini-2.0-flash-001")).json  # of Google's own paths, without the array
    assert whole["error"]["code"] == 401


def test_never_in_a_query(shared):
    """H4."""
    gated, alice = shared
    answer = ask(gated, path=f"{wire.CHAT}?key={alice}")
    assert (answer.status, answer.error["code"]) == (401, "api_key_in_url") and "x-goog-api-key" in answer.error["message"]
    assert ask(gated, path=f"{wire.CHAT}?alt=json&key=x").error["code"] == "api_key_in_url"
    assert alice not in gated.log()


def test_it_is_asked_before_the_body(shared):
    gated, _ = shared
    with gated.connect() as client:
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 50000000\r\n\r\n")
        assert client.answer().status == 401


def test_what_needs_none(shared):
    gated, _ = shared
    for path in ("/healthz", "/readyz", "/_dragoman/stats"):
        assert gated.get(path).status == 200
    assert gated.get("/v1/models").status == 401
    assert elsewhere(gated, "/v1/models").status == 401
    assert elsewhere(gated, "/_dragoman/stats").status == 403, "not by a name that anybody can point here"


SPELLINGS = [str, lambda path: "/" + path, lambda path: path.replace("/_dragoman/", "/_dragoman//"),
             lambda path: path.replace("_", "%5F"), lambda path: path.replace("/_dragoman", "/_dragoma%6e"),
             lambda path: "/./" + path[1:], lambda path: path + "?x=1"]


def ours():
    """Every path of routes.def that is this machine's alone, with a method that it serves."""
    rows = re.findall(r'^ROUTE_OF\("([^"]+)",\s+(\w+),\s+\w+,\s+LOCAL,', (ROOT / "src/gateway/routes.def").read_text(), re.M)
    assert len(rows) >= 5
    return [(path.replace("{endpoint}", "1234"), method) for path, method in rows]


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("path, method", ours())
def test_our_own_pages_are_this_machines_however_they_are_spelled(shared, spell, path, method):
    gated, alice = shared
    for key in ("", f"Authorization: Bearer {alice}\r\n"):
        answer = gated.ask(f"{method} {spell(path)} HTTP/1.1\r\nHost: dragoman.example\r\n{key}"
                           "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode())
        assert answer.status in (403, 404, 400), answer
        assert answer.status != 404 or answer.error["code"] == "unknown_url", answer


def test_any_host_with_a_key(shared):
    gated, alice = shared
    assert ask(gated, alice, headers={"Host": "ai.example"}).status == 200


# ---- changes ----


def test_changes_need_no_restart(start, ring):
    ring.add("alice")
    daemon = start(ring.setting, workers=4)
    bob = ring.add("bob")
    wait_for(lambda: all(ask(daemon, bob).status == 200 for _ in range(20)), 5)
    ring.revoke("bob")
    wait_for(lambda: all(ask(daemon, bob).status == 401 for _ in range(20)), 5)
    assert ask(daemon, ring.keys["alice"]).status == 200
    assert daemon.log().count("generation") == 0


def test_rotation_has_no_gap(start, ring):
    old = ring.add("alice")
    daemon = start(ring.setting)
    new = ring.add("alice", "--rotate")
    wait_for(lambda: ask(daemon, new).status == 200, 5)
    assert ask(daemon, old).status == 200
    ring.revoke("alice", "--older")
    wait_for(lambda: ask(daemon, old).status == 401, 5)
    assert ask(daemon, new).status == 200


def test_a_file_that_breaks_changes_nothing(start, ring):
    ring.add("alice")
    gated = start(ring.setting)
    ring.path.write_text("oh no\n")
    time.sleep(0.2)
    assert ask(gated, ring.keys["alice"]).status == 200
    wait_for(lambda: "the keys are not read anew" in gated.log() and "dragoman.keys:1: " in gated.log(), 5)
    ring.path.unlink()
    time.sleep(0.2)
    assert ask(gated, ring.keys["alice"]).status == 200
    ring.path.write_text("")
    wait_for(lambda: ask(gated, ring.keys["alice"]).status == 401, 5)


def test_what_runs_ends_as_it_began(start, ring):
    key = ring.add("alice")
    daemon = start(ring.setting, pace=(600, 1))
    with daemon.connect() as client:
        client.send(wire.chat(headers=bearer(key)))
        time.sleep(0.1)
        ring.revoke("alice")
        wait_for(lambda: ask(daemon, key).status == 401, 5)
        assert client.answer().status == 200


# ---- what for ----


def test_models(start, ring):
    key = ring.add("alice", models="google/gemini-2.0-*")
    daemon = start(ring.setting)
    for model in (MODEL, "gemini-2.0-flash-001", "models/gemini-2.0-flash-001", "publishers/google/models/gemini-2.0-flash-001"):
        assert ask(daemon, key, model=model).status == 200, model
    for model in ("google/gemini-2.5-flash", "gemini-2.5-flash", "google/gemini-3-pro-preview"):
        answer = ask(daemon, key, model=model)
        assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "model_not_allowed", "model"), model
        assert model in answer.error["message"] and "alice" in answer.error["message"]
    assert ask(daemon, key, path=NATIVE.format("gemini-2.5-flash")).status == 403
    assert ask(daemon, key, model="google/gemini-2.5-flash", stream=True).status == 403
    listed = {model["id"] for model in daemon.ask(wire.request("GET", "/v1/models", headers=bearer(key))).json["data"]}
    assert listed and all(name.startswith("google/gemini-2.0-") for name in listed)
    assert daemon.ask(wire.request("GET", "/v1/models/google/gemini-2.5-flash", headers=bearer(key))).status == 404


def test_a_forbidden_model_as_google_says_it(start, ring):
    """google.md 5.4."""
    key = ring.add("alice", models="google/gemini-2.0-*")
    daemon = start(ring.setting, "compat=google")
    [whole] = ask(daemon, key, OPENAPI, model="google/gemini-2.5-pro").json
    resource = "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro"
    assert whole["error"]["message"] == (f"Permission 'aiplatform.endpoints.predict' denied on resource "
                                         f"'//aiplatform.googleapis.com/{resource}' (or it may not exist).")
    assert (whole["error"]["code"], whole["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert whole["error"]["details"] == [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED",
                                          "domain": "aiplatform.googleapis.com",
                                          "metadata": {"resource": resource, "permission": "aiplatform.endpoints.predict"}}]


def test_endpoints(start, ring):
    any_, own = ring.add("any"), ring.add("own", endpoints="4815*")
    models, both = ring.add("models", models="google/*"), ring.add("both", models="google/*", endpoints="openapi,4815162342")
    daemon = start(ring.setting)
    for key, may in ((any_, (200, 200, 200)), (own, (403, 403, 200)), (models, (200, 200, 403)), (both, (200, 200, 200))):
        paths = (wire.CHAT, OPENAPI, OWN.format("4815162342"))
        model = {"model": MODEL}
        assert tuple(ask(daemon, key, path, **model).status for path in paths) == may
    answer = ask(daemon, own)
    assert answer.error["code"] == "endpoint_not_allowed" and "own may not use the endpoint openapi" in answer.error["message"]
    [whole] = ask(daemon, models, OWN.format("77"), headers={"x-dragoman-compat": "google"}).json
    assert "//aiplatform.googleapis.com/projects/p/locations/us-central1/endpoints/77'" in whole["error"]["message"]


def test_no_upstream_gets_a_key_of_ours(tmp_path, start, ring):
    """`caller` sends the caller's own token on, which is another one."""
    key, server = ring.add("alice"), Upstream()
    daemon = start(ring.setting, args=("--config", str(configuration(tmp_path, server.url, kind="vertex", credentials="caller",
                                                                     project="p", locations=["eu"]))))
    assert ask(daemon, key).error["code"] == "missing_token" and server.requests == []
    both = {"Authorization": "Bearer ya29.own", "x-goog-api-key": key}
    assert ask(daemon, headers=both).status == 200
    assert server.requests[0].headers["authorization"] == "Bearer ya29.own" and key not in str(server.requests[0].headers)
    server.close()


# ---- sessions ----


def test_two_keys_sessions_are_apart_and_a_rotated_key_keeps_its_own(start, ring):
    """What is remembered belongs to the key's name (docs/SESSIONS.md)."""
    keys = {name: ring.add(name) for name in ("alice", "bob")}
    daemon = start(ring.setting)
    who = ["alice"]
    session = Session(lambda body, headers: daemon.ask(wire.request(
        "POST", wire.CHAT, json.dumps(body).encode(), headers={**headers, **bearer(keys[who[0]])})))
    session.run(1)
    who[0] = "bob"  # the same conversation under another name: its signatures are not his
    before = daemon.stats()
    session.answer(session.step())
    after = daemon.stats()
    assert after["signatures_recalled_total"] == before["signatures_recalled_total"]
    assert after["stand_ins_total"] > before["stand_ins_total"]
    session.messages = session.messages[:3]
    who[0], keys["alice"] = "alice", ring.add("alice", "--rotate")
    ring.revoke("alice", "--older")
    wait_for(lambda: ask(daemon, keys["alice"]).status == 200, 5)
    before = daemon.stats()
    session.step()
    assert daemon.stats()["signatures_recalled_total"] == before["signatures_recalled_total"] + 1
