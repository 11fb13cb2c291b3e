# SPDX-License-Identifier: Apache-2.0
"""What the emulator answers with: calls, instances of schemas, files by name, thoughts, blocked prompts. Native paths."""

import base64
import json
import struct

import pytest
import wire

PLACE = "/v1beta1/projects/p/locations/global/publishers/google/models/"
GEMINI = "/v1beta/models/"
EMULATED = "no model was asked"

WEATHER = {"name": "get_weather", "description": "Get the weather in a given location", "parameters": {
    "type": "OBJECT", "required": ["location"], "properties": {
        "location": {"type": "STRING", "description": "The city and state, e.g. Chicago, IL"},
        "unit": {"type": "STRING", "enum": ["celsius", "fahrenheit"]}}}}
TIME = {"name": "getLocalTime", "description": "The time of day", "parametersJsonSchema": {
    "type": "object", "properties": {"city": {"type": "string"}, "digits": {"type": "integer", "minimum": 4}}}}
EVENT = {"type": "object", "properties": {"name": {"type": "string"}, "date": {"type": "string"},
         "participants": {"type": "array", "items": {"type": "string"}}}, "required": ["name", "date", "participants"]}


def user(text, *parts):
    return {"role": "user", "parts": [{"text": text}, *parts]}


def ask(daemon, contents, model="gemini-2.0-flash", place=PLACE, headers=None, stream=False, **members):
    """The responses: one, or those of a stream."""
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    contents = [user(contents)] if isinstance(contents, str) else contents
    body = json.dumps({"contents": contents, **members}).encode()
    answer = daemon.ask(wire.request("POST", f"{place}{model}:{verb}", body, headers))
    assert answer.status == 200, answer.body
    if not stream:
        return [answer.json]
    return [json.loads(event.removeprefix("data: ")) for event in answer.body.decode().split("\r\n\r\n")[:-1]]


def parts(responses):
    return [part for r in responses for part in r["candidates"][0]["content"].get("parts", [])]


def text(responses):
    return "".join(part["text"] for part in parts(responses) if "text" in part and not part.get("thought"))


def calls(responses):
    return [part["functionCall"] for part in parts(responses) if "functionCall" in part]


def tools(*functions, **calling):
    config = {"toolConfig": {"functionCallingConfig": calling}} if calling else {}
    return {"tools": [{"functionDeclarations": functions}], **config}


def results(made, **returned):
    return {"role": "user", "parts": [{"functionResponse": {"name": call["name"], "response": returned}}
                                      for call in made]}


def check_usage(usage):
    counted = {"TEXT": usage["promptTokenCount"]} if "promptTokensDetails" not in usage else {
        detail["modality"]: detail["tokenCount"] for detail in usage["promptTokensDetails"]}
    assert sum(counted.values()) == usage["promptTokenCount"]
    assert usage["totalTokenCount"] == sum(usage.get(n, 0) for n in (
        "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"))
    return counted


# ---- the tool loop ----

@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-2.5-flash", "gemini-3.1-pro-preview"])
def test_one_function_is_called_and_its_result_told(daemon, model, stream):
    contents = [user("What's the weather like in Chicago today?")]
    first = ask(daemon, contents, model, stream=stream, **tools(WEATHER))
    made = calls(first)
    assert [(c["name"], c["args"]) for c in made] == [("get_weather", {"location": "Chicago", "unit": "celsius"})]
    assert first[-1]["candidates"][0]["finishReason"] == "STOP" and not text(first)
    assert check_usage(first[-1]["usageMetadata"])["TEXT"] > 20 and first[-1]["usageMetadata"]["candidatesTokenCount"] > 3
    contents += [{"role": "model", "parts": parts(first)}, results(made, output="sunny, 25 degrees")]
    second = ask(daemon, contents, model, stream=stream, **tools(WEATHER))
    assert not calls(second) and '{"output":"sunny, 25 degrees"}' in text(second) and EMULATED in text(second)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asked, wanted", [
    ("What is the weather and the local time in Chicago?",
     [("getLocalTime", "Chicago"), ("get_weather", "Chicago")]),
    ("Call both in parallel.", [("get_weather", "Chicago, IL"), ("getLocalTime", "emulated")]),
    ("The weather in Chicago and New York?", [("get_weather", "Chicago"), ("get_weather", "New York")]),
])
def test_several_things_are_called_in_parallel(daemon, asked, wanted, stream):
    answers = ask(daemon, asked, "gemini-3-flash-preview", stream=stream, **tools(WEATHER, TIME))
    made = calls(answers)
    assert [(c["name"], c["args"].get("location") or c["args"]["city"]) for c in made] == wanted
    signed = ["thoughtSignature" in part for part in parts(answers)]
    assert signed == [True] + [False] * (len(wanted) - 1), "the first of a step alone"
    assert len({c["id"] for c in made}) == len(made)
    if stream:
        assert len(answers) == len(made), "a call an event"


def test_each_function_is_called_once_the_best_fit_first(daemon):
    contents, names = [user("What time is it in Paris?")], []
    for _ in range(5):
        answer = ask(daemon, contents, "gemini-3-flash-preview", **tools(WEATHER, TIME))
        made = calls(answer)
        if not made:
            break
        assert len(made) == 1
        names += [made[0]["name"]]
        contents += [{"role": "model", "parts": parts(answer)}, results(made, output=names[-1])]
    assert names == ["getLocalTime", "get_weather"]
    assert '{"output":"getLocalTime"}' in text(answer) and '{"output":"get_weather"}' in text(answer)
    contents += [{"role": "model", "parts": parts(answer)}, user("And the weather in Rome?")]
    again = calls(ask(daemon, contents, "gemini-3-flash-preview", **tools(WEATHER, TIME)))
    assert [(c["name"], c["args"]["location"]) for c in again] == [("get_weather", "Rome")], "a new turn, a new loop"


@pytest.mark.parametrize("asked, calling, wanted", [
    ("Hello!", {}, []),
    ("Hi there, how are you?", {"mode": "AUTO"}, []),
    ("Hello weather!", {}, ["get_weather"]),
    ("Hello!", {"mode": "ANY"}, ["get_weather"]),
    ("The weather?", {"mode": "ANY", "allowedFunctionNames": ["getLocalTime"]}, ["getLocalTime"]),
    ("The weather?", {"mode": "NONE"}, []),
    ("The weather?", {"mode": "VALIDATED"}, ["get_weather"]),
    ("Something else.", {}, ["get_weather"]),
])
def test_the_mode_and_the_words_decide(daemon, asked, calling, wanted):
    answer = ask(daemon, asked, **tools(WEATHER, TIME, **calling))
    assert [c["name"] for c in calls(answer)] == wanted
    assert bool(text(answer)) != bool(wanted)


def test_any_calls_again_when_all_were_called(daemon):
    contents = [user("Weather?"), {"role": "model", "parts": [{"functionCall": {"name": "get_weather", "args": {}}}]},
                results([{"name": "get_weather"}], output=1)]
    assert calls(ask(daemon, contents, **tools(WEATHER, mode="ANY")))
    assert not calls(ask(daemon, contents, **tools(WEATHER)))


@pytest.mark.parametrize("place, has", [(PLACE, True), (PLACE.replace("v1beta1", "v1"), False), (GEMINI, True)])
def test_calls_have_ids_where_the_surface_has_them(daemon, place, has):
    assert ("id" in calls(ask(daemon, "The weather?", place=place, **tools(WEATHER)))[0]) == has


@pytest.mark.parametrize("asked", ["Answer me: the weather?", "Call both at once."])
def test_a_final_function_comes_last(daemon, asked):
    final = {"name": "final_answer", "description": "The answer, when no other function is needed."}
    contents = [user(asked)]
    for wanted in ("get_weather", "final_answer"):
        answer = ask(daemon, contents, **tools(final, WEATHER, mode="ANY"))
        assert [c["name"] for c in calls(answer)] == [wanted]
        contents += [{"role": "model", "parts": parts(answer)}, results(calls(answer), output=1)]


def test_calls_that_do_not_fit_are_left_out(daemon):
    limit = {"generationConfig": {"maxOutputTokens": 4}}
    answer = ask(daemon, "The weather in Chicago?", **limit, **tools(WEATHER))[0]
    assert answer["candidates"][0]["finishReason"] == "MAX_TOKENS" and not parts([answer])


# ---- schemas ----

@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("member", ["responseSchema", "responseJsonSchema"])
def test_the_calendar_event(daemon, member, stream):
    config = {"responseMimeType": "application/json", member: EVENT}
    said = text(ask(daemon, "John and Susan are going to an AI conference on Friday.", stream=stream,
                    generationConfig=config))
    assert said == '{"name":"AI conference","date":"Friday","participants":["John","Susan"]}'


@pytest.mark.parametrize("schema, wanted", [
    ({"type": "INTEGER", "format": "enum", "enum": ["101", "201"]}, 101),
    ({"type": "OBJECT", "properties": {"b": {"type": "NUMBER"}, "a": {"type": "BOOLEAN"}}, "propertyOrdering": ["a", "b"]},
     {"a": True, "b": 3}),
    ({"anyOf": [{"type": "STRING", "format": "date-time"}]}, "2026-01-15T09:30:00Z"),
    ({"type": "ARRAY", "items": {"type": "STRING", "nullable": True}, "minItems": "2"}, ["emulated", "emulated"]),
])
def test_other_schemas(daemon, schema, wanted):
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    said = json.loads(text(ask(daemon, "Take 3.", generationConfig=config)))
    assert said == wanted and list(said) == list(wanted) if isinstance(wanted, dict) else said == wanted


def test_json_without_a_schema_and_enums(daemon):
    assert json.loads(text(ask(daemon, "Hi", generationConfig={"responseMimeType": "application/json"})))["emulated"]
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["Oboe", "Viola"]}}
    assert text(ask(daemon, "Which?", generationConfig=config)) == "Oboe"


# ---- files ----

def png(width, height):
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIB", 13, b"IHDR", width, height, 8) + bytes(8)


def wav(seconds, rate=8000):
    data = bytes(int(seconds * rate))
    return (b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 1, 1, rate, rate, 1, 8) + b"data" + struct.pack("<I", len(data)) + data)


def inline(mime_type, data):
    return {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(data).decode()}}


@pytest.mark.parametrize("stream", [False, True])
def test_files_are_named(daemon, stream):
    answers = ask(daemon, [user(
        "What are these?", inline("image/png", png(640, 480)), inline("image/jpeg", png(20, 10)),
        inline("audio/wav", wav(2.5)), inline("application/pdf", b"%PDF-1.7\n"),
        {"fileData": {"mimeType": "audio/mp3", "fileUri": "gs://bucket/folder/o.mp3"}})], stream=stream)
    said = text(answers)
    for wanted in ("image/png of 640 x 480 pixels, 33 bytes", "image/jpeg (its bytes are image/png) of 20 x 10 pixels",
                   "audio/wav of 2.5 seconds, 20044 bytes", "a PDF of 9 bytes",
                   "o.mp3, audio/mp3 at gs://bucket/folder/o.mp3 (emulated: not fetched)"):
        assert wanted in said, said
    counted = check_usage(answers[-1]["usageMetadata"])
    assert counted["IMAGE"] == 258 * 4 + 258 and counted["AUDIO"] == 80 + 258 and counted["DOCUMENT"] == 258


@pytest.mark.parametrize("level, tokens", [(None, 1120), ("LOW", 280), ("MEDIUM", 560), ("HIGH", 1120)])
def test_images_by_resolution(daemon, level, tokens):
    config = {"generationConfig": {"mediaResolution": f"MEDIA_RESOLUTION_{level}"}} if level else {}
    answer = ask(daemon, [user("What?", inline("image/png", png(2000, 2000)))], "gemini-3-flash-preview", **config)
    assert check_usage(answer[0]["usageMetadata"])["IMAGE"] == tokens


# ---- responders by name ----

@pytest.mark.parametrize("stream", [False, True])
def test_echo(daemon, stream):
    said = ask(daemon, "The weather, \u00e4 \u20ac \U0001f600?", headers={"x-dragoman-emulate": "echo"}, stream=stream,
               **tools(WEATHER))
    assert text(said) == "The weather, \u00e4 \u20ac \U0001f600?" and not calls(said)


def test_tools_by_name(daemon):
    assert calls(ask(daemon, "Hello!", headers={"x-dragoman-emulate": "tools"}, **tools(WEATHER)))
    made = calls(ask(daemon, "Hello!", headers={"X-Dragoman-Emulate": "tools:parallel"}, **tools(WEATHER, TIME)))
    assert [c["name"] for c in made] == ["get_weather", "getLocalTime"]


@pytest.mark.parametrize("stream", [False, True])
def test_long_thinking(daemon, stream):
    thoughts = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    asked = {"model": "gemini-2.5-flash", "stream": stream, **thoughts}
    answers = ask(daemon, "Hello!", headers={"x-dragoman-emulate": "long-thinking"}, **asked)
    usage = answers[-1]["usageMetadata"]
    check_usage(usage)
    summary = "".join(part["text"] for part in parts(answers) if part.get("thought"))
    assert usage["thoughtsTokenCount"] == 4096 and summary.count("**Step") == 42 and EMULATED in text(answers)
    assert not stream or len(answers) > 50
    usage = ask(daemon, "Hello!", headers={"x-dragoman-emulate": "long-thinking:20000"}, **asked)[-1]["usageMetadata"]
    assert usage["thoughtsTokenCount"] == 20000
    thoughts["generationConfig"]["thinkingConfig"]["thinkingBudget"] = 100
    usage = ask(daemon, "Hello!", headers={"x-dragoman-emulate": "long-thinking:20000"}, **asked)[-1]["usageMetadata"]
    assert usage["thoughtsTokenCount"] == 100, "the budget holds"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asked, reason", [("blocked", "PROHIBITED_CONTENT"), ("blocked:safety", "SAFETY")])
def test_blocked(daemon, asked, reason, stream):
    answers = ask(daemon, "Hello!", headers={"x-dragoman-emulate": asked}, stream=stream)
    assert len(answers) == 1 and "candidates" not in answers[0]
    assert answers[0]["promptFeedback"]["blockReason"] == reason
    usage = answers[0]["usageMetadata"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] > 0 and "candidatesTokenCount" not in usage


@pytest.mark.parametrize("value", ["nobody", "echo:loud", "blocked:IMAGE_SAFETY", "long-thinking:much", ""])
def test_responders_that_there_are_not(daemon, value):
    body = json.dumps({"contents": [user("Hi")]}).encode()
    answer = daemon.ask(wire.request("POST", f"{PLACE}gemini-2.0-flash:generateContent", body, {"x-dragoman-emulate": value}))
    error = answer.json["error"]
    assert answer.status == 400 and error["status"] == "INVALID_ARGUMENT"
    assert f'"{value}"' in error["message"] and "long-thinking[:TOKENS], blocked[:REASON]" in error["message"]
    assert ("JAILBREAK" in error["message"]) is False and ("MODEL_ARMOR" in error["message"]) == (value[:3] == "blo")
