# SPDX-License-Identifier: Apache-2.0
"""Google's credentials behind a Dragoman, each kind against identity servers over HTTP and TLS (user-pain H1, H5)."""

import json
import subprocess
import sys
import time

import identity
import jwt
import pki
import pytest
import tokens
from dragoman import BINARY, environment
from proxy import Proxy
from tokens import ROBOT, TYPE, create, federated, write
from upstream import Upstream, configuration


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A Dragoman that asks for tokens, and hands them out; and the folder of its store and of key files."""
    from dragoman import Daemon
    folder = tmp_path_factory.mktemp("world")
    running = Daemon("auth.google=emulated", f"store.path={folder / 'store'}").wait_ready()
    yield running, folder
    running.stop()


def works(front):
    assert front.chat().status == 200
    assert front.chat(stream=True).status == 200


# ---- each kind ----


def test_a_service_accounts_key(world, gateway, tmp_path):
    behind, folder = world
    before = identity.issued(behind, "/token")
    front = gateway(behind.url, create(behind.url, folder), workers=2)
    works(front)
    assert identity.issued(behind, "/token") == before + 1
    assert f"an access token of a service account's key, {ROBOT}" in front.log()


def test_a_user(world, gateway):
    behind, folder = world
    front = gateway(behind.url, create(behind.url, folder, "ada", "--user"))
    works(front)
    assert "a user's credentials, ada@example.com" in front.log()


def test_a_service_account_is_impersonated(world, gateway, tmp_path):
    behind, folder = world
    source = json.loads(create(behind.url, folder, "ben", "--user").read_text())
    file = write(tmp_path / "as.json", type="impersonated_service_account", source_credentials=source,
                 service_account_impersonation_url=behind.url + tokens.IAM, delegates=[])
    front = gateway(behind.url, file)
    works(front)
    assert f"an impersonated service account, {ROBOT}" in front.log()


@pytest.mark.parametrize("impersonated", [False, True], ids=["itself", "impersonating"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_federated_identity_of_a_file(world, gateway, tmp_path, form, impersonated):
    behind, _ = world
    subject = identity.subject(sub="build-7", exp=int(time.time()) + 600)
    told = tmp_path / "subject"
    told.write_text(subject + "\n" if form == "text" else json.dumps({"value": subject}))
    shape = {"type": "text"} if form == "text" else {"type": "json", "subject_token_field_name": "value"}
    file = write(tmp_path / "ci.json", **federated(behind.url, {"file": str(told), "format": shape}, impersonated))
    works(gateway(behind.url, file))


def test_a_federated_identity_of_a_url(world, gateway, tmp_path):
    behind, _ = world
    asked = []

    def behave(peer):
        while request := peer.request():
            asked.append(request)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(subject), subject))

    subject = identity.subject(sub="vm-3", exp=int(time.time()) + 600).encode()
    server = Upstream(behave)
    file = write(tmp_path / "vm.json", **federated(behind.url, {"url": server.url + "/metadata?x=1", "headers": {"Metadata": "True"}}))
    works(gateway(behind.url, file))
    server.close()
    assert asked[0].path == "/metadata?x=1" and asked[0].headers["metadata"] == "True"


PROGRAM = """
import json, os, sys
assert sys.argv[1:] == ["one", "two three"], sys.argv
said = {k: v for k, v in os.environ.items() if k.startswith("GOOGLE_EXTERNAL_ACCOUNT_")}
open(os.environ["SEEN"], "w").write(json.dumps(said))
print(json.dumps({"version": 1, "success": True, "token_type": "urn:ietf:params:oauth:token-type:jwt",
                  "id_token": os.environ["SUBJECT"], "expiration_time": 4000000000}))
"""


def program(tmp_path, url, text=PROGRAM, **executable):
    script = tmp_path / "program.py"
    script.write_text(text)
    command = f"{sys.executable} {script} one 'two three'"
    return write(tmp_path / "program.json", **federated(url, {"executable": {"command": command, **executable}}, True))


def test_a_federated_identity_of_a_program(world, gateway, tmp_path):
    behind, _ = world
    env = {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1", "SEEN": str(tmp_path / "seen"),
           "SUBJECT": identity.subject(sub="host-1", exp=int(time.time()) + 600)}
    works(gateway(behind.url, program(tmp_path, behind.url, timeout_millis=20000), env=env))
    seen = json.loads((tmp_path / "seen").read_text())
    assert seen["GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE"] == tokens.POOL and seen["GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE"] == "0"
    assert seen["GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE"] == TYPE + "jwt" and seen["GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL"] == ROBOT


def test_what_a_program_left_is_read_first(world, gateway, tmp_path):
    behind, _ = world
    left = write(tmp_path / "left", version=1, success=True, token_type=TYPE + "id_token", expiration_time=4000000000,
                 id_token=identity.subject(sub="host-1", exp=int(time.time()) + 600))
    env = {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"}
    works(gateway(behind.url, program(tmp_path, behind.url, "raise SystemExit(3)", output_file=str(left)), env=env))


@pytest.mark.parametrize("text, allow, said", [
    (PROGRAM, "0", "only where GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES is 1"),
    ("raise SystemExit(3)", "1", "ended with 3"),
    ("print('hello')", "1", "is no JSON object"),
    ("print('{\"version\": 1, \"success\": false, \"code\": \"401\", \"message\": \"no\"}')", "1", "says that there is no token"),
    ("print('{\"version\": 2}')", "1", "version"),
    ("import os; os.kill(os.getpid(), 9)", "1", "died of signal 9")], ids=["forbidden", "fails", "chatters", "refuses", "newer", "dies"])
def test_a_program_that_gives_none(world, gateway, tmp_path, text, allow, said):
    behind, _ = world
    front = gateway(behind.url, program(tmp_path, behind.url, text), env={"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": allow})
    answer = front.chat()
    assert answer.status in (502, 503) and said in answer.error["message"]


def aws(url, metadata, **source):
    return federated(url, {"environment_id": "aws1", "regional_cred_verification_url":
                           "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
                           "region_url": metadata + "/zone", "url": metadata + "/keys", **source},
                     subject_token_type="urn:ietf:params:aws:token-type:aws4_request")


def check_signed(subject, key, secret, session, region):
    """The signed request is what google-auth's own signer makes of the same keys at the same time."""
    import datetime
    import urllib.parse
    from unittest import mock

    from google.auth import _helpers
    from google.auth.aws import AwsSecurityCredentials, RequestSigner
    signed = json.loads(urllib.parse.unquote(subject))
    headers = {h["key"]: h["value"] for h in signed["headers"]}
    then = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    with mock.patch.object(_helpers, "utcnow", return_value=then):
        wanted = RequestSigner(region).get_request_options(AwsSecurityCredentials(key, secret, session), signed["url"], "POST")
    assert headers.pop("x-goog-cloud-target-resource") == tokens.POOL
    assert headers == wanted["headers"] and signed["method"] == "POST"


@pytest.mark.parametrize("region", ["AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.parametrize("session", [None, "a-session+token/of=aws"])
def test_aws_by_variables(gateway, tmp_path, session, region):
    sts = tokens.Issuer()
    server = Upstream(tokens.guarded(sts))
    file = write(tmp_path / "aws.json", **aws(sts.url, "http://127.0.0.1:1"))
    env = {region: "eu-west-3", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
    if region == "AWS_REGION":
        env["AWS_DEFAULT_REGION"] = "us-west-1"  # the other goes before it
    works(gateway(server.url, file, env=env | ({"AWS_SESSION_TOKEN": session} if session else {})))
    check_signed(sts.forms[0]["subject_token"], "AKIDEXAMPLE", env["AWS_SECRET_ACCESS_KEY"], session, "eu-west-3")
    server.close()
    sts.close()


def test_aws_by_its_metadata_server(gateway, tmp_path):
    sts = tokens.Issuer()
    server = Upstream(tokens.guarded(sts))
    pages = {"/session": b"the-session", "/zone": b"us-east-2b\n", "/keys": b"role one\n",
             "/keys/role%20one": json.dumps({"AccessKeyId": "AKID", "SecretAccessKey": "a-secret-key", "Token": "a-token"}).encode()}
    asked = []

    def behave(peer):
        while request := peer.request():
            asked.append((request.line, request.headers.get("x-aws-ec2-metadata-token")))
            body = pages[request.path]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    metadata = Upstream(behave)
    file = write(tmp_path / "aws.json", **aws(sts.url, metadata.url, imdsv2_session_token_url=metadata.url + "/session"))
    works(gateway(server.url, file))
    check_signed(sts.forms[0]["subject_token"], "AKID", "a-secret-key", "a-token", "us-east-2")
    assert asked[0][0].startswith("PUT /session") and {seen for _, seen in asked[1:]} == {"the-session"}
    for one in (metadata, server, sts):
        one.close()


def test_a_workforce_user(gateway, tmp_path):
    sts = tokens.Issuer()
    server = Upstream(tokens.guarded(sts))
    file = write(tmp_path / "workforce.json", type="external_account_authorized_user", audience=tokens.POOL, client_id="me",
                 client_secret="a-long-secret", refresh_token="a-refresh-token", token_url=sts.url + "/v1/oauthtoken")
    works(gateway(server.url, file))
    assert sts.forms[0] == {"grant_type": "refresh_token", "refresh_token": "a-refresh-token"}
    assert sts.server.requests[0].headers["authorization"] == "Basic bWU6YS1sb25nLXNlY3JldA=="
    server.close()
    sts.close()


@pytest.mark.parametrize("variable", ["GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"])
@pytest.mark.parametrize("credentials", ["metadata", "adc"])
def test_a_machine(world, gateway, credentials, variable):
    behind, _ = world
    front = gateway(behind.url, credentials, env={variable: f"127.0.0.1:{behind.port}"})
    works(front)
    assert "the machine's service account, " + identity.ACCOUNT in front.log()


def test_the_order_of_a_machines_variables(world, gateway):
    behind, _ = world
    names = ("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP")
    for i in range(2):
        others = dict.fromkeys(names[i + 1:], "127.0.0.1:1")
        works(gateway(behind.url, "metadata", env={names[i]: f"127.0.0.1:{behind.port}", **others}))


def test_a_machine_that_is_asked_with_tls_alone(world, gateway):
    behind, _ = world
    env = {"GCE_METADATA_HOST": f"127.0.0.1:{behind.port}", "GCE_METADATA_MTLS_MODE": "strict"}
    answer = gateway(behind.url, "metadata", env=env).chat()
    assert answer.status == 502 and "GCE_METADATA_MTLS_MODE is strict" in answer.error["message"]
    works(gateway(behind.url, "metadata", env=env | {"GCE_METADATA_MTLS_MODE": "default"}))


# ---- where they are found ----


def test_the_order_of_default_credentials(world, gateway, tmp_path):
    """A file that is named goes before gcloud's, and that before the machine (google.md 7.1)."""
    behind, folder = world
    named, left = create(behind.url, folder, "named", "--user"), create(behind.url, folder, "left", "--user")
    home = tmp_path / "gcloud"
    home.mkdir()
    (home / "application_default_credentials.json").write_text(left.read_text())
    machine = {"GCE_METADATA_IP": f"127.0.0.1:{behind.port}"}
    for env, who in (({"GOOGLE_APPLICATION_CREDENTIALS": str(named), "CLOUDSDK_CONFIG": str(home)}, "named@example.com"),
                     ({"CLOUDSDK_CONFIG": str(home)}, "left@example.com"), ({}, identity.ACCOUNT)):
        front = gateway(behind.url, "adc", env=machine | env)
        works(front)
        assert who in front.log(), env


def test_a_home_without_a_variable(world, gateway, tmp_path):
    behind, folder = world
    home = tmp_path / "me"
    (home / ".config/gcloud").mkdir(parents=True)
    (home / ".config/gcloud/application_default_credentials.json").write_text(create(behind.url, folder, "homely", "--user").read_text())
    works(gateway(behind.url, "adc", env={"HOME": str(home), "CLOUDSDK_CONFIG": ""}))


def test_a_named_file_that_is_missing_is_no_reason_to_look_elsewhere(world, gateway):
    behind, _ = world
    front = gateway(behind.url, "adc", env={"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json", "GCE_METADATA_HOST": f"127.0.0.1:{behind.port}"})
    answer = front.chat()
    assert answer.status == 503 and "/nowhere/key.json can not be read: No such file" in answer.error["message"]


def test_nowhere(world, gateway):
    answer = gateway(world[0].url, "adc").chat()
    assert answer.status == 502 and answer.error["code"] == "credentials_refused" and "NO_GCE_CHECK" in answer.error["message"]


# ---- over TLS, as the real ones are ----


@pytest.mark.parametrize("trusted", [True, False])
def test_over_tls(gateway, tmp_path, trusted):
    issuer = tokens.Issuer(tls=pki.server())
    server = Upstream(tokens.guarded(issuer), tls=pki.server())
    front = gateway(server.url, tokens.user(tmp_path, issuer.url), ca=str(pki.authority()),
                    env={"SSL_CERT_FILE": str(pki.authority())} if trusted else {})
    answer = front.chat()
    assert answer.status == (200 if trusted else 503), answer.body
    if not trusted:
        assert "certificate" in answer.error["message"] and issuer.url in answer.error["message"]
    server.close()
    issuer.close()


# ---- behind a proxy (user-pain J13) ----


@pytest.mark.parametrize("whose", ["the environment's", "the upstream's"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_token_server_behind_a_proxy(gateway, tmp_path, tls, whose):
    """By a name that the proxy alone knows; over a tunnel where it is asked over TLS."""
    issuer, proxy = tokens.Issuer(tls=pki.server() if tls else None), Proxy()
    server = Upstream(tokens.guarded(issuer), tls=pki.server())
    url = issuer.url.replace("127.0.0.1", "upstream.test")
    env = {"SSL_CERT_FILE": str(pki.authority())}
    if whose == "the environment's":
        env |= {"HTTPS_PROXY" if tls else "HTTP_PROXY": proxy.url, "NO_PROXY": "127.0.0.1"}
    own = {"proxy": proxy.url} if whose == "the upstream's" else {}
    works(gateway(server.url, tokens.user(tmp_path, url), env=env, ca=str(pki.authority()), **own))
    lines = [request.line for request in proxy.requests]
    port = url.rsplit(":", 1)[1]
    assert lines.count(f"CONNECT upstream.test:{port} HTTP/1.1" if tls else f"POST {url}/token HTTP/1.1") == 1, lines
    assert issuer.issued == 1 and ("CONNECT 127.0.0.1" in str(lines)) == bool(own)
    for one in (server, issuer, proxy):
        one.close()


def test_a_proxy_that_is_not_there_is_told(gateway, tmp_path):
    file = tokens.user(tmp_path, "http://upstream.test:81")
    answer = gateway("http://127.0.0.1:1", file, env={"HTTP_PROXY": "http://127.0.0.1:1"}).chat()
    assert answer.status == 503 and "http://upstream.test:81/token" in answer.error["message"]
    assert "proxy" in answer.error["message"], answer.error["message"]


def test_metadata_servers_are_asked_directly(world, gateway):
    """Though the proxy alone would know the name."""
    behind, _ = world
    proxy = Proxy()
    env = {"GCE_METADATA_HOST": f"upstream.test:{behind.port}", "HTTP_PROXY": proxy.url}
    answer = gateway("http://127.0.0.1:1", "metadata", env=env).chat()
    assert answer.status in (502, 503) and "upstream.test" in answer.error["message"] and proxy.requests == []
    proxy.close()


# ---- what goes along ----


@pytest.mark.parametrize("env, project", [
    ({}, "my-project"), ({"GCLOUD_PROJECT": "old"}, "old"), ({"GOOGLE_CLOUD_PROJECT": "new", "GCLOUD_PROJECT": "old"}, "new")],
    ids=["the credentials'", "GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT"])
def test_project(world, gateway, env, project):
    """Where neither the upstream nor the path names one; before that of the credentials."""
    behind, folder = world
    server = Upstream()
    front = gateway(server.url, create(behind.url, folder, f"of-{project}"), env=env, project=None)
    works(front)
    assert f"/projects/{project}/" in server.requests[-1].path
    front.chat(path="/v1/projects/paths/locations/us-central1/endpoints/openapi/chat/completions")
    assert "/projects/paths/" in server.requests[-1].path
    server.close()


def test_quota_project(gateway, tmp_path):
    issuer = tokens.Issuer()
    server = Upstream(tokens.guarded(issuer))
    file = tokens.user(tmp_path, issuer.url, quota_project_id="payer")
    works(gateway(server.url, file))
    assert server.requests[-1].headers["x-goog-user-project"] == "payer"
    works(gateway(server.url, file, env={"GOOGLE_CLOUD_QUOTA_PROJECT": "other"}))
    assert server.requests[-1].headers["x-goog-user-project"] == "other"
    server.close()
    issuer.close()


def test_another_universe_gets_a_jwt_that_says_itself(gateway, tmp_path, world):
    """No token server is asked there; what is sent is verified by PyJWT."""
    behind, folder = world
    key = json.loads(create(behind.url, folder, "far").read_text()) | {"universe_domain": "example.cloud", "token_uri": "http://127.0.0.1:1/token"}
    file = write(tmp_path / "far.json", **key)
    server = Upstream()
    works(gateway(server.url, file))
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    public = load_pem_private_key(key["private_key"].encode(), None).public_key()
    token = server.requests[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, public, algorithms=["RS256"])
    assert claims["iss"] == claims["sub"] == key["client_email"] and claims["scope"] == identity.SCOPE
    assert claims["exp"] == claims["iat"] + 3600 and "aud" not in claims
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": key["private_key_id"], "typ": "JWT"}
    server.close()


def test_our_assertion_by_pyjwt(gateway, tmp_path, world):
    behind, folder = world
    issuer = tokens.Issuer()
    server = Upstream(tokens.guarded(issuer))
    key = json.loads(create(behind.url, folder, "near").read_text()) | {"token_uri": issuer.url + "/token"}
    works(gateway(server.url, write(tmp_path / "near.json", **key)))
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    public = load_pem_private_key(key["private_key"].encode(), None).public_key()
    claims = jwt.decode(issuer.forms[0]["assertion"], public, algorithms=["RS256"], audience="https://oauth2.googleapis.com/token")
    assert claims["iss"] == key["client_email"] and issuer.forms[0]["grant_type"].endswith(":jwt-bearer")
    server.close()
    issuer.close()


# ---- wrong ones are told in a sentence ----


@pytest.mark.parametrize("text, said", [
    ("", "is empty"), ("AIzaSyA-an-api-key-that-nobody-should-see", "holds an API key, which goes into the configuration"),
    ("ya29.a-token-that-nobody-should-see", "holds an access token"), ("-----BEGIN PRIVATE KEY-----\n", "holds a private key alone"),
    ("hello", "is no JSON object"), ("[]", "is no JSON object"), ("{}", 'has no "type"'), ('{"installed": {}}', "is an OAuth client's file"),
    ('{"type": "gdch_service_account"}', "Distributed Cloud"), ('{"type": "x"}', 'has the type "x"'),
    ('{"type": "authorized_user"}', 'has no "client_id"'), ('{"type": "external_account", "audience": "a", "subject_token_type": "t"}',
                                                           "credential_source"),
    ('{"type": "service_account", "client_email": "a@b", "private_key": "secret-key-text", "token_uri": "http://h/t"}', '"private_key" that is neither one of RSA')],
                         ids=lambda text: text[:6])  # what is no secret of them
def test_a_file_that_is_none(gateway, tmp_path, text, said):
    file = tmp_path / "wrong.json"
    file.write_text(text)
    front = gateway("http://127.0.0.1:1", file)
    answer = front.chat()
    assert answer.status == 502 and said in answer.error["message"] and str(file)[:60] in answer.error["message"]
    assert "nobody-should-see" not in answer.body.decode() + front.log() and "secret-key-text" not in answer.body.decode() + front.log()


def test_a_refusal_keeps_its_words_and_loses_secrets(gateway, tmp_path):
    issuer = tokens.Issuer()
    file = tokens.user(tmp_path, issuer.url)
    secrets = json.loads(file.read_text())
    issuer.refusal = (400, {"error": "invalid_grant", "error_description":
                            f"Token {secrets['refresh_token']} of {secrets['client_secret']} has been expired or revoked."})
    front = gateway("http://127.0.0.1:1", file, "log.level=debug")
    answer = front.chat()
    assert answer.status == 502 and answer.error["code"] == "credentials_refused"
    assert "answered 400 invalid_grant: Token *** of *** has been expired or revoked." in answer.error["message"]
    for secret in (secrets["refresh_token"], secrets["client_secret"]):
        assert secret not in answer.body.decode() + front.log()
    issuer.close()


# ---- commands ----


def dragoman(*args, **env):
    done = subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=60, env=environment(HOME="/nowhere", NO_GCE_CHECK="true", **env))
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def test_token_prints_one(world, tmp_path):
    behind, folder = world
    file = create(behind.url, folder, "prints")
    done = dragoman("token", GOOGLE_APPLICATION_CREDENTIALS=str(file))
    assert done.returncode == 0 and done.stderr == ""
    assert behind.chat(headers=identity.bearer(done.stdout.strip())).status == 200
    config = configuration(tmp_path, behind.url, credentials={"file": str(file)})
    assert dragoman("token", "back", "--config", str(config)).stdout.startswith("ya29.")
    done = dragoman("token", "other", "--config", str(config))
    assert done.returncode == 1 and "no upstream of that name" in done.stderr and done.stdout == ""
    done = dragoman("token", GOOGLE_APPLICATION_CREDENTIALS="/nowhere.json")
    assert done.returncode == 1 and "/nowhere.json can not be read" in done.stderr and done.stdout == ""


def test_check_says_who_we_are(world, tmp_path):
    behind, folder = world
    file = create(behind.url, folder, "checks")
    config = configuration(tmp_path, behind.url, credentials={"file": str(file)}, project="p", locations=["eu", "us"])
    before = len(behind.get("/_dragoman/emulator").json["requests"])
    done = dragoman("check", "--config", str(config))
    line, ok = done.stdout.splitlines()
    assert ok == "ok" and done.returncode == 0
    assert line.startswith(f"back: a service account's key, checks@my-project.iam.gserviceaccount.com ({file}), project p, locations eu us, a token for 359")
    assert len(behind.get("/_dragoman/emulator").json["requests"]) == before  # no call that costs anything
    assert dragoman("check", "--offline", "--config", str(config)).stdout == "ok\n"
    file.write_text("{}")
    done = dragoman("check", "--config", str(config))
    assert done.returncode == 1 and done.stdout == "" and f'upstreams.back: The file of credentials {file} has no "type"' in done.stderr
