# SPDX-License-Identifier: Apache-2.0
"""Gemini at Google's own hosts, as far as that can be seen without Google: the name that is asked for in TLS, the request
line and the headers, for each kind of place and of credentials (google.md 1.2, 1.6, 1.7; user-pain H5, J6)."""

import json
import re
import subprocess

import googles as google
import pki
import pytest
import wire
from chunks import check_chunks, check_completion
from dragoman import BINARY, environment
from googles import DEDICATED, EU, GEMINI, GLOBAL, REGIONAL, US
from upstream import MODEL, sized

VERSION = "dragoman/" + subprocess.run([BINARY, "--version"], capture_output=True, text=True).stdout.split()[1]
OPENAPI = "/v1/projects/mine/locations/europe-west4/endpoints/openapi/chat/completions"
CALLS = {False: ":generateContent", True: ":streamGenerateContent?alt=sse"}


@pytest.fixture
def there():
    server = google.Google()
    road = google.Road(server)
    yield server, road
    road.close()
    server.close()


@pytest.fixture
def front(start, there, tmp_path):
    """front(g={...}): a Dragoman on the road to Google."""
    def start_one(upstreams=None, endpoints=None, models=None, **members):
        server, road = there
        more = {name: value for name, value in (("endpoints", endpoints), ("models", models)) if value}
        file = google.configured(tmp_path, road, upstreams or {"g": members}, **more)
        return start(args=("--config", str(file))), server, road
    return start_one


def vertex(project, location):
    return f"/v1/projects/{project}/locations/{location}/publishers/google/models/{MODEL}"


BEARER, TOKEN = {"bearer": "ya29.token"}, {"authorization": "Bearer ya29.token"}
EXPRESS, GEMINI_PATH = f"/v1/publishers/google/models/{MODEL}", f"/v1beta/models/{MODEL}"
VERTEX = {"kind": "vertex", "credentials": BEARER}
# name: (the upstream, what the client sends, the host, the path, the headers that say who asks)
PLACES = {
    "regional": ({**VERTEX, "project": "p", "locations": ["us-central1"]}, "", REGIONAL, vertex("p", "us-central1"), TOKEN),
    "global": ({**VERTEX, "project": "p", "locations": ["global"]}, "", GLOBAL, vertex("p", "global"), TOKEN),
    "us": ({**VERTEX, "project": "p", "locations": ["us"]}, "", US, vertex("p", "us"), TOKEN),
    "eu": ({**VERTEX, "project": "p", "locations": ["eu"]}, "", EU, vertex("p", "eu"), TOKEN),
    "of the path": (VERTEX, "", f"europe-west4-{GLOBAL}", vertex("mine", "europe-west4"), TOKEN),
    "express": ({"kind": "vertex", "credentials": {"api_key": "AQ.key"}}, "", GLOBAL, EXPRESS, {"x-goog-api-key": "AQ.key"}),
    "a key with a project": ({"kind": "vertex", "project": "p", "locations": ["eu"], "credentials": {"api_key": "AQ.key"}}, "",
                             EU, vertex("p", "eu"), {"x-goog-api-key": "AQ.key"}),
    "the caller's token": ({"kind": "vertex", "credentials": "caller"}, "ya29.mine", f"europe-west4-{GLOBAL}",
                           vertex("mine", "europe-west4"), {"authorization": "Bearer ya29.mine"}),
    "the caller's key": ({"kind": "vertex", "credentials": "caller"}, "AQ.mine", GLOBAL, EXPRESS,
                         {"x-goog-api-key": "AQ.mine"}),
    "nobody": ({"kind": "vertex", "project": "p", "locations": ["global"], "credentials": "none"}, "ya29.mine", GLOBAL,
               vertex("p", "global"), {}),
    "gemini": ({"kind": "gemini", "credentials": {"api_key": "AIza"}}, "", GEMINI, GEMINI_PATH, {"x-goog-api-key": "AIza"}),
    "gemini, the caller's key": ({"kind": "gemini", "credentials": "caller"}, "AIzaMine", GEMINI, GEMINI_PATH,
                                 {"x-goog-api-key": "AIzaMine"}),
    "gemini, the caller's token": ({"kind": "gemini", "credentials": "caller"}, "ya29.mine", GEMINI, GEMINI_PATH,
                                   {"authorization": "Bearer ya29.mine"}),
    "a gateway before Vertex": ({**VERTEX, "base_url": f"https://{DEDICATED}/google"}, "", DEDICATED,
                                "/google" + vertex("mine", "europe-west4"), TOKEN),
    "a gateway before Gemini": ({"kind": "gemini", "base_url": f"https://{DEDICATED}:8443", "credentials": BEARER}, "",
                                f"{DEDICATED}:8443", GEMINI_PATH, TOKEN),
}


def told(path):
    """Who answered: the upstream, and Vertex's location where there is one."""
    location = re.search("/locations/([^/]+)/", path)
    return f"g/{location[1]}" if location else "g"


@pytest.mark.parametrize("place", PLACES)
def test_where_it_goes_and_who_asks(front, place):
    members, sent, host, path, who = PLACES[place]
    daemon, server, road = front(**members)
    for stream in (False, True):
        headers = {"Authorization": f"Bearer {sent}", "X-Secret": "of the client", "Cookie": "a=b"} if sent else {}
        answer = daemon.ask(wire.chat(path=OPENAPI, headers=headers, stream=stream))
        assert (answer.status, answer["x-dragoman-upstream"]) == (200, told(path)), answer.body
        said = check_chunks([json.loads(event) for event in answer.events[:-1]], wire.MODEL) if stream \
            else check_completion(answer.json, wire.MODEL)
        assert said.texts == ["Hello there."]
        request = server.requests[-1]
        assert request.line == f"POST {path}{CALLS[stream]} HTTP/1.1"
        assert request.headers == {"host": host, "user-agent": VERSION, "content-type": "application/json", **who,
                                   "content-length": str(len(request.body))}
    name, _, port = host.partition(":")
    assert (server.asked, road.led, server.connections) == ([name], [f"{name}:{port or 443}"], 1), "one for both"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tier", ["priority", "flex"])
def test_service_tiers_are_headers_on_vertex_and_a_member_at_gemini(front, tier, stream):
    """A14."""
    key = {"credentials": {"api_key": "AIza"}}
    daemon, server, _ = front(upstreams={"v": {"kind": "vertex", "project": "p", **key}, "g": {"kind": "gemini", **key}})
    assert daemon.ask(wire.chat(service_tier=tier, stream=stream)).status == 200
    assert server.requests[-1].headers["x-vertex-ai-llm-shared-request-type"] == tier
    assert server.requests[-1].headers["x-vertex-ai-llm-request-type"] == "shared"
    assert b"tier" not in server.requests[-1].body.lower()


@pytest.mark.parametrize("kind", ["vertex", "gemini"])
def test_a_caller_without_a_token_is_told(front, kind):
    daemon, server, road = front(kind=kind, credentials="caller")
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer "}):
        answer = daemon.ask(wire.chat(headers=headers))
        assert (answer.status, answer.error["code"]) == (401, "missing_token"), answer.body
    assert (server.requests, road.led) == ([], [])


def test_a_certificate_for_another_of_googles_hosts_is_none(front):
    """Names of the same family are not the same: a region the certificate does not carry."""
    daemon, server, _ = front(kind="vertex", project="p", locations=["asia-east1"], credentials=BEARER)
    answer = daemon.ask(wire.chat())
    assert answer.status == 502 and f"not for asia-east1-{GLOBAL}" in answer.error["message"]
    assert server.requests == []


def test_a_location_that_can_make_no_host(front):
    daemon, server, road = front(kind="vertex", credentials=BEARER)
    for location in ("US-Central1", "us_central1", "a.b", "a:1", "a@b", "-a", "x" * 41):
        answer = daemon.ask(wire.chat(path=OPENAPI.replace("europe-west4", location)))
        assert (answer.status, "none of Google's" in answer.error["message"]) == (404, True), location
    assert (server.requests, road.led) == ([], [])


# --- endpoints, and other publishers' models: OpenAI's protocol ---------------------------------

OWN = "/v1beta1/projects/mine/locations/europe-west4/endpoints/4815162342/chat/completions"
ENDPOINTS = {"4815162342": {"upstream": "g"}}
WHOLE = "/v1/projects/theirs/locations/us-central1/endpoints/99"


def of_endpoint(project, location, endpoint="4815162342"):
    return f"/v1/projects/{project}/locations/{location}/endpoints/{endpoint}"


# name: (the upstream, what the client sends, the host, the path, the headers that say who asks)
RELAYED = {
    "shared, the path's place": (VERTEX, "", f"europe-west4-{GLOBAL}", of_endpoint("mine", "europe-west4"), TOKEN),
    "shared": ({**VERTEX, "project": "p", "locations": ["us-central1"]}, "", REGIONAL, of_endpoint("p", "us-central1"), TOKEN),
    "global": ({**VERTEX, "project": "p", "locations": ["global"]}, "", GLOBAL, of_endpoint("p", "global"), TOKEN),
    "dedicated": ({**VERTEX, "base_url": f"https://{DEDICATED}"}, "", DEDICATED, of_endpoint("mine", "europe-west4"), TOKEN),
    "dedicated, whole": ({**VERTEX, "base_url": f"https://{DEDICATED}{WHOLE}"}, "", DEDICATED, WHOLE, TOKEN),
    "dedicated, thorough": ({**VERTEX, "base_url": f"https://{DEDICATED}{WHOLE}/chat/completions"}, "", DEDICATED, WHOLE, TOKEN),
    "behind a gateway": ({**VERTEX, "base_url": f"https://{DEDICATED}/google/"}, "", DEDICATED,
                         "/google" + of_endpoint("mine", "europe-west4"), TOKEN),
    "the caller's token": ({"kind": "vertex", "credentials": "caller"}, "ya29.mine", f"europe-west4-{GLOBAL}",
                           of_endpoint("mine", "europe-west4"), {"authorization": "Bearer ya29.mine"}),
    "a key": ({"kind": "vertex", "credentials": {"api_key": "AQ.key"}}, "", f"europe-west4-{GLOBAL}",
              of_endpoint("mine", "europe-west4"), {"x-goog-api-key": "AQ.key"}),
}


def relayed(daemon, server, path, model, stream, sent="", **members):
    answer = daemon.ask(wire.chat(path=path, model=model, stream=stream, headers={"Authorization": f"Bearer {sent}"} if sent else {},
                                  **members))
    assert (answer.status, answer["x-dragoman-upstream"]) == (200, told(server.requests[-1].path)), answer.body
    said = check_chunks([json.loads(event) for event in answer.events[:-1]], model) if stream \
        else check_completion(answer.json, model)
    assert said.texts == ["Hello there."]


@pytest.mark.parametrize("place", RELAYED)
def test_an_endpoint_of_ones_own(front, place):
    """user-pain I1: any model's name or none, the body as it came."""
    members, sent, host, path, who = RELAYED[place]
    daemon, server, road = front(upstreams={"g": members}, endpoints=ENDPOINTS)
    for stream in (False, True):
        relayed(daemon, server, OWN, "any/name at all", stream, sent, top_k=20)
        request = server.requests[-1]
        assert request.line == f"POST {path}/chat/completions HTTP/1.1"
        assert request.headers.pop("x-request-id")
        assert request.headers == {"host": host, "user-agent": VERSION, "content-type": "application/json", **who,
                                   "content-length": str(len(request.body))}
        body = json.loads(request.body)
        assert "model" not in body and body["top_k"] == 20 and body["messages"][0]["content"].startswith("Why")
    assert (server.asked, road.led, server.connections) == ([host], [f"{host}:443"], 1)


def test_the_endpoints_model_can_be_named(front):
    daemon, server, _ = front(upstreams={"g": {**VERTEX, "model": "Qwen/Qwen3-8B"}}, endpoints=ENDPOINTS)
    relayed(daemon, server, OWN, "mine", False)
    assert json.loads(server.requests[-1].body)["model"] == "Qwen/Qwen3-8B"


def test_an_endpoint_by_a_models_name(front):
    daemon, server, _ = front(upstreams={"g": {**VERTEX, "base_url": f"https://{DEDICATED}{WHOLE}"}, "e": {**VERTEX, "project": "p"}},
                              models=[{"match": "qwen", "upstream": "g"}, {"match": "*", "upstream": "e"}])
    for stream in (False, True):
        relayed(daemon, server, OPENAPI, "qwen", stream)
        assert server.requests[-1].path == f"{WHOLE}/chat/completions" and "model" not in json.loads(server.requests[-1].body)
    assert daemon.ask(wire.chat(path=OPENAPI)).status == 200 and server.requests[-1].path.endswith(":generateContent")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path, where", [(OPENAPI, of_endpoint("p", "us-central1", "openapi")),
                                         (wire.CHAT, of_endpoint("p", "us-central1", "openapi"))])
def test_other_publishers_models(front, path, where, stream):
    """google.md 1.3: models as a service are asked at endpoints/openapi, by the name that the client says."""
    daemon, server, _ = front(**{**VERTEX, "project": "p", "locations": ["us-central1"]})
    relayed(daemon, server, path, "deepseek-ai/deepseek-v3.1-maas", stream)
    request = server.requests[-1]
    assert request.line == f"POST {where}/chat/completions HTTP/1.1" and server.asked == [REGIONAL]
    assert json.loads(request.body)["model"] == "deepseek-ai/deepseek-v3.1-maas"
    for spelt in ("google/" + MODEL, MODEL, "models/" + MODEL, "publishers/google/models/" + MODEL):
        assert daemon.ask(wire.chat(path=path, model=spelt)).status == 200
        assert server.requests[-1].path == vertex("p", "us-central1") + ":generateContent"


def test_googles_own_error_of_an_endpoint(start, tmp_path):
    """In an array, as Google sends it there (google.md 5.1)."""
    def behave(peer):
        peer.request()
        error = {"code": 404, "message": "Publisher Model `x/y` not found.", "status": "NOT_FOUND"}
        peer.send(sized(json.dumps([{"error": error}]).encode(), b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"))
    server = google.Google(behave)
    road = google.Road(server)
    daemon = start(args=("--config", str(google.configured(tmp_path, road, {"g": {**VERTEX, "project": "p"}}))))
    for stream in (False, True):
        answer = daemon.ask(wire.chat(model="x/y", stream=stream))
        assert answer.status == 404 and "not found" in answer.error["message"], answer.body
    road.close()
    server.close()


# --- from the command line ----------------------------------------------------------------------

def command(start, road, *words, **env):
    return start(args=words, env={"HTTPS_PROXY": road.url, "SSL_CERT_FILE": str(pki.authority()), **env})


@pytest.mark.parametrize("sent, where, path, who", [
    ("ya29.mine", REGIONAL, vertex("p", "us-central1"), {"authorization": "Bearer ya29.mine"}),
    ("AQ.mine", REGIONAL, vertex("p", "us-central1"), {"x-goog-api-key": "AQ.mine"}),
], ids=["token", "key"])
def test_the_short_form_for_vertex(start, there, sent, where, path, who):
    server, road = there
    daemon = command(start, road, "--upstream", "vertex", "--project", "p", "--location", "us-central1")
    assert daemon.ask(wire.chat(headers={"Authorization": f"Bearer {sent}"})).status == 200
    assert server.requests[0].line == f"POST {path}:generateContent HTTP/1.1"
    assert server.asked == [where] and who.items() <= server.requests[0].headers.items()


def test_the_short_form_for_vertex_takes_the_paths_place(start, there):
    server, road = there
    daemon = command(start, road, "--upstream", "vertex")
    assert daemon.ask(wire.chat(path=OPENAPI, headers={"Authorization": "Bearer ya29.mine"})).status == 200
    assert server.requests[0].path == vertex("mine", "europe-west4") + ":generateContent"


def test_the_short_form_for_gemini(start, there):
    server, road = there
    daemon = command(start, road, "--upstream", "gemini", GEMINI_API_KEY="AIzaEnv")
    assert daemon.ask(wire.chat()).status == 200
    assert server.requests[0].line == f"POST {GEMINI_PATH}:generateContent HTTP/1.1"
    assert (server.asked, server.requests[0].headers["x-goog-api-key"]) == ([GEMINI], "AIzaEnv")


def test_the_short_form_for_a_gateway_before_gemini(start, there):
    server, road = there
    daemon = command(start, road, "--upstream", f"gemini=https://{DEDICATED}/x", GEMINI_API_KEY="AIzaEnv")
    assert daemon.ask(wire.chat()).status == 200
    assert (server.asked, server.requests[0].path) == ([DEDICATED], f"/x{GEMINI_PATH}:generateContent")


def test_the_short_form_for_gemini_wants_a_key():
    done = subprocess.run([BINARY, "check", "--upstream", "gemini"], env=environment(), capture_output=True, text=True)
    assert done.returncode == 3 and "GEMINI_API_KEY is not set" in done.stderr
