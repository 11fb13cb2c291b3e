# SPDX-License-Identifier: Apache-2.0
"""Google's own auth libraries, unmodified, against the emulated identity servers; and what they get is let in (L3)."""

import json
import pathlib
import subprocess
import sys
import time

import google.auth.jwt
import google.auth.transport.requests
import google.oauth2.credentials
import identity
import jwt
import pytest
from dragoman import BINARY, Daemon, environment
from google.auth import identity_pool, impersonated_credentials
from google.oauth2 import service_account
from identity import ACCOUNT, SCOPE, bearer
from node import MODULES, NODE

HERE = pathlib.Path(__file__).resolve().parent
ROBOT = "robot@my-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of the store that the daemon and `dragoman credentials create` have in common."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def gated(folder):
    running = Daemon("auth.google=emulated", f"store.path={folder}", workers=2).wait_ready()
    yield running
    running.stop()


def create(daemon, folder, name, file, *options):
    """`dragoman credentials create` beside a daemon that runs; returns what is in the file."""
    subprocess.run([BINARY, "credentials", "create", name, "--set", f"store.path={folder}", "--token-uri", daemon.url + "/token",
                    "--out", file, *options], check=True, env=environment(), stdout=subprocess.DEVNULL)
    return json.loads(file.read_text())


def ask_python(daemon, folder, **variables):
    """What adc.py printed, run where only these variables lead to credentials."""
    env = environment(**identity.variables(daemon, folder, **variables))
    done = subprocess.run([sys.executable, HERE / "python/adc.py", daemon.url], env=env, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ask_node(daemon, folder, **variables):
    env = environment(**identity.variables(daemon, folder, BASE_URL=daemon.url, NODE_MODULES=str(MODULES), **variables))
    done = subprocess.run([NODE, HERE / "node/adc.mjs"], env=env, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def federated(daemon, folder, **more):
    """A file of workload identity federation whose subject token stands in a file, as in CI."""
    subject = folder / "subject.jwt"
    subject.write_text(identity.subject(sub="build-7", exp=int(time.time()) + 600))
    file = folder / "federated.json"
    file.write_text(json.dumps({
        "type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": daemon.url + "/v1/token",
        "credential_source": {"file": str(subject)}, **more}))
    return str(file)


def impersonating(daemon):
    return {"service_account_impersonation_url": f"{daemon.url}/v1/projects/-/serviceAccounts/{ROBOT}:generateAccessToken"}


def whose(daemon, token):
    return identity.form(daemon, "/tokeninfo", access_token=token).json["sub"]


# ---- where an application runs ----


def test_python_on_the_metadata_server(gated, tmp_path):
    got = ask_python(gated, tmp_path)
    assert got["kind"] == "google.auth.compute_engine.credentials.Credentials" and got["valid"]
    assert (got["project"], got["email"]) == ("my-project", ACCOUNT) and "Rayleigh" in got["text"]


@pytest.fixture(scope="module")
def verifying(gated):
    """A gateway that lets in who shows Google's own tokens, and asks the other one, which stands for Google, whose they are."""
    running = Daemon("auth.google=verify", f"auth.verify.emails={ACCOUNT}", "auth.verify.audiences=" + ",".join(("https://me.example", ACCOUNT)),
                     f"auth.verify.jwks_url={gated.url}/oauth2/v3/certs", f"auth.verify.tokeninfo_url={gated.url}/tokeninfo").wait_ready()
    yield running
    running.stop()


def test_python_before_a_gateway_that_verifies(gated, verifying, tmp_path):
    env = environment(**identity.variables(gated, tmp_path))
    done = subprocess.run([sys.executable, HERE / "python/adc.py", verifying.url], env=env, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0 and "Rayleigh" in done.stdout, done.stderr


@pytest.mark.parametrize("audience, status", [("https://me.example", 0), ("https://other.example", 1)])
def test_an_id_token_of_google_auth(gated, verifying, tmp_path, audience, status):
    env = environment(**identity.variables(gated, tmp_path))
    done = subprocess.run([sys.executable, HERE / "python/idtoken.py", verifying.url, audience], env=env, timeout=60, capture_output=True, text=True)
    assert done.returncode == status and ("Rayleigh" in done.stdout or "AuthenticationError" in done.stderr), done.stderr


def test_node_on_the_metadata_server(gated, tmp_path):
    got = ask_node(gated, tmp_path)
    assert (got["kind"], got["project"], got["status"]) == ("Compute", "my-project", 200), got
    assert whose(gated, got["token"]) == ACCOUNT


@pytest.mark.parametrize("ask", [ask_python, ask_node])
def test_federated(gated, tmp_path, ask):
    got = ask(gated, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=federated(gated, tmp_path), GOOGLE_CLOUD_PROJECT="my-project")
    assert got["kind"] in ("google.auth.identity_pool.Credentials", "IdentityPoolClient") and "Rayleigh" in got["text"]
    assert whose(gated, got["token"]).endswith("/workloadIdentityPools/pool/subject/build-7")


@pytest.mark.parametrize("ask", [ask_python, ask_node])
def test_federated_and_impersonating(gated, tmp_path, ask):
    file = federated(gated, tmp_path, **impersonating(gated))
    got = ask(gated, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=file, GOOGLE_CLOUD_PROJECT="my-project")
    assert whose(gated, got["token"]) == ROBOT and "Rayleigh" in got["text"]


def test_federated_refused(gated, tmp_path):
    file = json.loads(pathlib.Path(federated(gated, tmp_path)).read_text()) | {"audience": "//other"}
    credentials = identity_pool.Credentials.from_info(file, scopes=[SCOPE])
    with pytest.raises(google.auth.exceptions.OAuthError, match="invalid_request"):
        credentials.refresh(google.auth.transport.requests.Request())


# ---- service accounts ----


def test_a_service_account_made_while_the_daemon_runs(gated, folder, tmp_path):
    file = tmp_path / "ci.json"
    info = create(gated, folder, "ci", file)
    assert file.stat().st_mode & 0o777 == 0o600 and info["token_uri"] == gated.url + "/token"
    got = ask_python(gated, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=str(file))
    assert got["kind"] == "google.oauth2.service_account.Credentials" and got["valid"] and "Rayleigh" in got["text"]
    assert (got["project"], got["email"]) == ("my-project", "ci@my-project.iam.gserviceaccount.com")
    assert whose(gated, got["token"]) == got["email"]
    info = service_account.Credentials.from_service_account_info(info)  # no scopes: the token server has nothing to give
    with pytest.raises(google.auth.exceptions.RefreshError, match="invalid_scope: Invalid OAuth scope or ID token audience provided."):
        info.refresh(google.auth.transport.requests.Request())


def test_a_new_key_replaces_the_old_one_and_a_restart_knows_it(gated, folder, tmp_path, start):
    old, new = (create(gated, folder, "robot", tmp_path / f"{name}.json") for name in ("old", "new"))
    def refresh(info, daemon):
        credentials = service_account.Credentials.from_service_account_info(info | {"token_uri": daemon.url + "/token"}, scopes=[SCOPE])
        credentials.refresh(google.auth.transport.requests.Request())
        return credentials.token
    with pytest.raises(google.auth.exceptions.RefreshError, match="invalid_grant: Invalid JWT Signature."):
        refresh(old, gated)
    again = start("auth.google=emulated", f"store.path={folder}")
    assert gated.chat(headers=bearer(refresh(new, again))).status == 200  # the same seed, the same account
    stranger = {**new, "client_email": "nobody@my-project.iam.gserviceaccount.com"}
    with pytest.raises(google.auth.exceptions.RefreshError, match="invalid_grant: Invalid grant: account not found"):
        refresh(stranger, gated)


def test_pyjwts_tokens_are_verified(gated, folder, tmp_path):
    info = create(gated, folder, "pyjwt", tmp_path / "pyjwt.json")
    now = int(time.time())
    claims = {"iss": info["client_email"], "scope": SCOPE, "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 3600}
    def ask(assertion):
        answer = identity.form(gated, "/token", grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=assertion)
        return answer.json.get("error_description", answer.status)
    assert ask(jwt.encode(claims, info["private_key"], algorithm="RS256")) == 200
    assert ask(jwt.encode(claims, info["private_key"], algorithm="RS256", headers={"kid": info["private_key_id"]})) == 200
    for other in ("RS384", "RS512", "PS256"):
        assert ask(jwt.encode(claims, info["private_key"], algorithm=other)) == "Invalid JWT Signature.", other
    assert ask(jwt.encode(claims, None, algorithm="none")) == "Invalid JWT Signature."
    assert ask(jwt.encode(claims, "k" * 64, algorithm="HS256")) == "Invalid JWT Signature."
    assert ask(jwt.encode(claims | {"pad": "x" * 20_000}, info["private_key"], algorithm="RS256")) == "Bad Request"


# ---- JWTs that accounts sign themselves (google.md 7.3) ----


def test_google_auth_signs_itself(gated, folder, tmp_path):
    info = create(gated, folder, "own", tmp_path / "own.json")
    before = identity.issued(gated, "/token")
    request = google.auth.transport.requests.Request()
    by_scope = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE], always_use_jwt_access=True)
    by_scope.refresh(request)
    by_audience = google.auth.jwt.Credentials.from_service_account_info(info, audience="https://us-central1-aiplatform.googleapis.com/")
    by_audience.refresh(request)
    for credentials in (by_scope, by_audience):
        said = credentials.token if isinstance(credentials.token, str) else credentials.token.decode()
        assert said.count(".") == 2
        assert [gated.chat(headers=bearer(said)).status for _ in range(4)] == [200] * 4
    assert identity.issued(gated, "/token") == before
    identity.revoke(gated, account=info["client_email"])
    assert [gated.chat(headers=bearer(said)).error["code"] for _ in range(4)] == ["invalid_token"] * 4


def test_self_signed_ones_that_are_refused(gated, folder, tmp_path):
    info = create(gated, folder, "selfsigned", tmp_path / "a.json")
    other = create(gated, folder, "othersigned", tmp_path / "b.json")
    now = int(time.time())
    good = {"iss": info["client_email"], "sub": info["client_email"], "aud": "https://aiplatform.googleapis.com/", "iat": now, "exp": now + 3600}
    def ask(claims, key=info["private_key"], algorithm="RS256", **more):
        answer = gated.chat(headers=bearer(jwt.encode(claims, key, algorithm=algorithm, **more)))
        return answer.status, answer.status != 200 and answer.error["code"]
    assert ask(good) == (200, False) == ask(good, headers={"kid": info["private_key_id"]})
    invalid = (401, "invalid_token")
    assert ask(good, other["private_key"]) == ask(good, None, "none") == ask(good, "k" * 64, "HS256") == invalid
    assert ask(good, headers={"kid": other["private_key_id"]}) == ask(good, algorithm="RS512") == invalid
    assert ask(good | {"iss": "nobody@x", "sub": "nobody@x"}) == ask(good | {"sub": "jane@example.com"}) == invalid
    assert ask(good | {"iss": other["client_email"], "sub": other["client_email"]}) == invalid
    assert ask(good | {"aud": "https://oauth2.googleapis.com/token"}) == ask(good | {"exp": now + 7200}) == invalid
    assert ask(good | {"iss": "x" * 9000, "sub": "x" * 9000}) == ask(good | {"pad": "x" * 20_000}) == invalid
    assert ask(good | {"iat": now - 3700, "exp": now - 100}) == (401, "token_expired")
    del good["aud"]
    assert ask(good) == invalid and ask(good | {"scope": SCOPE}) == (200, False)
    assert ask(good | {"scope": "https://www.googleapis.com/auth/drive"}) == (403, "insufficient_scope")
    answer = gated.chat(headers=bearer(jwt.encode(good, other["private_key"], algorithm="RS256")))
    assert answer["www-authenticate"] == 'Bearer realm="https://accounts.google.com/", error="invalid_token"'


@pytest.mark.parametrize("words, said", [
    (["credentials", "create"], "NAME"), (["credentials", "create", "A"], "NAME"), (["credentials", "create", "a", "b"], 'unexpected "b"'),
    (["credentials", "create", "a"], "store.path is not set"), (["credentials", "make"], "credentials create"),
    (["credentials", "create", "a", "--user", "--out", "/nowhere/a.json"], "No such file"),
])
def test_credentials_that_can_not_be_made(words, said, tmp_path):
    done = subprocess.run([BINARY, *words], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode in (1, 2, 3) and said in done.stderr and list(tmp_path.iterdir()) == [], done.stderr


def test_a_file_that_is_there_stays(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("mine")
    done = subprocess.run([BINARY, "credentials", "create", "a", "--user"], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1 and "File exists" in done.stderr and file.read_text() == "mine"


# ---- users ----


def test_a_user(gated, tmp_path):
    file = tmp_path / "user.json"
    info = create(gated, tmp_path, "jane", file, "--user")
    assert file.stat().st_mode & 0o777 == 0o600
    def credentials(**more):
        known = {k: info[k] for k in ("refresh_token", "client_id", "client_secret", "token_uri")}
        return google.oauth2.credentials.Credentials(None, scopes=[SCOPE], **(known | more))
    request = google.auth.transport.requests.Request()
    user = credentials()
    user.refresh(request)
    assert whose(gated, user.token) == "jane@example.com" and gated.chat(headers=bearer(user.token)).status == 200
    for more, error in (({"client_secret": "x"}, "invalid_client"), ({"client_id": "x"}, "invalid_client"), ({"refresh_token": "x"}, "invalid_grant")):
        with pytest.raises(google.auth.exceptions.RefreshError, match=error):
            credentials(**more).refresh(request)
    identity.revoke(gated, token=info["refresh_token"])
    with pytest.raises(google.auth.exceptions.RefreshError, match="Token has been expired or revoked"):
        user.refresh(request)


def test_impersonating_from_the_metadata_server(gated):
    source = google.oauth2.credentials.Credentials(identity.token(gated))
    url = f"{gated.url}/v1/projects/-/serviceAccounts/{ROBOT}:generateAccessToken"
    robot = impersonated_credentials.Credentials(source, ROBOT, [SCOPE], lifetime=60, iam_endpoint_override=url)
    robot.refresh(google.auth.transport.requests.Request())
    assert whose(gated, robot.token) == ROBOT and gated.chat(headers=bearer(robot.token)).status == 200


# ---- ID tokens ----


def test_id_tokens_are_verified_by_pyjwt(gated):
    raw = identity.metadata(gated, "instance/service-accounts/default/identity?audience=https://app.example").body.decode()
    keys = jwt.PyJWKSet.from_dict(gated.get("/oauth2/v3/certs").json)
    key = keys[jwt.get_unverified_header(raw)["kid"]]
    claims = jwt.decode(raw, key, algorithms=["RS256"], audience="https://app.example", issuer="https://accounts.google.com")
    assert claims["email"] == ACCOUNT and claims["exp"] - claims["iat"] == 3600
    with pytest.raises(jwt.InvalidSignatureError):
        head, body, signature = raw.split(".")
        signature = signature[:50] + ("A" if signature[50] != "A" else "B") + signature[51:]
        jwt.decode(".".join((head, body, signature)), key, algorithms=["RS256"], audience="https://app.example")
