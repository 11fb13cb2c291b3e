# SPDX-License-Identifier: Apache-2.0
"""What it says in its log, and a setting from its environment."""

import wire
from dragoman import Daemon
from waiting import wait_for

SMALL = {"max_tokens": 3}


def test_log_has_no_secrets_and_no_prompts(start):
    daemon = start("log.level=debug", "log.access=true")
    headers = {"Authorization": "Bearer ya29.very-secret-token", "x-goog-api-key": "AIza-very-secret-key"}
    assert daemon.chat("a very private question", headers=headers, **SMALL).status == 200
    assert daemon.chat("a very private question", headers=headers, temperature=9).status == 400
    daemon.get("/healthz?key=AIza-very-secret-key")
    wait_for(lambda: "/healthz" in daemon.log())
    log = daemon.log()
    assert "POST /v1/chat/completions 200" in log and "POST /v1/chat/completions 400" in log
    assert "secret" not in log and "private" not in log


def test_settings_from_the_environment():
    daemon = Daemon(env={"DRAGOMAN_LIMITS_BODY_MB": "1"}).wait_ready()
    head = wire.request("POST", wire.CHAT, headers={"Content-Type": "application/json", "Content-Length": str(2 << 20)})
    status = daemon.ask(head).status
    daemon.stop()
    assert status == 413
