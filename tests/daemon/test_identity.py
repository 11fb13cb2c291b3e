# SPDX-License-Identifier: Apache-2.0
"""The emulated identity servers over HTTP, and the gate that asks for their tokens."""

import json
import os
import signal
import subprocess
import time

import identity
import pytest
import wire
from dragoman import BINARY, Daemon, environment
from identity import ACCOUNT, EXCHANGE, FLAVOR, METADATA, SCOPE, bearer, form, metadata, subject, token
from waiting import wait_for

NATIVE = "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.0-flash-001:generateContent"
ENDPOINTS = "/v1/projects/p/locations/us-central1/endpoints"
IAM = "/v1/projects/-/serviceAccounts/robot@my-project.iam.gserviceaccount.com:"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci"
TYPE = "urn:ietf:params:oauth:token-type:"
MISSING = "Request is missing required authentication credential."
INVALID = "Request had invalid authentication credentials."


@pytest.fixture(scope="module")
def gated():
    running = Daemon("auth.google=emulated").wait_ready()
    yield running
    running.stop()


def chat(daemon, headers=None, path=wire.CHAT):
    return daemon.chat(headers=headers, path=path)


def exchange(daemon, **members):
    whole = {"grant_type": EXCHANGE, "audience": POOL, "scope": SCOPE, "requested_token_type": TYPE + "access_token",
             "subject_token": subject(sub="build-7", exp=int(time.time()) + 60), "subject_token_type": TYPE + "jwt"}
    return form(daemon, "/v1/token", **{k: v for k, v in (whole | members).items() if v is not None})


# ---- the gate ----


def test_without_a_token(gated):
    answer = chat(gated)
    assert answer.status == 401 and answer["www-authenticate"] == 'Bearer realm="https://accounts.google.com/"'
    assert answer.error["message"].startswith(MISSING) and answer.error["code"] == "missing_token"
    assert chat(gated, {"Authorization": "Basic YTpi"}).error["code"] == "missing_token"


def test_googles_form(gated):
    answer = chat(gated, {"x-dragoman-compat": "google"})
    [whole] = answer.json
    assert answer.status == 401 and whole["error"]["status"] == "UNAUTHENTICATED"
    assert whole["error"]["details"][0]["reason"] == "CREDENTIALS_MISSING" and whole["error"]["message"].startswith(MISSING)
    [whole] = chat(gated, {"x-dragoman-compat": "google", **bearer("x")}).json
    assert whole["error"]["message"].startswith(INVALID) and "details" not in whole["error"]


@pytest.mark.parametrize("value", ["x", "ya29.", "ya29.d.", "ya29.d.YQ", "ya29.d." + "A" * 200, "1//0d" + "A" * 200, "A" * 9000])
def test_unknown(gated, value):
    answer = chat(gated, bearer(value))
    assert answer.status == 401 and answer.error["code"] == "invalid_token"
    assert answer["www-authenticate"] == 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
    assert value not in answer.body.decode() or value == "x"


def test_changed_at_every_place(gated):
    good = token(gated)
    assert chat(gated, bearer(good)).status == 200
    for at in range(7, len(good), 9):
        changed = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1:]
        assert chat(gated, bearer(changed)).status == 401, at


def test_every_api_and_nothing_else_is_behind_it(gated):
    good = bearer(token(gated))
    body = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    for path in ("/v1/models", "/models", ENDPOINTS, "/v1/models/google/gemini-2.0-flash-001", ENDPOINTS + "/openapi/models"):
        assert gated.get(path).status == 401, path
        assert gated.get(path, headers=good).status == 200, path
    for path in (NATIVE, "/v1beta/models/gemini-2.0-flash-001:generateContent"):
        answer = gated.ask(wire.request("POST", path, body))
        assert answer.status == 401 and answer.json["error"]["status"] == "UNAUTHENTICATED", path
        assert gated.ask(wire.request("POST", path, body, good)).status == 200, path
        assert gated.ask(wire.request("POST", path, body, {"x-goog-api-key": token(gated)})).status == 200
        assert gated.ask(wire.request("POST", f"{path}?key={token(gated)}", body)).status == 200
        assert "API keys are not supported" in gated.ask(wire.request("POST", f"{path}?key=AIzaX", body)).json["error"]["message"]
    for path in ("/v1beta/models", "/v1beta1/publishers/*/models", "/v1/publishers/google/models/gemini-2.0-flash-001"):
        assert gated.get(path).json["error"]["status"] == "UNAUTHENTICATED", path
        assert gated.get(path, headers=good).status == 200, path
    for path in ("/healthz", "/readyz", "/_dragoman/stats", "/_dragoman/emulator", identity.PAGE, "/"):
        assert gated.get(path).status == 200, path
    assert gated.get("/nothing").status == 404


def test_refused_before_the_body(gated):
    with gated.connect() as connection:
        connection.send(wire.request("POST", wire.CHAT, b"", {"Content-Length": "1000"}))
        assert connection.answer().status == 401


def test_scope(gated):
    answer = chat(gated, bearer(token(gated, "https://www.googleapis.com/auth/drive")))
    assert answer.status == 403 and answer.error["code"] == "insufficient_scope"
    assert 'error="insufficient_scope"' in answer["www-authenticate"]


def test_expired(start):
    daemon = start("auth.google=emulated", "emulator.token_life=1s")
    short = token(daemon)
    assert chat(daemon, bearer(short)).status == 200
    time.sleep(1.1)
    answer = chat(daemon, bearer(short))
    assert answer.status == 401 and answer.error["code"] == "token_expired" and answer.error["message"].startswith(INVALID)
    assert form(daemon, "/tokeninfo", access_token=short).status == 400


def test_revoked_everywhere(start):
    daemon = start("auth.google=emulated", workers=4)
    for _ in range(20):
        one, other = token(daemon), token(daemon)
        assert chat(daemon, bearer(one)).status == 200
        identity.revoke(daemon, token=one)
        assert [chat(daemon, bearer(one)).status for _ in range(12)] == [401] * 12
        assert chat(daemon, bearer(other)).status == 200
    identity.revoke(daemon, account=ACCOUNT)
    assert [chat(daemon, bearer(other)).status for _ in range(12)] == [401] * 12
    time.sleep(0.02)
    assert chat(daemon, bearer(token(daemon))).status == 200
    other = exchange(daemon).json["access_token"]
    identity.revoke(daemon, all=True)
    assert [chat(daemon, bearer(other)).status for _ in range(12)] == [401] * 12


def test_revoked_outlives_keeper_workers_and_a_reload(start):
    daemon = start("auth.google=emulated", workers=2)
    good, bad = token(daemon), token(daemon)
    identity.revoke(daemon, token=bad)
    def check():
        assert [ask_through_kills(daemon, value) for value in [bad] * 6 + [good] * 3] == [401] * 6 + [200] * 3
    keeper = daemon.keeper()
    os.kill(keeper, signal.SIGKILL)
    check()
    wait_for(lambda: daemon.keeper() not in (None, keeper), 20)
    assert chat(daemon, bearer(token(daemon))).status == 200
    for pid in daemon.workers():
        daemon.kill_worker(pid)
    wait_for(lambda: len(daemon.workers()) == 2, 20)
    check()
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "generation 2 serves" in daemon.log(), 20)
    check()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_revoked_outlives_a_restart_of_everything(start, tmp_path, how):
    settings = ("auth.google=emulated", f"store.path={tmp_path}", "emulator.token_life=300s")
    first = Daemon(*settings, workers=2).wait_ready()
    good, bad, worse, later = (token(first) for _ in range(4))
    subprocess.run([BINARY, "credentials", "create", "jane", "--user", "--token-uri", first.url, "--out", tmp_path / "jane.json"],
                   env=environment(), check=True, capture_output=True)
    jane = json.loads((tmp_path / "jane.json").read_text())
    refresh = {k: jane[k] for k in ("refresh_token", "client_id", "client_secret")} | {"grant_type": "refresh_token"}
    hers = form(first, "/token", **refresh).json["access_token"]
    identity.revoke(first, account="jane@example.com")
    assert form(first, "/revoke", token=worse).status == 200
    identity.revoke(first, token=bad)  # it is kept when it is answered
    for pid in [first.process.pid] if how == signal.SIGTERM else [first.process.pid, *first.children()]:
        os.kill(pid, how)
    first.wait_end()
    first.kill()
    second = Daemon(*settings, workers=2).wait_ready()
    for value, status in ((good, 200), (later, 200), (bad, 401), (worse, 401), (hers, 401)):
        assert [chat(second, bearer(value)).status for _ in range(4)] == [status] * 4
    assert form(second, "/tokeninfo", access_token=worse).status == 400
    assert form(second, "/token", **refresh).json["error_description"] == "Token has been expired or revoked."
    identity.revoke(second, token=later)
    second.stop()
    third = start(*settings)
    assert [chat(third, bearer(value)).status for value in (good, later, bad)] == [200, 401, 401]


def ask_through_kills(daemon, value):
    """The worker that is killed may be the one that is asked."""
    while True:
        try:
            return chat(daemon, bearer(value)).status
        except (OSError, wire.Closed):
            continue


def test_a_restart_and_another_dragoman_know_them_by_the_seed(start):
    one, same, other = (start("auth.google=emulated", f"emulator.seed={seed}") for seed in ("a", "a", "b"))
    good = bearer(token(one))
    assert [chat(daemon, good).status for daemon in (one, same, other)] == [200, 200, 401]


def test_revoking_wants_to_know_what(gated):
    for body in (b"{}", b"{", b"[]", b'{"token":"x"}', b'{"all":false}', b""):
        assert gated.ask(wire.request("POST", identity.PAGE + "/revoke", body)).status == 400, body


def test_off_where_there_is_no_emulator(start, tmp_path):
    file = tmp_path / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": {"lab": {"kind": "vllm", "base_url": "http://127.0.0.1:9"}}}))
    daemon = start(args=("--config", str(file)))
    answer = daemon.ask(wire.request("GET", METADATA, headers=FLAVOR))
    assert answer.status == 404 and answer.error["code"] == "identity_off"
    assert daemon.get("/").error["code"] == "unknown_url"
    assert daemon.get(identity.PAGE).error["code"] == "identity_off"


# ---- the metadata server ----


def test_ping_and_flavor(gated):
    answer = gated.get("/")
    assert (answer.status, answer["metadata-flavor"]) == (200, "Google")
    assert gated.get(METADATA).status == 403
    assert metadata(gated, "", **{"X-Forwarded-For": "1.2.3.4"}).status == 403
    assert metadata(gated, "")["metadata-flavor"] == "Google"


def test_tree(gated):
    assert metadata(gated, "").body == b"instance/\nproject/\nuniverse/\n"
    assert metadata(gated, "project/").body == b"numeric-project-id\nproject-id\n"
    assert metadata(gated, "project/project-id").body == b"my-project"
    assert metadata(gated, "project/project-id?alt=json").json == "my-project"
    assert metadata(gated, "project/?recursive=true").json == {"numericProjectId": 123456789012, "projectId": "my-project"}
    assert metadata(gated, "instance/service-accounts/").body.decode() == f"default/\n{ACCOUNT}/\n"
    account = {"aliases": ["default"], "email": ACCOUNT, "scopes": [SCOPE]}
    for name in ("default", ACCOUNT):
        whole = metadata(gated, f"instance/service-accounts/{name}/?recursive=true")
        assert whole.json == account and whole["content-type"] == "application/json"
        assert metadata(gated, f"instance/service-accounts/{name}/email").body.decode() == ACCOUNT
        assert metadata(gated, f"instance/service-accounts/{name}/scopes").body.decode() == SCOPE + "\n"
        assert metadata(gated, f"instance/service-accounts/{name}/token").status == 200
    everything = metadata(gated, "?recursive=true").json
    assert everything["instance"]["serviceAccounts"]["default"] == account
    for path in ("nothing", "project/nothing", "project/project-id/x", "instance/service-accounts/other/token", "instance/zon"):
        assert metadata(gated, path).status == 404, path


def test_metadata_tokens(gated):
    whole = metadata(gated, "instance/service-accounts/default/token").json
    assert whole["token_type"] == "Bearer" and whole["expires_in"] == 3599
    assert form(gated, "/tokeninfo", access_token=token(gated, "a,b")).json["scope"] == "a b"
    assert metadata(gated, "instance/service-accounts/default/identity").status == 400


# ---- STS, impersonation, tokeninfo ----


def test_exchange(gated):
    whole = exchange(gated).json
    assert whole["issued_token_type"] == TYPE + "access_token" and whole["token_type"] == "Bearer"
    info = form(gated, "/tokeninfo", access_token=whole["access_token"]).json
    assert info["sub"] == "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/subject/build-7"
    assert chat(gated, bearer(whole["access_token"])).status == 200


def unsigned(**claims):
    return subject({"alg": "none"}, **claims).rsplit(".", 1)[0] + "."


# What Google documents of a subject token that is a JWT; each breaks one thing.
@pytest.mark.parametrize("token_, said", [
    (lambda: "opaque", "could not be parsed"), (lambda: subject().rsplit(".", 1)[0], "could not be parsed"),
    (unsigned, "not signed with RS256 or ES256"), (lambda: subject({"alg": "HS256"}), "not signed with RS256 or ES256"),
    (lambda: subject().rsplit(".", 1)[0] + ".", "not signed"), (lambda: subject({"kid": ""}), "kid"),
    (lambda: subject(iss=None), "lacks a claim, or has it in another form: iss"), (lambda: subject(sub=None), "form: sub"),
    (lambda: subject(aud=None), "form: aud"), (lambda: subject(iat=None), "form: iat"), (lambda: subject(exp="soon"), "form: exp"),
    (lambda: subject(iss="ci@my-project.iam.gserviceaccount.com"), "is no https URL"),
    (lambda: subject(aud=POOL.replace("/ci", "/other")), "does not match the expected audience https:" + POOL),
    (lambda: subject(aud=["https:" + POOL + "2"]), "does not match the expected audience"),
    (lambda: subject(aud=[]), "does not match the expected audience"),
    (lambda: subject(exp=int(time.time()) - 1), "is expired"),
    (lambda: subject(exp=int(time.time()) + 48 * 3600), "less than 48 hours"),
    (lambda: subject(iat=int(time.time()) + 900, exp=int(time.time()) + 1800), "issued in the past"),
    (lambda: subject(iss="https://accounts.google.com"), "is not its issuer's"),
])
def test_a_subject_token_is_judged(gated, token_, said):
    answer = exchange(gated, subject_token=token_())
    assert answer.status == 400 and answer.json["error"] == "invalid_grant" and said in answer.json["error_description"]
    assert answer["x-dragoman-warning"] is None


@pytest.mark.parametrize("aud", [POOL, "https:" + POOL, ["x", POOL], "api://azure-ad", "https://gateway.example"])
def test_audiences_that_a_provider_may_take(gated, aud):
    answer = exchange(gated, subject_token=subject(aud=aud))
    assert answer.status == 200 and answer["x-dragoman-warning"].startswith("subject_token_unverified: ")


def test_a_token_of_our_own_is_verified(gated):
    own = metadata(gated, "instance/service-accounts/default/identity?audience=" + POOL).body.decode()
    answer = exchange(gated, subject_token=own, subject_token_type=TYPE + "id_token")
    assert answer.status == 200 and answer["x-dragoman-warning"] is None
    head, claims, signature = own.split(".")
    forged = ".".join([head, claims, ("A" if signature[0] != "A" else "B") + signature[1:]])
    assert "is not its issuer's" in exchange(gated, subject_token=forged).json["error_description"]
    other = metadata(gated, "instance/service-accounts/default/identity?audience=" + POOL + "2").body.decode()
    assert "expected audience" in exchange(gated, subject_token=other).json["error_description"]


def test_what_is_no_jwt_is_taken_and_said_so(gated):
    answer = exchange(gated, subject_token="%7B%22url%22%3A1%7D", subject_token_type="urn:ietf:params:aws:token-type:aws4_request")
    assert answer.status == 200 and answer["x-dragoman-warning"].startswith("subject_token_unverified: ")


@pytest.mark.parametrize("members, error", [
    ({"grant_type": "password"}, "unsupported_grant_type"), ({"audience": None}, "invalid_request"),
    ({"audience": "https://x"}, "invalid_request"), ({"scope": ""}, "invalid_scope"), ({"scope": "all of it"}, "invalid_scope"),
    ({"subject_token": "opaque"}, "invalid_grant"), ({"subject_token": None}, "invalid_grant"),
    ({"subject_token_type": "jwt"}, "invalid_request"), ({"requested_token_type": TYPE + "saml2"}, "invalid_request"),
    ({"subject_token": subject(sub="a", exp=1)}, "invalid_grant"),
])
def test_exchange_refused(gated, members, error):
    answer = exchange(gated, **members)
    assert answer.status == 400 and answer.json["error"] == error and answer.json["error_description"]


def test_impersonation(gated):
    def ask(verb, value=None, **body):
        headers = bearer(value) if value else {}
        return gated.ask(wire.request("POST", IAM + verb, json.dumps(body).encode(), headers))
    assert ask("generateAccessToken", scope=[SCOPE]).status == 401
    assert ask("generateAccessToken", "x", scope=[SCOPE]).json["error"]["status"] == "UNAUTHENTICATED"
    good = token(gated)
    whole = ask("generateAccessToken", good, scope=[SCOPE], lifetime="60s").json
    left = time.mktime(time.strptime(whole["expireTime"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())
    assert 55 <= left <= 60
    info = form(gated, "/tokeninfo", access_token=whole["accessToken"]).json
    assert info["email"] == "robot@my-project.iam.gserviceaccount.com" and 55 <= int(info["expires_in"]) <= 60
    assert chat(gated, bearer(whole["accessToken"])).status == 200
    for body in ({}, {"scope": []}, {"scope": "x"}, {"scope": [1]}, {"scope": [SCOPE], "lifetime": "7200s"}, {"scope": [SCOPE], "lifetime": 60}):
        assert ask("generateAccessToken", good, **body).status == 400, body
    assert len(ask("generateIdToken", good, audience="me").json["token"].split(".")) == 3
    assert ask("generateIdToken", good).status == 400
    assert ask("signBlob", good).status == 404


def test_tokeninfo_and_revoke(gated):
    good = token(gated)
    info = gated.get(f"/tokeninfo?access_token={good}").json
    assert info == form(gated, "/tokeninfo", access_token=good).json | {"expires_in": info["expires_in"]}
    asked = form(gated, "/tokeninfo", bearer(good))  # as Google's library for Node asks
    assert asked.status == 200 and asked.json == info | {"expires_in": asked.json["expires_in"]}
    assert form(gated, "/tokeninfo", bearer("ya29.x")).status == form(gated, "/tokeninfo").status == 400
    assert all(isinstance(value, str) for value in info.values()) and info["email_verified"] == "true"
    assert form(gated, "/revoke", token=good).status == 200
    answer = gated.get(f"/tokeninfo?access_token={good}")
    assert answer.status == 400 and answer.json == {"error": "invalid_token", "error_description": "Invalid Value"}
    assert chat(gated, bearer(good)).error["code"] == "invalid_token"
    assert form(gated, "/revoke", token=good).status == 400


# ---- the keeper, counts ----


def test_counts(start):
    daemon = start("auth.google=emulated", workers=2)
    for _ in range(5):
        token(daemon)
    form(daemon, "/token", grant_type="x")
    seen = daemon.get(identity.PAGE).json
    assert seen["/computeMetadata/v1/{id+}"] == {"answered": 5, "issued": 5, "refused": 0}
    assert seen["/token"] == {"answered": 1, "issued": 0, "refused": 1} and seen["keeper"] == daemon.keeper()
    assert daemon.ask(wire.request("DELETE", identity.PAGE)).status == 204
    assert identity.issued(daemon) == 0


def test_large_and_odd_bodies(gated):
    assert form(gated, "/token", assertion="x" * 70_000).status == 413
    for grant in ("", "urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token", "\x00", "%"):
        assert form(gated, "/token", grant_type=grant).status == 400
    for body in (b"", b"=", b"&&&", b"%zz", b"assertion", b"grant_type=urn%3aietf%3aparams%3aoauth%3agrant-type%3ajwt-bearer&assertion=a.b.c"):
        assert gated.ask(wire.request("POST", "/token", body)).status == 400, body
    assert gated.get("/token").status == 405


def test_nothing_of_a_token_is_logged(start):
    daemon = start("auth.google=emulated", "log.level=debug", "log.access=true")
    good = token(daemon)
    chat(daemon, bearer(good))
    daemon.get(f"/tokeninfo?access_token={good}")
    assert good[:40] not in daemon.log() and good[-40:] not in daemon.log()
