# SPDX-License-Identifier: Apache-2.0
"""Google's own client lists endpoints over REST: google-cloud-aiplatform's Endpoint.list() and Endpoint(NAME)."""

import warnings

import pytest

warnings.filterwarnings("ignore")
from google.cloud import aiplatform  # noqa: E402
from google.auth.credentials import AnonymousCredentials  # noqa: E402


@pytest.fixture(scope="module")
def vertex(daemon):
    aiplatform.init(project="my-project", location="us-central1", credentials=AnonymousCredentials(),
                    api_endpoint=f"http://127.0.0.1:{daemon.port}", api_transport="rest")
    return aiplatform


def test_listed(vertex):
    assert [(e.name, e.display_name) for e in vertex.Endpoint.list()] == [
        ("4815162342", "emulated vLLM"), ("tgi-4815162342", "emulated TGI")]


def test_filtered_and_sorted(vertex):
    assert [e.name for e in vertex.Endpoint.list(filter='display_name="emulated TGI"')] == ["tgi-4815162342"]
    assert [e.name for e in vertex.Endpoint.list(order_by="display_name")] == ["tgi-4815162342", "4815162342"]


def test_one(vertex):
    endpoint = vertex.Endpoint("projects/my-project/locations/us-central1/endpoints/42")
    assert endpoint.resource_name == "projects/my-project/locations/us-central1/endpoints/42"
    assert endpoint.traffic_split == {"1": 100} and len(endpoint.list_models()) == 1


def test_what_is_no_filter(vertex):
    with pytest.raises(Exception, match="filter: not understood"):
        vertex.Endpoint.list(filter="size>3")
