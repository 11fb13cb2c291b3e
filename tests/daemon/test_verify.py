# SPDX-License-Identifier: Apache-2.0
"""auth.google=verify: Google's own tokens in front, judged by Google's keys and tokeninfo (user-pain H6)."""

import concurrent.futures
import os
import signal
import time

import identity
import pytest
import verifying
import wire
from dragoman import Daemon
from identity import bearer
from keyring import Keyring
from verifying import AUDIENCE, CLIENT, JANE, ROBOT, id_token
from waiting import wait_for

REALM = 'Bearer realm="https://accounts.google.com/"'


@pytest.fixture
def google():
    one = verifying.Google()
    yield one
    one.close()


@pytest.fixture
def gate(start, google):
    """gate(emails=..., workers=4): a gateway that asks `google`."""
    def start_one(*settings, workers=1, **rules):
        return start(*google.settings(**rules), "log.access=true", *settings, workers=workers)
    return start_one


def ask(daemon, token, **headers):
    return daemon.chat(headers=bearer(token) | headers)


def code(answer):
    return answer.status, answer.error["code"] if answer.status != 200 else None


def ask_at_once(daemon, tokens, threads=20):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return [answer.status for answer in pool.map(lambda token: ask(daemon, token), tokens)]


# ---- who may come in ----


@pytest.mark.parametrize("rules, may, may_not", [
    ({"emails": JANE}, {"email": "Jane@Example.com"}, {"email": "joe@example.com"}),
    ({"emails": JANE}, {}, {"email_verified": False}),
    ({"emails": JANE}, {}, {"email": None}),
    ({"emails": f"x@y.z,{ROBOT}"}, {"email": ROBOT, "hd": None}, {}),
    ({"domains": "example.com"}, {"email": "joe@example.com"}, {"email": "joe@sub.example.com"}),
    ({"domains": "example.com"}, {}, {"email": "joe@example.com@evil.test"}),
    ({"domains": "example.com", "emails": "joe@x.test"}, {"email": "joe@x.test"}, {"email": "jane@x.test"}),
    ({"domains": "my-project.iam.gserviceaccount.com"}, {"email": ROBOT, "hd": None}, {"email": "robot@other.iam.gserviceaccount.com"}),
], ids=str)
def test_by_address_and_domain(gate, google, rules, may, may_not):
    daemon = gate(audiences=f"{AUDIENCE},{CLIENT}", **rules)
    for make in (google.access_token, id_token):
        assert code(ask(daemon, make(**may))) == (200, None), make
        assert code(ask(daemon, make(**may_not))) == (403, "not_allowed"), make
    name = may.get("email", JANE).lower()
    assert f"who={name}" in daemon.log()


def test_by_audience(gate, google):
    """Whoever has a service account can have an ID token made for any audience: it lets in those alone to whom it was given."""
    daemon = gate(audiences=f"{AUDIENCE},{CLIENT},104")
    assert code(ask(daemon, google.access_token())) == (200, None)
    assert code(ask(daemon, google.access_token(aud="104", azp="104", sub=None, email=None, email_verified=None))) == (200, None)
    assert code(ask(daemon, google.access_token(aud="other"))) == (403, "not_allowed")
    assert code(ask(daemon, id_token())) == (200, None)
    assert code(ask(daemon, id_token(azp="104", email=ROBOT))) == (200, None)
    assert code(ask(daemon, id_token(azp="666", email=ROBOT))) == (403, "not_allowed")
    assert code(ask(daemon, id_token(azp=None))) == (403, "not_allowed")
    assert code(ask(daemon, id_token(aud="other"))) == (401, "invalid_token")
    assert "who=https://accounts.google.com#104" in daemon.log()


def test_id_tokens_want_an_audience(gate, google):
    """Without one they might have been shown to anybody."""
    daemon = gate(emails=JANE)
    assert code(ask(daemon, google.access_token())) == (200, None)
    assert code(ask(daemon, id_token())) == (401, "invalid_token")


def test_an_address_that_google_does_not_host(gate):
    """It is on somebody's private account: its owner read a letter there once."""
    daemon = gate(audiences=AUDIENCE, domains="example.com,gmail.com")
    assert code(ask(daemon, id_token(hd=None))) == (403, "not_allowed")
    assert code(ask(daemon, id_token(hd=None, email="jane@gmail.com"))) == (200, None)


def test_an_audience_bounds_access_tokens_too(gate, google):
    daemon = gate(audiences=AUDIENCE, emails=JANE)
    assert code(ask(daemon, google.access_token())) == (403, "not_allowed")
    assert code(ask(daemon, google.access_token(aud=AUDIENCE))) == (200, None)


def test_scope(gate, google):
    daemon = gate(emails=JANE)
    answer = ask(daemon, google.access_token(scope="openid email"))
    assert code(answer) == (403, "insufficient_scope") and 'error="insufficient_scope"' in answer["www-authenticate"]


# ---- bad tokens ----


@pytest.mark.parametrize("bad", [
    lambda: id_token(iss="https://evil.example"), lambda: id_token(exp=int(time.time()) - 120), lambda: id_token(exp=None),
    lambda: id_token(iat=int(time.time()) + 600), lambda: id_token(nbf=int(time.time()) + 600), lambda: id_token(sub=None),
    lambda: id_token(aud=None), lambda: id_token(aud=[]), verifying.unsigned, verifying.confused,
    lambda: id_token(alg="PS256"), lambda: id_token(alg="RS512"), lambda: id_token(signer=verifying.key("other")),
    lambda: id_token()[:-4] + "AAAA", lambda: id_token() + ".x", lambda: id_token() + "=", lambda: "eyJ.eyJ.x", lambda: "eyJhbGciOiJub25lIn0..",
    lambda: "eyJ" + "A" * 20000 + ".e.s",
], ids=[str(n) for n in range(19)])
def test_bad_id_tokens(shared, bad):
    daemon, google = shared
    answer = ask(daemon, bad())
    assert answer.status == 401 and answer.error["code"] in ("invalid_token", "token_expired")
    assert answer["www-authenticate"] == REALM + ', error="invalid_token"'
    assert google.asked["/tokeninfo"] == 0


@pytest.fixture(scope="module")
def shared():
    google = verifying.Google()
    daemon = Daemon(*google.settings(emails=JANE, audiences=AUDIENCE)).wait_ready()
    yield daemon, google
    daemon.stop()
    google.close()


def test_the_good_one_beside_them(shared):
    assert ask(shared[0], id_token()).status == ask(shared[0], id_token(aud=["x", AUDIENCE], iss="accounts.google.com")).status == 200


def test_expired(gate, google):
    daemon = gate(emails=JANE, audiences=f"{AUDIENCE},{CLIENT}")
    assert code(ask(daemon, id_token(exp=int(time.time()) - 120))) == (401, "token_expired")
    short = google.access_token(life=2)
    assert ask(daemon, short).status == 200
    time.sleep(2.1)
    assert code(ask(daemon, short)) == (401, "invalid_token")


def test_no_token_and_googles_form(gate, google):
    daemon = gate(emails=JANE, audiences=AUDIENCE)
    answer = daemon.chat()
    assert code(answer) == (401, "missing_token") and answer["www-authenticate"] == REALM
    assert code(daemon.chat(headers={"x-goog-api-key": "AIzaX"})) == (401, "api_key_not_supported")
    assert code(ask(daemon, "ya29.nobody")) == (401, "invalid_token")
    form = {"x-dragoman-compat": "google"}
    [whole] = daemon.chat(headers=form).json
    assert whole["error"]["details"][0]["reason"] == "CREDENTIALS_MISSING"
    [whole] = ask(daemon, "ya29.nobody", **form).json
    assert whole["error"]["status"] == "UNAUTHENTICATED" and "details" not in whole["error"]
    [whole] = ask(daemon, id_token(email="joe@x.test"), **form).json
    assert whole["error"]["status"] == "PERMISSION_DENIED" and whole["error"]["message"].startswith("Permission 'aiplatform.endpoints.predict' denied")
    google.down = True
    answer = ask(daemon, "ya29.other", **form)
    assert answer.status == 503 and answer.json[0]["error"]["status"] == "UNAVAILABLE" and answer["retry-after"] == "1"


# ---- how Google is asked ----


def test_the_token_stands_in_a_header_and_is_asked_for_once(gate, google):
    daemon = gate(emails=JANE, workers=4)
    token = google.access_token()
    google.wait_s = 0.3
    assert ask_at_once(daemon, [token] * 40) == [200] * 40
    assert google.asked == {"/certs": 0, "/tokeninfo": 1}
    [request] = google.requests
    assert request.line == "POST /tokeninfo HTTP/1.1" and request.headers["authorization"] == f"Bearer {token}" and request.body == b""


def test_nobodys_token_is_asked_for_once_too(gate, google):
    daemon = gate(emails=JANE, workers=4)
    assert ask_at_once(daemon, ["ya29.nobody"] * 40) == [401] * 40
    assert google.asked["/tokeninfo"] == 1


def test_many_tokens(gate, google):
    """Two hundred at once: all are found out, and no more than 32 at a time."""
    daemon = gate(emails=JANE, workers=2)
    tokens = [google.access_token() for _ in range(200)]
    google.wait_s = 0.02
    assert ask_at_once(daemon, tokens, threads=100) == [200] * 200
    assert google.asked["/tokeninfo"] == 200 and google.most <= 32


def test_keys_are_fetched_once_and_an_unknown_one_once(gate, google):
    daemon = gate(emails=JANE, audiences=AUDIENCE, workers=4)
    assert ask_at_once(daemon, [id_token(sub=str(n)) for n in range(40)]) == [200] * 40
    assert google.asked["/certs"] == 1
    forged = [id_token(kid=f"forged-{n}", signer=verifying.key("other")) for n in range(100)]
    assert ask_at_once(daemon, forged) == [401] * 100
    assert google.asked == {"/certs": 2, "/tokeninfo": 0}
    assert ask(daemon, id_token(sub="later")).status == 200


def test_a_new_key(gate, google):
    daemon = gate(emails=JANE, audiences=AUDIENCE, workers=2)
    assert ask(daemon, id_token()).status == 200
    google.kids = ["one", "two"]
    assert ask_at_once(daemon, [id_token(kid="two", sub=str(n)) for n in range(10)]) == [200] * 10
    assert google.asked["/certs"] == 2


def test_a_new_key_while_google_is_away(gate, google):
    daemon = gate(emails=JANE, audiences=AUDIENCE)
    assert ask(daemon, id_token()).status == 200
    google.down = True
    assert code(ask(daemon, id_token(kid="two"))) == (503, "identity_unavailable")
    assert ask(daemon, id_token(sub="2")).status == 200


@pytest.mark.parametrize("trouble", [{"down": True}, {"status": 500}, {"status": 404}, {"wait_s": 4.5}], ids=str)
def test_google_away(gate, google, trouble):
    """Nobody comes in who is not known; who is stays in."""
    daemon = gate(emails=JANE, audiences=f"{AUDIENCE},{CLIENT}")
    known = google.access_token()
    assert ask(daemon, known).status == 200
    for name, value in trouble.items():
        setattr(google, name, value)
    for token in (google.access_token(), id_token())[:1 if google.wait_s else 2]:  # a hang takes its time
        began = time.monotonic()
        answer = ask(daemon, token)
        assert code(answer) == (503, "identity_unavailable") and answer["retry-after"] == "1" and time.monotonic() - began < 6
    assert ask(daemon, known).status == 200
    google.down, google.status, google.wait_s = False, None, 0
    time.sleep(1.1)
    assert ask(daemon, google.access_token()).status == ask(daemon, id_token()).status == 200
    assert "Google can not be asked" in daemon.log() and "Google answers again" in daemon.log()


@pytest.mark.parametrize("said", ["[]", "{}", "no JSON", '{"aud":"x"}', '{"aud":"x","exp":"soon","email":"jane@example.com"}', '{"keys":[]}'])
def test_answers_that_are_none(gate, google, said):
    daemon = gate(emails=JANE, audiences=AUDIENCE)
    google.said = said
    assert code(ask(daemon, google.access_token())) == code(ask(daemon, id_token())) == (503, "identity_unavailable")


def test_the_keeper_dies(gate, google):
    daemon = gate(emails=JANE, audiences=f"{AUDIENCE},{CLIENT}", workers=2)
    assert ask(daemon, id_token()).status == 200
    keeper = daemon.keeper()
    os.kill(keeper, signal.SIGKILL)
    assert ask_at_once(daemon, [google.access_token() for _ in range(10)]) == [200] * 10
    wait_for(lambda: daemon.keeper() not in (None, keeper), 20)
    assert ask(daemon, id_token(sub="2")).status == 200


# ---- a request that waits ----


def test_nothing_is_read_before_the_verdict(gate, google):
    daemon = gate(emails=JANE)
    token = google.access_token()
    google.wait_s = 0.3
    body = wire.chat(headers=bearer(token)).split(b"\r\n\r\n", 1)[1]
    with daemon.connect() as connection:
        head = {**bearer(token), "Content-Length": str(len(body)), "Expect": "100-continue"}
        connection.send(wire.request("POST", wire.CHAT, b"", head))
        assert connection.head().status == 100
        connection.send(body)
        assert connection.answer().status == 200
    with daemon.connect() as connection:
        connection.send(wire.request("POST", wire.CHAT, b"", {**bearer("ya29.nobody"), "Content-Length": "1000", "Expect": "100-continue"}))
        assert connection.answer().status == 401


@pytest.mark.parametrize("good", [True, False])
def test_a_large_body_waits_outside(gate, google, good):
    """Three megabytes behind a head: nothing of them is taken before the verdict, and all of them after it."""
    daemon = gate(emails=JANE)
    google.wait_s = 0.3
    with daemon.connect() as connection:
        connection.send(wire.chat("x" * 3_000_000, headers=bearer(google.access_token() if good else "ya29.no")))
        assert connection.answer().status == (200 if good else 401)


@pytest.mark.parametrize("bad, status", [
    ({"Content-Type": "text/plain"}, 415), ({"Content-Length": str(1 << 40)}, 413), ({"Content-Encoding": "gzip"}, 415),
    ({"Content-Length": None, "Transfer-Encoding": "chunked"}, 400)], ids=str)
def test_what_is_wrong_beside_the_token(gate, google, bad, status):
    """It is answered while its token is still asked for; the verdict that comes then is nobody's."""
    daemon = gate(emails=JANE)
    google.wait_s = 0.3
    for token in (google.access_token(), "ya29.no"):
        with daemon.connect() as connection:
            connection.send(wire.request("POST", wire.CHAT, b"zz", bearer(token) | bad))
            assert connection.answer().status == status
            time.sleep(0.5)
    assert ask(daemon, google.access_token()).status == 200


def test_pipelined(gate, google):
    daemon = gate(emails=JANE)
    google.wait_s = 0.1
    with daemon.connect() as connection:
        tokens = google.access_token(), "ya29.no", google.access_token()
        connection.send(b"".join(wire.chat(headers=bearer(token)) for token in tokens))
        assert [connection.answer().status for _ in tokens] == [200, 401, 200]


def test_who_leaves_while_he_waits(gate, google):
    daemon = gate(emails=JANE)
    google.wait_s = 0.5
    for _ in range(5):
        with daemon.connect() as connection:
            connection.send(wire.chat(headers=bearer(google.access_token())))
    wait_for(lambda: daemon.stats()["exchanges"] <= 1, 5)
    google.wait_s = 0
    assert ask(daemon, google.access_token()).status == 200


# ---- with keys, limits, sessions ----


def test_keys_beside_it(gate, google, tmp_path):
    keys = Keyring(tmp_path)
    key = keys.add("ci")
    daemon = gate(keys.setting, emails=JANE)
    assert ask(daemon, key).status == ask(daemon, google.access_token()).status == 200
    assert code(ask(daemon, "nobodys")) == (401, "invalid_token")
    assert code(daemon.chat()) == (401, "missing_api_key")
    assert code(daemon.chat(headers={"api-key": "x"})) == (401, "invalid_api_key")
    assert daemon.chat(headers={"x-goog-api-key": key} | bearer(google.access_token())).status == 200


def test_limits_of_each(gate, google):
    daemon = gate(domains="example.com", requests_per_minute=3, workers=2)
    jane = [google.access_token() for _ in range(4)]
    statuses = [ask(daemon, token).status for token in jane]
    assert statuses == [200, 200, 200, 429]
    answer = ask(daemon, jane[0])
    assert answer.error["message"].startswith("jane@example.com may make 3 requests a minute") and int(answer["retry-after"]) > 0
    assert ask(daemon, google.access_token(email="joe@example.com")).status == 200


# ---- the emulator's own servers ----


def test_the_emulated_google(start):
    """Its ID tokens and access tokens, its keys and tokeninfo, over its own HTTP."""
    emulated = start()
    daemon = start("auth.google=verify", f"auth.verify.emails={identity.ACCOUNT}", f"auth.verify.audiences=me,{identity.ACCOUNT}",
                   f"auth.verify.jwks_url={emulated.url}/oauth2/v3/certs", f"auth.verify.tokeninfo_url={emulated.url}/tokeninfo", workers=2)
    access = identity.token(emulated)
    assert [ask(daemon, access).status for _ in range(4)] == [200] * 4
    shown = identity.metadata(emulated, "instance/service-accounts/default/identity?audience=me").body.decode()
    other = identity.metadata(emulated, "instance/service-accounts/default/identity?audience=other").body.decode()
    assert [ask(daemon, shown).status for _ in range(4)] == [200] * 4
    assert code(ask(daemon, other)) == (401, "invalid_token")
    counts = emulated.get(identity.PAGE).json
    assert counts["/tokeninfo"]["answered"] == counts["/oauth2/v3/certs"]["answered"] == 1
