# SPDX-License-Identifier: Apache-2.0
"""The unmodified SDK, pointed at the shared daemon the way Google's pages point it at Vertex."""

import openai
import pytest

PLACE = "/v1/projects/my-project/locations/us-central1/endpoints/openapi"


@pytest.fixture
def client(daemon):
    with openai.OpenAI(base_url=daemon.url + PLACE, api_key="anything", max_retries=0, timeout=20) as one:
        yield one


@pytest.fixture
def connect():
    """connect(daemon, max_retries=2): a client for another daemon, or with other settings."""
    made = []

    def make(daemon, **settings):
        settings = {"api_key": "anything", "max_retries": 0, "timeout": 20, **settings}
        made.append(openai.OpenAI(base_url=daemon.url + settings.pop("place", PLACE), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
