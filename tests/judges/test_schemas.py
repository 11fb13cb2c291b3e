# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas, random ones and those that the usual libraries print: accepted by every model, and no loss unreported."""

import json
import subprocess
import sys

import generate
import losses
import many
import pytest
import schema_maker
import seeded
from conftest import HERE, NODE, amount

pytestmark = pytest.mark.timeout(600)  # all of them, under sanitizers, on a busy machine

FORMS = ("tools", "response_format")


def cases_of(schemas, form):
    """Each schema for a Gemini 2.0 (the subset), a 2.5 and a 3, on both surfaces, streamed and not."""
    number = 0
    for name, schema in schemas:
        for model in (generate.SUBSET_MODEL, *generate.JSON_SCHEMA_MODELS):
            number += 1
            body = {"model": "google/" + model.name, "stream": number % 2 == 0, "messages": [{"role": "user", "content": "Go on."}]}
            if form == "tools":
                body["tools"] = [{"type": "function", "function": {"name": "tool_a", "description": "Does it.", "parameters": schema}}]
            else:
                body["response_format"] = {"type": "json_schema", "json_schema": {"name": "made", "schema": schema}}
            yield generate.Case(body, ("vertex", "gemini")[number % 4 // 2], name=f"{name} for {model.name}")


def judge(cases, judges, found):
    outcomes = many.translate(cases)
    for number, o in enumerate(outcomes):
        if o.refused:
            found.add(f"refused: {o.refused['message']}", o.show())
            continue
        if not o.told["same"]:
            found.add("another body the second time", o.show())
        if what := judges[o.case.surface].judge("request", o.native):
            found.add(what, o.show())
            continue
        if o.emulator_status != 200:
            found.add("the emulator: " + json.loads(o.told["emulator"]["body"])["error"]["message"], o.show())
            continue
        try:
            for label, lost in losses.of_outcome(seeded.source("values", 1, number), o):
                found.add(lost.split(":")[0], f"{label}: {lost}\n{o.show()}")
        except AssertionError as error:
            found.add(str(error), o.show())
    found.verdict(len(outcomes))


@pytest.mark.parametrize("form", FORMS)
def test_random(form, judges, found):
    made = [(f"schema {i}", schema_maker.schema(seeded.source("schema", 1, i))) for i in range(amount(3000))]
    judge(cases_of(made, form), judges, found)


def test_broken(found):
    """What refers to nothing is refused, with its place."""
    made = [(f"broken {i}", schema_maker.broken_schema(seeded.source("broken", 1, i))) for i in range(amount(300))]
    outcomes = many.translate(cases_of(made, "tools"))
    for o in outcomes:
        if not o.refused or not o.refused["param"].startswith("tools[0]"):
            found.add("not refused for tools[0]", o.show())
    found.verdict(len(outcomes))


def printed(*command):
    """What a program of printed/ prints: an object of schemas by name."""
    done = subprocess.run(command, cwd=HERE / "printed", stdout=subprocess.PIPE, timeout=60, check=True)
    schemas = json.loads(done.stdout)
    assert len(schemas) >= 5
    return schemas.items()


PRINTERS = {
    "pydantic": lambda: printed(sys.executable, "models.py"),
    "zod 3": lambda: printed(NODE.program, NODE.loaded("zod3.mjs")),
    "zod 4": lambda: printed(NODE.program, NODE.loaded("zod4.mjs")),
    "typebox": lambda: printed(NODE.program, NODE.loaded("typebox.mjs")),
    "go": lambda: json.loads((HERE / "printed/go/printed.json").read_text()).items(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("library", PRINTERS)
def test_printed(library, form, judges, found):
    schemas = [(f"{library} {name}", schema) for name, schema in PRINTERS[library]()]
    judge(cases_of(schemas, form), judges, found)
