# SPDX-License-Identifier: Apache-2.0
"""Google's own APIs on the gateway's port, on the wire: every path and method, countTokens, lists, errors in Google's shapes."""

import collections
import json
import re

import pytest
import wire
from dragoman import ROOT
from upstream import configuration

PROJECT = "projects/p/locations/us-central1"
MODEL = "gemini-2.5-flash"
SURFACES = {"v1": f"/v1/{PROJECT}/publishers/google/models", "v1b1": f"/v1beta1/{PROJECT}/publishers/google/models",
            "g1b": "/v1beta/models", "g1": "/v1/models"}
EXPRESS = ["/v1/publishers/google/models", "/v1beta1/publishers/google/models"]
HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello!"}]}]}
KEY = {"x-goog-api-key": "k"}


def post(path, body=HELLO, headers=None):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return wire.request("POST", path, content, headers)


def get(path, headers=None):
    return wire.request("GET", path, None, headers)


def error(answer, status, word):
    """The error object; asserts Google's shape on the way."""
    assert answer.status == status, (answer.status, answer.body)
    assert answer["content-type"] in ("application/json; charset=UTF-8", "application/json")
    assert set(answer.json) == {"error"}, answer.json
    found = answer.json["error"]
    assert (found["code"], found["status"]) == (status, word) and found["message"]
    return found


def is_page(answer):
    return answer.status == 404 and answer["content-type"] == "text/html; charset=UTF-8" and b"<title>Error 404" in answer.body


# ---- answers ----


@pytest.mark.parametrize("models", [*SURFACES.values(), *EXPRESS])
def test_whole_and_streamed(daemon, models):
    whole = daemon.ask(post(f"{models}/{MODEL}:generateContent?key=k"))
    assert whole.status == 200 and whole["content-type"] == "application/json; charset=UTF-8"
    assert whole["content-length"] == str(len(whole.body)) and whole["transfer-encoding"] is None
    said = whole.json["candidates"][0]["content"]["parts"][0]["text"]
    sse = daemon.ask(post(f"{models}/{MODEL}:streamGenerateContent?alt=sse"))
    assert sse["content-type"] == "text/event-stream" and sse["transfer-encoding"] == "chunked"
    events = [json.loads(event.removeprefix("data: ")) for event in sse.body.decode().split("\r\n\r\n")[:-1]]
    array = daemon.ask(post(f"{models}/{MODEL}:streamGenerateContent"))
    assert array["content-type"] == "application/json; charset=UTF-8" and array["transfer-encoding"] == "chunked"
    for pieces in (events, array.json):
        assert len(pieces) > 1 and pieces[-1]["candidates"][0]["finishReason"] == "STOP"
        texts = [part["text"] for piece in pieces for part in piece["candidates"][0]["content"].get("parts", [])]
        assert "".join(texts) == said


def test_an_array_leaves_as_it_is_made(start):
    daemon = start(pace=(0, 60))
    with daemon.connect() as connection:
        connection.send(post(f"{SURFACES['g1b']}/{MODEL}:streamGenerateContent"))
        connection.head()
        pieces = []
        while piece := connection.chunk():
            pieces.append(piece)
    assert len(pieces) > 2 and pieces[0].startswith(b"[{") and pieces[1].startswith(b",\r\n{") and pieces[-1].endswith(b"}]")


@pytest.mark.parametrize("place", ["g1b", "v1b1"])
def test_calls_have_ids_where_google_gives_them(daemon, place):
    tools = [{"functionDeclarations": [{"name": "get_weather", "description": "The weather of a place"}]}]
    for surface in (place, "v1"):
        body = {"contents": [{"role": "user", "parts": [{"text": "The weather in Boston?"}]}], "tools": tools}
        call = daemon.ask(post(f"{SURFACES[surface]}/{MODEL}:generateContent", body)).json
        call = call["candidates"][0]["content"]["parts"][0]["functionCall"]
        assert call["name"] == "get_weather" and ("id" in call) == (surface != "v1")


def test_heads_of_googles_clients(daemon):
    headers = {**KEY, "x-goog-user-project": "p", "x-server-timeout": "60", "x-goog-api-client": "google-genai-sdk/3.4.0",
               "Authorization": "Bearer t"}
    assert daemon.ask(post(f"{SURFACES['v1b1']}/{MODEL}:generateContent", headers=headers)).status == 200


# ---- tokens ----


@pytest.mark.parametrize("surface", SURFACES)
def test_tokens_are_those_of_the_usage(daemon, surface):
    usage = daemon.ask(post(f"{SURFACES[surface]}/{MODEL}:generateContent")).json["usageMetadata"]
    counted = daemon.ask(post(f"{SURFACES[surface]}/{MODEL}:countTokens"))
    assert counted.status == 200 and counted.json["totalTokens"] == usage["promptTokenCount"]
    assert counted.json["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": usage["promptTokenCount"]}]
    assert ("totalBillableCharacters" in counted.json) == surface.startswith("v")


def test_a_whole_request_is_counted(daemon):
    path = f"{SURFACES['g1b']}/{MODEL}:countTokens"
    whole = daemon.ask(post(path, {"generateContentRequest": {**HELLO, "model": f"models/{MODEL}"}}))
    assert whole.json == daemon.ask(post(path)).json
    found = error(daemon.ask(post(path, {})), 400, "INVALID_ARGUMENT")
    assert found["message"] == "CountTokens requires generate_content_request or contents to be set."
    found = error(daemon.ask(post(path, {"contents": [{"parts": [{}]}]})), 400, "INVALID_ARGUMENT")
    assert found["message"].startswith("* CountTokensRequest.contents[0].parts[0].data: required oneof field")


# ---- lists ----


@pytest.mark.parametrize("path, member, name", [
    ("/v1beta/models", "models", "models/{}"),
    ("/v1beta1/publishers/*/models", "publisherModels", "publishers/google/models/{}"),
    ("/v1beta1/publishers/google/models", "publisherModels", "publishers/google/models/{}"),
])
def test_lists(daemon, path, member, name):
    rows = re.findall(r'^MODEL\("([^"]+)"', (ROOT / "src/emulate/models.def").read_text(), re.M)
    whole = daemon.ask(get(path)).json
    assert [model["name"] for model in whole[member]] == [name.format(row) for row in rows] and set(whole) == {member}
    paged, token = [], ""
    while token is not None:
        page = daemon.ask(get(f"{path}?pageSize=7&pageToken={token}")).json
        paged, token = paged + page[member], page.get("nextPageToken")
    assert paged == whole[member]
    error(daemon.ask(get(f"{path}?pageToken=nonsense")), 400, "INVALID_ARGUMENT")


def test_one_model(daemon):
    model = daemon.ask(get(f"/v1beta/models/{MODEL}")).json
    assert (model["name"], model["inputTokenLimit"], model["thinking"]) == (f"models/{MODEL}", 1048576, True)
    assert "generateContent" in model["supportedGenerationMethods"]
    assert daemon.ask(get(f"/v1/publishers/google/models/{MODEL}")).json["name"] == f"publishers/google/models/{MODEL}"
    error(daemon.ask(get("/v1beta/models/none")), 404, "NOT_FOUND")
    head = daemon.ask(wire.request("HEAD", f"/v1beta/models/{MODEL}"))
    assert head.status == 200 and int(head["content-length"]) > 0


@pytest.mark.parametrize("path, headers", [("", KEY), ("", {"x-goog-api-client": "google-genai-sdk/3.4.0"}), ("?key=k", {}),
                                           ("?pageSize=3&key=k", {})])
def test_paths_that_both_apis_have(daemon, path, headers):
    """/v1/models is OpenAI's, and since google-genai 3.0.0 what Google's client asks by default."""
    assert daemon.get("/v1/models").json["object"] == "list"
    assert daemon.ask(get(f"/v1/models{path}", headers)).json["models"][0]["name"].startswith("models/gemini-")
    assert daemon.get(f"/v1/models/google/{MODEL}").json["object"] == "model"
    assert daemon.ask(get(f"/v1/models/{MODEL}{path}", headers)).json["name"] == f"models/{MODEL}"


# ---- errors ----


@pytest.mark.parametrize("surface", SURFACES)
def test_refusals(daemon, surface):
    path = SURFACES[surface]
    call = f"{path}/{MODEL}:generateContent"
    found = error(daemon.ask(post(f"{path}/gemini-9-none:generateContent")), 404, "NOT_FOUND")
    assert ("Publisher Model `projects/p/" in found["message"]) == surface.startswith("v")
    found = error(daemon.ask(post(call, b'{"contents": [')), 400, "INVALID_ARGUMENT")
    assert found["message"].startswith("Invalid JSON payload received.")
    assert found["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    found = error(daemon.ask(post(call, {**HELLO, "generationConfig": {"temprature": 1}})), 400, "INVALID_ARGUMENT")
    assert found["details"][0]["fieldViolations"] == [{
        "field": "generation_config",
        "description": "Invalid JSON payload received. Unknown name \"temprature\" at 'generation_config': Cannot find field."}]
    array = daemon.ask(post(f"{path}/{MODEL}:streamGenerateContent", {}))
    assert array.status == 400 and array.json[0]["error"]["status"] == "INVALID_ARGUMENT" and len(array.json) == 1
    error(daemon.ask(post(f"{path}/{MODEL}:streamGenerateContent?alt=sse", {})), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("surface", SURFACES)
def test_methods_that_are_none(daemon, surface):
    path = SURFACES[surface]
    assert is_page(daemon.ask(post(f"{path}/{MODEL}:generate")))
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        asked = wire.request(method, f"{path}/{MODEL}:generateContent?key=k", b"{}" if method != "GET" else None)
        answer = daemon.ask(asked)
        if method == "GET" and surface.startswith("g"):  # the name of a model that there is not
            error(answer, 404, "NOT_FOUND")
        else:
            assert is_page(answer), (method, answer)
    found = error(daemon.ask(post(f"{path}/{MODEL}:embedContent")), 501, "UNIMPLEMENTED")
    assert "embedContent" in found["message"]


def test_paths_that_are_none(daemon):
    assert is_page(daemon.ask(get("/v1/publishers/google/models")))
    assert is_page(daemon.ask(get(f"{SURFACES['v1']}/{MODEL}")))
    assert is_page(daemon.ask(post("/v1beta/models/:generateContent")))


def test_what_the_gateway_refuses_has_googles_shape(start, tmp_path):
    daemon = start("limits.body_mb=1")
    call = f"{SURFACES['g1b']}/{MODEL}:generateContent"
    found = error(daemon.ask(post(call, headers={"Content-Type": "text/plain"})), 415, "INVALID_ARGUMENT")
    assert "application/json" in found["message"]
    error(daemon.ask(post(call, b" " * ((1 << 20) + 1))), 413, "INVALID_ARGUMENT")
    (tmp_path / "front").mkdir()
    front = start(args=("--config", str(configuration(tmp_path / "front", daemon.url))))
    for asked in (post(call), get("/v1beta/models")):
        assert "No emulator is configured" in error(front.ask(asked), 404, "NOT_FOUND")["message"]


@pytest.mark.parametrize("headers, status", [({"Host": "evil.example"}, 403), ({"Origin": "https://evil.example"}, 403),
                                             ({"Content-Type": "text/plain"}, 415), ({"Content-Type": None}, 415)])
def test_no_foreign_page_may_ask(daemon, headers, status):
    for surface in SURFACES.values():
        answer = daemon.ask(post(f"{surface}/{MODEL}:generateContent", headers={**KEY, **headers}))
        assert answer.status == status and b"candidates" not in answer.body


# ---- controls ----


@pytest.mark.parametrize("surface", SURFACES)
def test_controls(daemon, surface):
    call = f"{SURFACES[surface]}/{MODEL}:generateContent"
    blocked = daemon.ask(post(call, headers={"x-dragoman-emulate": "blocked:SAFETY"})).json
    assert blocked["promptFeedback"]["blockReason"] == "SAFETY" and "candidates" not in blocked
    for verb in ("generateContent", "countTokens"):
        path = f"{SURFACES[surface]}/{MODEL}:{verb}"
        error(daemon.ask(post(path, headers={"x-dragoman-fault": "429"})), 429, "RESOURCE_EXHAUSTED")
        error(daemon.ask(post(path, headers={"x-dragoman-fault": "nonsense"})), 400, "INVALID_ARGUMENT")
    with daemon.connect() as connection:
        connection.send(post(call, headers={"x-dragoman-fault": "cut-byte=40"}))
        connection.head()
        with pytest.raises(wire.Closed) as cut:
            connection.exactly(10**6)
    assert b'{"candidates"' in cut.value.got


def test_faults_of_lists(daemon):
    answer = daemon.ask(get("/v1beta/models", {"x-dragoman-fault": "503"}))
    assert error(answer, 503, "UNAVAILABLE")


def test_scenario_files(start, tmp_path):
    (tmp_path / "scenario.yaml").write_text(
        "rules:\n- {when: {prompt: weather}, answer: {text: It rains.}}\n- {when: {prompt: busy}, answer: {fault: '503'}}\n")
    daemon = start(f"emulator.scenario={tmp_path / 'scenario.yaml'}")
    for models in SURFACES.values():
        body = {"contents": [{"role": "user", "parts": [{"text": "The weather?"}]}]}
        answer = daemon.ask(post(f"{models}/{MODEL}:generateContent", body)).json
        assert answer["candidates"][0]["content"]["parts"][0]["text"] == "It rains."
        body["contents"][0]["parts"][0]["text"] = "Are you busy?"
        error(daemon.ask(post(f"{models}/{MODEL}:generateContent", body)), 503, "UNAVAILABLE")


def test_they_are_recorded_without_keys(start):
    daemon = start(workers=2)
    paths = [f"{models}/{MODEL}:{verb}?key=secret" for models in SURFACES.values() for verb in ("generateContent", "countTokens")]
    for path in paths:
        assert daemon.ask(post(path, headers={"x-goog-api-key": "secret"})).status == 200
    daemon.ask(get("/v1beta/models?key=secret"))
    answer = daemon.get("/_dragoman/emulator")
    assert b"secret" not in answer.body
    requests = answer.json["requests"]
    told = sorted(r["path"].replace("***", "secret") for r in requests)  # of two workers, each in its own order
    assert told == sorted([*paths, "/v1beta/models?key=secret"])
    assert requests[0]["body"] == HELLO and requests[-1]["method"] == "GET"


# ---- the same as behind the translator ----


def test_each_rule_on_its_surface(start):
    """Of the emulator's own cases: each that breaks a rule breaks it here, and is refused or warned of."""
    daemon = start()
    wanted, asked = collections.Counter(), []
    for case in json.loads((ROOT / "tests/emulate/cases/rules.json").read_text()):
        body = case.get("body", {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": case.get("config")})
        if "rule" not in case or case.keys() & {"signed", "raw", "euros", "megabytes"}:
            continue
        models = SURFACES[case["on"]]
        at = case.get("at") or ("global" if "preview" in case["model"] else "us-central1")
        wanted[case["rule"]] += 1
        asked.append(post(f"{models.replace('us-central1', at)}/{case['model']}:{case.get('verb', 'generateContent')}", body))
    with daemon.connect(30) as connection:
        for request in asked:
            connection.send(request)
            connection.answer()
    counts = daemon.get("/_dragoman/emulator").json["counts"]["rule"]
    assert len(wanted) > 80 and {rule: counts.get(rule) for rule in wanted} == dict(wanted)


def test_golden_requests_natively_and_translated(daemon):
    """What the translator makes of a request is refused, or not, as the same body is that comes natively, with the same words."""
    compared, refused, healed = 0, 0, []
    with daemon.connect(30) as connection:
        for folder in sorted((ROOT / "tests/golden/request").iterdir()):
            files = {file.name for file in folder.iterdir()}
            if not {"openai.json", "gemini.json"} <= files or files & {"options", "headers.txt", "target.txt"}:
                continue
            openai = json.loads((folder / "openai.json").read_text())
            model = str(openai.get("model", "")).removeprefix("google/")
            if not re.fullmatch(r"gemini-[\w.-]+", model):
                continue
            verb = "streamGenerateContent?alt=sse" if openai.get("stream") else "generateContent"
            connection.send(post(f"/v1/{PROJECT}/publishers/google/models/{model}:{verb}", (folder / "gemini.json").read_bytes()))
            native = connection.answer()
            connection.send(post(f"/v1/{PROJECT}/endpoints/openapi/chat/completions", (folder / "openai.json").read_bytes()))
            translated = connection.answer()
            compared += 1
            if b"hought signature" in native.body and translated.status == 200:
                healed.append(folder.name)
                continue
            assert (native.status == 200) == (translated.status == 200), (folder.name, native.body, translated.body)
            assert native["x-dragoman-warning"] is None or native["x-dragoman-warning"] in translated["x-dragoman-warning"], folder.name
            if native.status != 200:
                refused += 1
                said, told = native.json["error"]["message"], translated.json["error"]
                assert native.status == translated.status, folder.name
                assert said.strip() in (told["message"] + "\n" + str(told.get("google_message", ""))), folder.name
    assert compared > 300 and refused > 5, (compared, refused)
    # Their signatures are made up: natively that is a 400, and the gateway asks again without them (user-pain D5).
    assert healed == ["d13-message-signature", "d13-message-signature-parts", "d7-gemini-3-to-2.5", "ignored-in-calls", "signature-25"]


def test_signatures_are_the_seeds(start):
    """Every worker, a restart and another Dragoman with the seed know them; one with another seed never made them."""
    one, same, other = (start(f"emulator.seed={seed}", workers=2) for seed in ("a", "a", "b"))
    path = "/v1/projects/p/locations/global/publishers/google/models/gemini-3-flash-preview:generateContent"
    asked = {"contents": [{"role": "user", "parts": [{"text": "Weather in Oslo?"}]}],
             "tools": [{"functionDeclarations": [{"name": "f"}]}]}
    answer = one.ask(post(path, json.dumps(asked).encode(), {"x-dragoman-emulate": "tools"}))
    content = answer.json["candidates"][0]["content"]
    assert content["parts"][0]["thoughtSignature"]
    asked["contents"] += [content, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}]
    for daemon, status in ((one, 200), (same, 200), (other, 400)):
        answers = [daemon.ask(post(path, json.dumps(asked).encode())) for _ in range(6)]
        assert [each.status for each in answers] == [status] * 6, answers[0].body
    assert "Thought signature is not valid" in answers[0].json["error"]["message"]
