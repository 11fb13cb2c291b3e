# SPDX-License-Identifier: Apache-2.0
"""Lets tests here import corpus, leaving and waiting; servers of a test's own, and a Dragoman before them."""

import pathlib
import sys

import pki
import pytest
import upstream
from upstream import configuration

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


@pytest.fixture(params=["http", "https"])
def serve(request):
    """serve(behave): a server of the test's own, plain and with TLS."""
    yield from upstream.serving(tls=pki.server() if request.param == "https" else None)


@pytest.fixture
def front(start, tmp_path):
    """front(server, "timeouts.idle=1s", project="p"): a Dragoman before it."""
    def start_one(server, *settings, **members):
        url = server if isinstance(server, str) else server.url
        if url.startswith("https:"):
            members = {"ca": str(pki.authority()), **members}
        return start(*settings, args=("--config", str(configuration(tmp_path, url, **members))))
    return start_one


@pytest.fixture
def chain(start, front):
    """Two Dragomans; the second has the emulator. Options are the second's."""
    def start_two(**options):
        back = start(**options)
        return front(back.url), back
    return start_two


@pytest.fixture
def gateway(start, tmp_path):
    """gateway(url, credentials): one whose clients need no token, before a server whose clients do. credentials: a file's path,
    or what the configuration has."""
    def start_one(url, credentials, *settings, env=None, workers=1, **members):
        credentials = {"file": str(credentials)} if isinstance(credentials, pathlib.Path) else credentials
        members = {"credentials": credentials, "project": "p", "locations": ["us-central1"], **members}
        config = configuration(tmp_path, url, **{name: value for name, value in members.items() if value is not None})
        home = {"HOME": str(tmp_path / "home"), "CLOUDSDK_CONFIG": str(tmp_path / "home"), "NO_GCE_CHECK": "true"}
        return start(*settings, args=("--config", str(config)), env=home | (env or {}), workers=workers)
    return start_one
