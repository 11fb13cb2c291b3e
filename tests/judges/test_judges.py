# SPDX-License-Identifier: Apache-2.0
"""The judges themselves: they pass what is right, and find what is wrong."""

import generate
import losses
import pytest
import seeded

FULL = {
    "systemInstruction": {"parts": [{"text": "Be kind."}]},
    "tools": [
        {"functionDeclarations": [
            {"name": "a", "description": "b", "parametersJsonSchema": {"type": ["string", "null"], "$defs": {"A": True}}},
            {"name": "c", "parameters": {"type": "OBJECT", "nullable": True, "propertyOrdering": ["x"], "properties": {
                "x": {"type": "STRING", "enum": ["a"], "format": "enum", "minLength": 1, "maxLength": "4"}}, "required": ["x"]}}]},
        {"googleSearch": {}}, {"codeExecution": {}}, {"urlContext": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a"]}},
    "safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_ONLY_HIGH"}],
    "generationConfig": {"temperature": 1.0, "maxOutputTokens": 5, "stopSequences": ["x"], "candidateCount": 2, "seed": -3,
                         "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
                         "thinkingConfig": {"includeThoughts": True, "thinkingBudget": -1}, "responseModalities": ["TEXT"]},
    "contents": [
        {"role": "user", "parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                                   {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b"}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "a", "args": {"n": 2512292042121000001}}, "thoughtSignature": "AAAA"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "a", "response": {"output": [1]}}}]}],
}
WRONG = {
    "a member of nobody's": {"contentz": []},
    "deeper": {"contents": [{"parts": [{"text": "x", "foo": 1}]}]},
    "a type": {"generationConfig": {"maxOutputTokens": "many"}},
    "an enum": {"toolConfig": {"functionCallingConfig": {"mode": "SOMETIMES"}}},
    "two of one": {"contents": [{"parts": [{"text": "x", "inlineData": {"mimeType": "a/b", "data": "AAAA"}}]}]},
    "JSON Schema in the subset": {"tools": [{"functionDeclarations": [{"name": "a", "parameters": {"type": ["string", "null"]}}]}]},
    "a keyword that the subset lacks": {"tools": [{"functionDeclarations": [{"name": "a", "parameters": {"type": "OBJECT", "const": 1}}]}]},
    "a response": {"contents": [{"parts": [{"functionResponse": {"name": "a", "response": ["x"]}}]}]},
}


@pytest.mark.parametrize("surface", ["vertex", "gemini"])
def test_full(judges, surface):
    assert judges[surface].judge("request", FULL) is None


@pytest.mark.parametrize("surface", ["vertex", "gemini"])
@pytest.mark.parametrize("what", WRONG)
def test_wrong(judges, surface, what):
    assert judges[surface].judge("request", WRONG[what])


def test_surfaces_differ(judges):
    assert judges["vertex"].judge("request", {"labels": {"a": "b"}}) is None
    assert judges["gemini"].judge("request", {"labels": {"a": "b"}})


BEFORE = {"type": "object", "properties": {"city": {"type": "string", "pattern": "^[a-z]+$"}, "days": {"type": ["integer", "null"]},
                                           "share": {"type": "number", "multipleOf": 0.5}, "kind": {"const": "x"}}, "required": ["city"]}
AFTER = {"type": "OBJECT", "properties": {"city": {"type": "STRING", "pattern": "^[a-z]+$"}, "days": {"type": "INTEGER", "nullable": True},
                                          "share": {"type": "NUMBER"}, "kind": {"type": "STRING", "enum": ["x"]}}, "required": ["city"]}
NOTE = "tool_a: multipleOf at /properties/share"


def loss(sent, notes=NOTE, before=BEFORE):
    return losses.unreported(seeded.Source(1), "tool_a", before, sent, notes)


def without(schema, name, keyword):
    properties = schema["properties"]
    kept = {key: value for key, value in properties[name].items() if key != keyword}
    return schema | {"properties": properties | {name: kept}}


def test_reported_loss():
    assert loss({"parameters": AFTER}) is None


def test_unreported_keyword():
    assert "multipleOf" in loss({"parameters": AFTER}, "tool_b: multipleOf at /properties/share")


@pytest.mark.parametrize("name, keyword", [("city", "pattern"), ("days", "nullable"), ("kind", "enum"), ("city", "type")])
def test_unreported_by_values(name, keyword):
    before = without(BEFORE, "share", "multipleOf")
    assert loss({"parameters": AFTER}, "", before) is None
    assert loss({"parameters": without(AFTER, name, keyword)}, "", before)


def test_unreported_requirement():
    before = without(BEFORE, "share", "multipleOf")
    assert loss({"parameters": AFTER | {"required": []}}, "", before)


def test_not_sent():
    assert loss({}, "")
    assert loss({}, "", {"type": "object", "properties": {}}) is None


def test_json_schema_is_untouched():
    assert loss({"parametersJsonSchema": BEFORE}, "") is None
    assert loss({"parametersJsonSchema": {key: BEFORE[key] for key in reversed(BEFORE)}}, "")
    assert loss({"parametersJsonSchema": without(BEFORE, "share", "multipleOf")}, "")
    assert loss({"parametersJsonSchema": BEFORE}, "", {"$schema": "x"} | BEFORE) is None
    assert loss({"parametersJsonSchema": {"title": "\ufffd"}}, "", {"title": "\ud83d"}) is None


def test_same_seed_same_request():
    for kind in generate.MAKERS:
        first, second = ([case.line() for case in generate.cases(kind, 50)] for _ in range(2))
        assert first == second and len(set(first)) > 45
