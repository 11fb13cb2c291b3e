# SPDX-License-Identifier: Apache-2.0
"""Web pages that may ask: preflights, and answers that a page may read (user-pain J14)."""

import pytest
import wire
from identity import bearer
from keyring import Keyring

PAGE, OTHER = "https://chat.example", "https://evil.example"
HEADERS = "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-retry-count"


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    from dragoman import Daemon
    ring = Keyring(tmp_path_factory.mktemp("keys"))
    ring.add("page", requests_per_minute=2)
    running = Daemon(ring.setting, f"auth.origins={PAGE},https://second.example").wait_ready()
    yield running, ring.keys["page"]
    running.stop()


def preflight(daemon, origin, path=wire.CHAT, method="POST", headers=HEADERS):
    return daemon.ask(wire.request("OPTIONS", path, headers={"Origin": origin, "Access-Control-Request-Method": method,
                                                             "Access-Control-Request-Headers": headers}))


@pytest.mark.parametrize("path", [wire.CHAT, "/v1/models", "/v1/projects/p/locations/l/endpoints/openapi/chat/completions"])
def test_a_preflight_needs_no_key(asked, path):
    answer = preflight(asked[0], PAGE, path)
    assert (answer.status, answer.body) == (204, b"")
    assert answer["access-control-allow-origin"] == PAGE and answer["vary"] == "Origin"
    assert answer["access-control-allow-headers"] == HEADERS, "whatever an SDK sends along"
    assert ("POST" if "chat" in path else "GET") in answer["access-control-allow-methods"]
    assert answer["access-control-allow-credentials"] is None


def test_what_a_page_may_read_errors_included(asked):
    daemon, key = asked
    answers = [daemon.chat(headers={"Origin": PAGE, **bearer(key)}, stream=stream) for stream in (False, True)]
    assert [answer.status for answer in answers] == [200, 200]
    answers += [daemon.chat(headers={"Origin": PAGE, **bearer(key)}), daemon.chat(headers={"Origin": PAGE}),
                daemon.ask(wire.request("POST", "/v1/nothing", b"{}", headers={"Origin": PAGE}))]
    assert [answer.status for answer in answers[2:]] == [429, 401, 404]
    for answer in answers:
        assert answer["access-control-allow-origin"] == PAGE and answer["vary"] == "Origin"
        exposed = answer["access-control-expose-headers"]
        assert all(name in exposed for name in ("x-request-id", "retry-after", "retry-after-ms", "x-should-retry"))


@pytest.mark.parametrize("origin", [OTHER, "null", "https://chat.example.evil.example", "http://chat.example", "https://chat.example:444"])
def test_other_pages_may_not(asked, origin):
    daemon, key = asked
    for answer in (preflight(daemon, origin), daemon.chat(headers={"Origin": origin, **bearer(key)})):
        assert (answer.status, answer.error["code"]) == (403, "origin_not_allowed")
        assert answer["access-control-allow-origin"] is None


def test_it_is_off_unless_configured(daemon):
    assert preflight(daemon, PAGE).status == 403 and daemon.chat()["access-control-allow-origin"] is None
