# SPDX-License-Identifier: Apache-2.0
"""Self-deployed endpoints, listed as Vertex AI's REST API lists them (google.md 8.1)."""

import urllib.parse

import pytest
import wire

PLACE = "/v1/projects/p/locations/us-central1/endpoints"
CONFIGURATION = """
upstreams:
  lab: {kind: emulator, dialect: vllm, model: Qwen/Qwen3-8B}
  tgi: {kind: emulator, dialect: tgi}
endpoints:
  "3": {upstream: lab, display_name: Zebra}
  "1": {upstream: lab, display_name: Ape}
  "2": {upstream: tgi, display_name: Cat}
"""


@pytest.fixture
def configured(start, tmp_path):
    path = tmp_path / "dragoman.yaml"
    path.write_text(CONFIGURATION)
    return start(args=["--config", str(path)])


def get(daemon, place=PLACE, **query):
    return daemon.ask(wire.request("GET", place + ("?" + urllib.parse.urlencode(query) if query else "")))


def ids(answer):
    assert answer.status == 200, answer.body
    return [endpoint["name"].rpartition("/")[2] for endpoint in answer.json.get("endpoints", [])]


def test_listed_in_the_order_of_the_configuration(configured):
    answer = get(configured)
    assert ids(answer) == ["3", "1", "2"] and "nextPageToken" not in answer.json
    first = answer.json["endpoints"][0]
    assert first["name"] == "projects/p/locations/us-central1/endpoints/3" and first["displayName"] == "Zebra"
    assert first["deployedModels"][0]["displayName"] == "Qwen/Qwen3-8B"
    assert first["trafficSplit"] == {first["deployedModels"][0]["id"]: 100}


@pytest.mark.parametrize("query, wanted", [
    ({"orderBy": "display_name"}, ["1", "2", "3"]),
    ({"orderBy": "display_name desc"}, ["3", "2", "1"]),
    ({"order_by": "create_time"}, ["3", "1", "2"]),
    ({"filter": 'display_name="Cat"'}, ["2"]),
    ({"filter": "endpoint!=3"}, ["1", "2"]),
    ({"filter": 'base_model_name="Qwen/Qwen3-8B" AND endpoint!=1'}, ["3"]),
    ({"filter": "labels.a:*"}, []),
])
def test_filtered_and_sorted(configured, query, wanted):
    assert ids(get(configured, **query)) == wanted


def test_paged(configured):
    seen, token = [], ""
    for _ in range(4):
        answer = get(configured, pageSize=2, pageToken=token)
        seen += ids(answer)
        token = answer.json.get("nextPageToken", "")
        if not token:
            break
    assert seen == ["3", "1", "2"]
    assert ids(get(configured, pageToken="from-99")) == []


def test_read_mask(configured):
    answer = get(configured, readMask="name,display_name")
    assert all(set(endpoint) == {"name", "displayName"} for endpoint in answer.json["endpoints"])


def test_one(configured):
    answer = get(configured, PLACE.replace("/v1/", "/v1beta1/") + "/1")
    assert answer.status == 200 and answer.json["displayName"] == "Ape"


def test_one_that_is_not_there(configured):
    answer = get(configured, PLACE + "/17")
    assert answer.status == 404 and answer.json["error"]["status"] == "NOT_FOUND"
    assert "endpoints/17" in answer.json["error"]["message"]


@pytest.mark.parametrize("query", [
    {"filter": "x=1"}, {"orderBy": "size"}, {"orderBy": "display_name up"}, {"pageSize": "-1"}, {"pageToken": "2"}])
def test_parameters_that_are_none(configured, query):
    answer = get(configured, **query)
    name, value = next(iter(query.items()))
    error = answer.json["error"]
    assert answer.status == 400 and error["status"] == "INVALID_ARGUMENT" and error["code"] == 400
    assert error["message"] == f"{name}: not understood: {value}"


def test_without_a_configuration_each_id_is_one(daemon):
    assert ids(get(daemon)) == ["4815162342", "tgi-4815162342"]
    answer = get(daemon, PLACE + "/17")
    assert answer.status == 200 and answer.json["name"].endswith("/17")
    assert answer.json["displayName"] == "emulated vLLM"
    assert get(daemon, PLACE + "/tgi-x").json["displayName"] == "emulated TGI"


def test_openapi_is_none(daemon):
    assert get(daemon, PLACE + "/openapi").status == 404
