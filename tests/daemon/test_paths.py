# SPDX-License-Identifier: Apache-2.0
"""Which path and method leads where, and who may ask at all."""

import json

import pytest
import wire

PLACE = "projects/my-project/locations/us-central1/endpoints/openapi"
BASES = [f"/v1/{PLACE}", f"/v1beta1/{PLACE}", "/v1/projects/123456789012/locations/global/endpoints/openapi",
         "/v1", "", "/openai/v1", "/v1beta/openai"]
CHATS = [f"{base}/chat/completions" for base in BASES] + [
    "/openai/deployments/gemini-2.0-flash/chat/completions",
    "/openai/deployments/gemini-2.0-flash/chat/completions?api-version=2024-10-21",
    "/v1//chat///completions", "//v1/chat/completions", "/v1/chat/completions/", "/v1/chat/completions//",
    f"/v1//{PLACE}/chat/completions/"]


def same_chat(answer):
    assert answer.status == 200, answer
    assert answer.json["object"] == "chat.completion" and answer.json["model"] == wire.MODEL


@pytest.mark.parametrize("path", CHATS)
def test_chat(daemon, path):
    same_chat(daemon.chat(path=path, max_tokens=3))


def test_model_of_the_path(daemon):
    """Azure's clients name the deployment in the path and may leave the model out of the body."""
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()
    answer = daemon.ask(wire.request("POST", "/openai/deployments/gemini-2.0-flash/chat/completions", body))
    assert (answer.status, answer.json["model"]) == (200, "gemini-2.0-flash")
    answer = daemon.ask(wire.request("POST", "/v1/chat/completions", body))
    assert (answer.status, answer.error["param"]) == (400, "model")


@pytest.mark.parametrize("base", BASES)
def test_models(daemon, base):
    whole = daemon.get(f"{base}/models")
    assert (whole.status, whole.json["object"]) == (200, "list")
    ids = [model["id"] for model in whole.json["data"]]
    assert "google/gemini-2.5-flash" in ids
    for spelt in (ids[0], ids[0].replace("/", "%2F")):
        one = daemon.get(f"{base}/models/{spelt}")
        assert (one.status, one.json["id"], one.json["object"]) == (200, ids[0], "model")
    assert daemon.get(f"{base}/models/google/none-such").error["code"] == "model_not_found"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health(daemon, path, method):
    assert daemon.ask(wire.request(method, path)).status == 200


# ---- nothing there ----


@pytest.mark.parametrize("method, path, meant", [
    ("POST", "/v1/chat/completion", "/v1/chat/completions"),
    ("POST", "/v2/chat/completions", "/v1/chat/completions"),
    ("POST", "/api/v1/chat/completions", "/v1/chat/completions"),
    ("GET", "/v1/model", "/v1/models"),
    ("POST", f"/v1/{PLACE}/chat/completion", f"/v1/{PLACE}/chat/completions"),
    ("POST", f"/v1beta/{PLACE}/chat/completions", f"{PLACE}/chat/completions"),
])
def test_did_you_mean(daemon, method, path, meant):
    answer = daemon.ask(wire.request(method, path, wire.body() if method == "POST" else None))
    assert (answer.status, answer.error["code"]) == (404, "unknown_url")
    assert "did you mean" in answer.error["message"].lower() and meant in answer.error["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_endpoints_of_ones_own_are_not_configured(start, tmp_path, method):
    (tmp_path / "dragoman.yaml").write_text("upstreams: {e: {kind: emulator}}\n")
    daemon = start(args=("--config", str(tmp_path / "dragoman.yaml")))
    path = "/v1/projects/p/locations/us-central1/endpoints/4815162342"
    answer = daemon.chat(path=f"{path}/chat/completions") if method == "POST" else daemon.get(f"{path}/models")
    assert (answer.status, answer.error["code"]) == (404, "endpoint_not_found")


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/_dragoman/nothing"])
def test_nothing_like_it(daemon, path):
    answer = daemon.get(path)
    assert answer.status == 404 and answer.error["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/embeddings", "/v1/completions", "/v1/images/generations",
                                  "/v1/audio/speech", "/v1/assistants", f"/v1/{PLACE}/embeddings"])
def test_unsupported(daemon, path):
    answer = daemon.ask(wire.request("POST", path, wire.body()))
    assert (answer.status, answer.error["code"]) == (404, "unsupported_endpoint")
    assert "chat/completions" in answer.error["message"]


# ---- methods ----


@pytest.mark.parametrize("method, path, allowed", [
    ("GET", "/v1/chat/completions", "POST"), ("PUT", "/v1/chat/completions", "POST"),
    ("DELETE", "/chat/completions", "POST"), ("POST", "/v1/models", "GET"), ("DELETE", "/v1/models/google/x", "GET"),
    ("POST", "/healthz", "GET"), ("PATCH", f"/v1/{PLACE}/chat/completions", "POST")])
def test_method(daemon, method, path, allowed):
    answer = daemon.ask(wire.request(method, path, b"{}" if method in ("PUT", "POST", "PATCH") else None))
    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
    methods = {word.strip() for word in answer["allow"].split(",")}
    assert allowed in methods and method not in methods


def test_head_is_get_without_the_body(daemon):
    whole, head = daemon.get("/v1/models"), daemon.ask(wire.request("HEAD", "/v1/models"))
    assert head.status == 200 and head.body == b""
    assert head["content-length"] == str(len(whole.body)) and head["content-type"] == whole["content-type"]
    with daemon.connect() as connection:  # and nothing of it comes late
        connection.send(wire.request("HEAD", "/v1/models") + wire.request("GET", "/healthz"))
        connection.answer(head_only=True)
        assert connection.answer().status == 200


def test_head_of_nothing(daemon):
    assert daemon.ask(wire.request("HEAD", "/nothing")).status == 404


@pytest.mark.parametrize("path, allowed", [("/v1/chat/completions", "POST"), ("/v1/models", "GET"), ("*", None)])
def test_options(daemon, path, allowed):
    answer = daemon.ask(wire.request("OPTIONS", path))
    assert answer.status in (200, 204)
    assert allowed is None or allowed in answer["allow"]


# ---- names ----


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%2fb", "a%00b", "a..b", ".hidden", "a%5cb", "a%0ab", "%zz", "a" * 200])
@pytest.mark.parametrize("path", ["/v1/projects/{}/locations/us-central1/endpoints/openapi/chat/completions",
                                  "/v1/projects/p/locations/{}/endpoints/openapi/chat/completions",
                                  "/openai/deployments/{}/chat/completions"])
def test_hostile_names(daemon, path, name):
    answer = daemon.chat(path=path.format(name))
    assert answer.status == 400 and answer.error["type"] == "invalid_request_error"


# ---- who may ask ----


@pytest.mark.parametrize("host", ["localhost", "localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST",
                                  "127.0.0.2"])
def test_own_names(daemon, host):
    same_chat(daemon.chat(headers={"Host": host.format(port=daemon.port)}, max_tokens=3))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1",
                                  "0.0.0.0", "localhost.", "127.0.0.1@evil.example"])
@pytest.mark.parametrize("path", ["/v1/models", "/_dragoman/stats", "/nothing"])
def test_foreign_host(daemon, host, path):
    answer = daemon.get(path, headers={"Host": host})
    if host == "localhost.":
        assert answer.status in (200, 403, 404)  # the root's dot is this machine's name too: either reading is safe
        return
    assert answer.status in (400, 403), answer
    assert answer.error["code"] in ("host_not_allowed", "bad_host")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1.evil.example"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_foreign_origin(daemon, origin, method):
    answer = daemon.ask(wire.request(method, wire.CHAT, wire.body() if method == "POST" else None, {"Origin": origin}))
    assert (answer.status, answer.error["code"]) == (403, "origin_not_allowed")


def test_configured_origin(start):
    daemon = start("auth.origins=https://chat.example")
    same_chat(daemon.chat(headers={"Origin": "https://chat.example"}, max_tokens=3))
    assert daemon.chat(headers={"Origin": "https://chat.example.evil.example"}).status == 403


# ---- what a POST may carry ----


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"])
def test_json_types(daemon, kind):
    same_chat(daemon.chat(headers={"Content-Type": kind}, max_tokens=3))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                                  "text/json", "application/jsonp", "", None])
def test_other_types(daemon, kind):
    answer = daemon.chat(headers={"Content-Type": kind})
    assert (answer.status, answer.error["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("coding, status", [("gzip", 415), ("br", 415), ("identity", 200)])
def test_codings(daemon, coding, status):
    assert daemon.chat(headers={"Content-Encoding": coding}, max_tokens=3).status == status


# ---- request ids ----


@pytest.mark.parametrize("asked", [
    wire.chat(max_tokens=3), wire.chat(stream=True), wire.chat(temperature=9), wire.request("GET", "/nothing"),
    wire.request("GET", "/healthz"), wire.request("HEAD", "/v1/models"), wire.request("OPTIONS", wire.CHAT),
    wire.request("GET", "/v1/models", headers={"Host": "evil.example"}), b"rubbish\r\n\r\n"], ids=range(9))
def test_request_id_on_every_answer(daemon, asked):
    first, second = daemon.ask(asked)["x-request-id"], daemon.ask(asked)["x-request-id"]
    assert first and second and first != second


@pytest.mark.parametrize("given, taken", [("Abc-1.2_3", True), ("x" * 128, True), ("x" * 129, False), ("a b", False),
                                          ("a,b", False), ("", False), ("<script>", False)])
def test_request_id_is_taken_when_it_is_safe(daemon, given, taken):
    answer = daemon.get("/healthz", headers={"x-request-id": given})
    assert (answer["x-request-id"] == given) == taken


def test_errors_are_json(daemon):
    answer = daemon.get("/nothing")
    assert answer["content-type"].startswith("application/json")
    assert json.loads(answer.body)["error"]["param"] is None
