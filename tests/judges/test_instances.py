# SPDX-License-Identifier: Apache-2.0
"""What the emulator makes up for a schema: 2,000 random schemas and pydantic models, each judged by its own library."""

import datetime
import enum
import json
import typing

import generate
import jsonschema
import many
import pydantic
import pytest
import seeded
from conftest import amount

pytestmark = pytest.mark.timeout(600)

MODEL = "google/gemini-2.5-flash"  # takes JSON Schema, and gets the client's untouched
TEXTS = ("red", "green", "blue", "emulated", "another")


def scalar(rng):
    """A schema of a text, number or flag, with limits; sometimes with a `not` beside."""
    kind = rng.choice(("string", "integer", "number", "boolean", "enum", "const"))
    if kind == "string":
        made = {"type": "string"}
        if rng.random() < 0.4:
            made |= {"minLength": rng.randrange(6), "maxLength": rng.randrange(8, 20)}
        elif rng.random() < 0.3:
            made["format"] = rng.choice(("date", "date-time", "email", "uri", "uuid", "ipv4"))
        elif rng.random() < 0.3:
            made["pattern"] = rng.choice(("^[A-Z]{2}-\\d{3}$", "^(a|b)+$", "^x?y*z$"))
        elif rng.random() < 0.4:
            made["not"] = rng.choice(({"const": "emulated"}, {"enum": ["emulated", "another"]}))
        return made
    if kind in ("integer", "number"):
        low = rng.randrange(-50, 50)
        made = {"type": kind}
        if rng.random() < 0.6:
            made |= {rng.choice(("minimum", "exclusiveMinimum")): low, rng.choice(("maximum", "exclusiveMaximum")): low + 40}
        if kind == "integer" and rng.random() < 0.3:
            made["multipleOf"] = rng.choice((2, 3, 5))
        elif kind == "integer" and rng.random() < 0.3:
            made["not"] = {"enum": [low, low + 1, 0, 1]}
        return made
    if kind == "enum":
        values = rng.sample(TEXTS, 3)
        return {"enum": values, "not": {"const": values[0]}} if rng.random() < 0.4 else {"enum": values}
    return {"const": rng.choice((7, "x", True, None, [1, {"a": 2}]))} if kind == "const" else {"type": "boolean"}


def array(rng, depth):
    made = {"type": "array", "items": schema(rng, depth - 1)}
    if rng.random() < 0.3:
        made |= {"minItems": rng.randrange(4), "maxItems": rng.randrange(4, 8)}
    elif rng.random() < 0.3:
        made = {"type": "array", "contains": scalar(rng)}
        if rng.random() < 0.5:
            made["minContains"] = rng.randrange(1, 4)
    elif rng.random() < 0.2:
        made = {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True}
    elif rng.random() < 0.2:
        made = {"type": "array", "prefixItems": [scalar(rng), scalar(rng)], "minItems": 2}
    return made


def obj(rng, depth):
    names = rng.sample(("kind", "city", "when", "count", "note", "extra", "b c", "d/e"), rng.randrange(1, 5))
    made = {"type": "object", "properties": {name: schema(rng, depth - 1) for name in names}}
    if rng.random() < 0.7:
        made["required"] = rng.sample(names, rng.randrange(len(names) + 1))
    what = rng.random()
    if what < 0.15:
        made["dependentRequired"] = {names[0]: ["late", *names[1:]]}
    elif what < 0.3:
        made["properties"]["kind"] = {"enum": ["a", "b"]}
        made |= {"required": ["kind"], "if": {"properties": {"kind": {"const": rng.choice("ab")}}},
                 "then": {"required": ["told"], "properties": {"told": scalar(rng)}}, "else": {"required": ["other"]}}
    elif what < 0.4:
        made["dependentSchemas"] = {names[0]: {"properties": {"more": scalar(rng)}, "required": ["more"]}}
    elif what < 0.5:
        made["properties"]["secret"] = {"type": "string"}
        made["not"] = {"required": ["secret"]}
    elif what < 0.6:
        made["additionalProperties"] = False
    elif what < 0.7:
        made = {"type": "object", "additionalProperties": scalar(rng), "minProperties": rng.randrange(3)}
    return made


def schema(rng, depth=3):
    what = rng.random()
    if depth <= 0 or what < 0.4:
        return scalar(rng)
    if what < 0.6:
        return array(rng, depth)
    if what < 0.9:
        return obj(rng, depth)
    if what < 0.95:
        return {"anyOf": [obj(rng, depth - 1), {"type": "null"}]}
    return {"allOf": [{"type": "object", "properties": {"one": schema(rng, depth - 1)}, "required": ["one"]},
                      {"properties": {"two": schema(rng, depth - 1)}, "required": ["two"]}]}


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


TYPES = (str, int, float, bool, Color, datetime.date, datetime.datetime, list[str], dict[str, int], str | None,
         typing.Literal["x", "y"], tuple[int, str], typing.Annotated[int, pydantic.Field(ge=3, lt=9)],
         typing.Annotated[str, pydantic.Field(min_length=2, max_length=5)], list[Color], dict[str, list[float]])


def model(rng, number, depth=2):
    """A random pydantic model, some of whose members are models."""
    fields = {}
    for i in range(rng.randrange(1, 6)):
        inner = depth > 0 and rng.random() < 0.25
        kind = model(rng, number * 10 + i, depth - 1) if inner else rng.choice(TYPES)
        if inner and rng.random() < 0.5:
            kind = list[kind]
        fields[f"member_{i}"] = (kind, ...) if rng.random() < 0.6 else (kind | None, None)
    return pydantic.create_model(f"Made{number}", **fields)


def answers_to(schemas):
    """The emulator's answers, parsed, to the schemas as response formats."""
    cases = [generate.Case({"model": MODEL, "messages": [{"role": "user", "content": "Go on."}],
                            "response_format": {"type": "json_schema", "json_schema": {"name": "made", "schema": s}}},
                           "vertex", name=f"schema {i}") for i, s in enumerate(schemas)]
    for outcome in many.translate(cases):
        assert not outcome.refused and outcome.emulator_status == 200, outcome.show()
        reply = json.loads(outcome.told["reply"]["body"])
        yield json.loads(reply["choices"][0]["message"]["content"]), outcome


def test_json_schemas():
    made = [{"type": "object", "properties": {"it": schema(seeded.source("instances", 1, i))}, "required": ["it"]}
            for i in range(amount(1800))]
    wrong = []
    for said, (answer, outcome) in zip(made, answers_to(made), strict=True):
        jsonschema.Draft202012Validator.check_schema(said)
        errors = list(jsonschema.Draft202012Validator(said, format_checker=jsonschema.FormatChecker()).iter_errors(answer))
        if errors:
            wrong.append(f"{json.dumps(answer)} of {json.dumps(said)}: {errors[0].message}")
    assert not wrong, f"{len(wrong)} of {len(made)}:\n" + "\n".join(wrong[:5])


def test_pydantic():
    models = [model(seeded.source("models", 1, i), i) for i in range(amount(200))]
    for made, (answer, outcome) in zip(models, answers_to([m.model_json_schema() for m in models]), strict=True):
        made.model_validate_json(json.dumps(answer))
