# SPDX-License-Identifier: Apache-2.0
"""Google's credentials behind a Dragoman: whose token goes to an upstream that asks for one, and how it is refreshed."""

import json
import os
import signal
import subprocess
import time

import identity
import pytest
import wire
from dragoman import BINARY, environment
from upstream import configuration
from waiting import wait_for


def create(daemon, folder, *options):
    """The file of an account of the daemon's identity servers."""
    file = folder / f"robot{len(list(folder.iterdir()))}.json"
    subprocess.run([BINARY, "credentials", "create", "robot", "--token-uri", daemon.url + "/token", "--out", file,
                    "--set", f"store.path={folder / 'store'}", *options], check=True, env=environment(), capture_output=True)
    return file


@pytest.fixture
def back(start, tmp_path):
    """back(...): a Dragoman that asks for tokens, and hands them out."""
    def start_one(*settings, **options):
        return start("auth.google=emulated", f"store.path={tmp_path / 'store'}", *settings, **options)
    return start_one


@pytest.fixture
def gateway(start, tmp_path):
    """gateway(daemon, credentials): one in front of it, whose clients need no token."""
    def start_one(daemon, credentials, *settings, env=None, workers=1, **members):
        config = configuration(tmp_path, daemon.url, credentials=credentials, project="p", locations=["us-central1"], **members)
        home = {"HOME": str(tmp_path / "home"), "CLOUDSDK_CONFIG": str(tmp_path / "home")}
        return start(*settings, args=("--config", str(config)), env=home | (env or {}), workers=workers)
    return start_one


def test_a_service_accounts_key(back, gateway, tmp_path):
    behind = back()
    front = gateway(behind, {"file": str(create(behind, tmp_path))})
    assert front.chat().status == 200
    assert front.chat(stream=True).status == 200
    assert identity.issued(behind, "/token") == 1
    assert "an access token of a service account's key, robot@my-project.iam.gserviceaccount.com" in front.log()
