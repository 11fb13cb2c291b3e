# SPDX-License-Identifier: Apache-2.0
"""The emulator's answers, of every responder and on both services, parse as Google's own message classes."""

import json

import emulated
import pytest
import wire

PLACES = {"vertex": "/v1beta1/projects/p/locations/global/publishers/google/models/", "gemini": "/v1beta/models/"}
SURFACES = {"vertex": {"NATIVE_VERTEX", "NATIVE_V1B1"}, "gemini": {"NATIVE_GEMINI", "NATIVE_G1B"}}
WORDS = {"blocked": "BLOCK_REASON", "finish": "FINISH_REASON", "usage": "USAGE_SHAPE", "traffic": "TRAFFIC"}
FUNCTION = {"name": "get_weather", "parameters": {"type": "OBJECT", "properties": {"location": {"type": "STRING"},
            "days": {"type": "INTEGER"}, "sure": {"type": "BOOLEAN"}}}}
CITIES = "The weather in Chicago and New York?"


def arguments(responder, surface):
    """The arguments of a responder that the surface knows."""
    if responder not in WORDS:
        return emulated.ARGUMENTS.get(responder, [""])
    found = []
    for name, values in emulated.ROWS:
        if name == WORDS[responder] and name in ("BLOCK_REASON", "FINISH_REASON"):
            found += [values[0]] if SURFACES[surface] & set(values[1].split(" | ")) else []
        elif name == WORDS[responder]:
            found += [values[1]] if name == "USAGE_SHAPE" else [values[0]] if surface == "vertex" else []
    return [word for word in found if word != "NOT_YET_KNOWN"]


CASES = [(surface, responder, argument) for surface in PLACES for responder in
         (values[1] for name, values in emulated.ROWS if name == "RESPONDER") for argument in arguments(responder, surface)]


def native(daemon, surface, responder, streams, model="gemini-2.5-flash", **config):
    body = {"contents": [{"role": "user", "parts": [{"text": CITIES}]}], "generationConfig": {
        "thinkingConfig": {"includeThoughts": True}, **config}}
    if responder.partition(":")[0] in ("tools", "partial-args", "late-stop", "sparse"):
        body["tools"] = [{"functionDeclarations": [FUNCTION]}]
    verb = "streamGenerateContent?alt=sse" if streams else "generateContent"
    answer = daemon.ask(wire.request("POST", f"{PLACES[surface]}{model}:{verb}", json.dumps(body).encode(),
                                     {"x-dragoman-emulate": responder}))
    assert answer.status == 200, answer.body
    return [json.loads(event[6:]) for event in answer.body.decode().split("\r\n\r\n") if event] if streams else [answer.json]


@pytest.mark.parametrize("surface, responder, argument", CASES)
def test_answers(daemon, judges, surface, responder, argument):
    asked = f"{responder}:{argument}" if argument else responder
    for streams in (False, True):
        for message in native(daemon, surface, asked, streams):
            assert judges[surface].judge("response", message) is None, message


@pytest.mark.parametrize("surface", PLACES)
@pytest.mark.parametrize("streams", [False, True])
def test_usage_sums(daemon, surface, streams):
    """What Google says of its counts (google.md 6.8) holds of ours."""
    for argument in ("details", "inside"):
        usage = native(daemon, surface, f"usage:{argument}", streams)[-1]["usageMetadata"]
        among = argument == "inside"
        assert usage["totalTokenCount"] == (usage["promptTokenCount"] + usage["candidatesTokenCount"] +
                                            (0 if among else usage["thoughtsTokenCount"]) + usage.get("toolUsePromptTokenCount", 0))
        for name, details in (("promptTokenCount", "promptTokensDetails"), ("cachedContentTokenCount", "cacheTokensDetails")):
            assert usage.get(name, 0) == sum(one["tokenCount"] for one in usage.get(details, []))


def test_the_judge_sees_a_wrong_answer(judges):
    for wrong in ({"candidates": [{"finish": "STOP"}]}, {"candidates": [{"finishReason": "NOT_YET_KNOWN"}]},
                  {"usageMetadata": {"totalTokenCount": "many"}}):
        assert all(judge.judge("response", wrong) for judge in judges.values())
