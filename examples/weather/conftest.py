# SPDX-License-Identifier: Apache-2.0
"""Dragoman as Vertex AI, offline: no account, no network, no model."""

import os
import pathlib
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
DRAGOMAN = os.environ.get("DRAGOMAN", "dragoman")
ENDPOINT = "/v1/projects/my-project/locations/us-central1/endpoints/openapi"


def serve(*options):
    """One Dragoman on a free port: yields its URL, and ends it."""
    command = [DRAGOMAN, "serve", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline()  # "Dragoman 0.1.0 listens on http://127.0.0.1:41234"
        assert first, "it did not start; stderr says why"
        yield re.search(r"http://[\d.:]+", first)[0]
        process.terminate()


@pytest.fixture(scope="session")
def dragoman():
    """The emulator, with the answers of scenario.yaml."""
    yield from serve("--set", f"emulator.scenario={HERE / 'scenario.yaml'}")


@pytest.fixture(scope="session")
def recorded():
    """The same without an emulator: what was recorded is answered, and nothing else."""
    yield from serve("--replay", str(HERE / "recordings"))


@pytest.fixture
def vertex(dragoman, monkeypatch):
    """openai.OpenAI() asks it."""
    monkeypatch.setenv("OPENAI_BASE_URL", dragoman + ENDPOINT)
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    return dragoman


@pytest.fixture
def recordings(recorded, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", recorded + ENDPOINT)
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    return recorded
