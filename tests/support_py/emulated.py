# SPDX-License-Identifier: Apache-2.0
"""Every answer that the emulator can give, by the rows of responders.def, with a request that suits it."""

import importlib.machinery
import importlib.util

from dragoman import ROOT

FLASH, THINKING, PICTURES, SPEECH = (f"google/{name}" for name in (
    "gemini-2.0-flash-001", "gemini-2.5-flash", "gemini-2.5-flash-image", "gemini-2.5-flash-preview-tts"))
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "The weather of a place", "parameters": {
    "type": "object", "required": ["location", "days"], "properties": {
        "location": {"type": "string"}, "days": {"type": "integer"}, "note": {"type": "string", "const": "It's \"\u00e4\"\n\u2028\U0001f600."},
        "where": {"type": "object", "properties": {"lat": {"type": "number"}, "it's": {"type": "array", "minItems": 2,
                  "items": {"type": "boolean"}}}, "required": ["lat", "it's"]}}}}}
CITIES = [{"role": "user", "content": "The weather in Chicago and New York?"}]
SKY = [{"role": "user", "content": "Why is the sky blue?"}]
THOUGHTS = {"model": THINKING, "extra_body": {"google": {"thinking_config": {"include_thoughts": True}}}}
VERTEX = "NATIVE_VERTEX"


def table(name):
    """Rows of a table of src/emulate: (macro, values)."""
    loader = importlib.machinery.SourceFileLoader("gen_emulator", str(ROOT / "scripts/gen-emulator"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("gen_emulator", loader))
    loader.exec_module(module)
    return [(name, values) for _, name, values in module.Table(ROOT / "src/emulate" / name).rows]


ROWS = table("responders.def")


def words(macro, place=0):
    """The words of a macro's rows that the surface behind the gateway knows."""
    return [values[place] for name, values in ROWS if name == macro and (macro in ("USAGE_SHAPE", "TRAFFIC") or VERTEX in values[1]
                                                                         or "NATIVE_V1" in values[1])]


ARGUMENTS = {"blocked": words("BLOCK_REASON"), "finish": words("FINISH_REASON"), "usage": words("USAGE_SHAPE", 1),
             "traffic": words("TRAFFIC"), "tools": ["", "parallel"], "long-thinking": ["500"], "image": ["", "33x7"],
             "audio": ["", "wav"], "logprobs": ["", "2"]}
ASKED = {
    "tools": {"messages": CITIES, "tools": [WEATHER]},
    "partial-args": {"messages": CITIES, "tools": [WEATHER]},
    "late-stop": {"messages": CITIES, "tools": [WEATHER]},
    "sparse": {"messages": CITIES, "tools": [WEATHER], "n": 2},
    "interleaved": {"n": 3, "seed": 7},
    "long-thinking": THOUGHTS,
    "usage": THOUGHTS,
    "logprobs": {"logprobs": True, "top_logprobs": 3},
}
MEDIA = {
    "usual/image": {"model": PICTURES, "modalities": ["image"]},
    "usual/image-and-text": {"model": PICTURES, "modalities": ["text", "image"]},
    "usual/speech": {"model": SPEECH, "modalities": ["audio"], "audio": {"voice": "alloy", "format": "pcm16"}},
    "usual/logprobs": {"logprobs": True, "top_logprobs": 2},
    "usual/thoughts": THOUGHTS,
    "usual/candidates": {"n": 4},
    "usual/calls": {"messages": CITIES, "tools": [WEATHER], **THOUGHTS},
}


def cases():
    """id -> (responder, members of the request)."""
    found = {}
    for name, values in ROWS:
        if name != "RESPONDER":
            continue
        for argument in ARGUMENTS.get(values[1], [""]):
            asked = f"{values[1]}:{argument}" if argument else values[1]
            found[asked] = (asked, {"model": FLASH, "messages": SKY, **ASKED.get(values[1], {})})
    for name, members in MEDIA.items():
        found[name] = ("usual", {"model": FLASH, "messages": SKY, **members})
    return found


FAULTS = [(kind, values[0]) for kind, values in table("faults.def")]
SAME = ["one-byte", "lf", "cr", "crlf", "bom", "comments", "multi-line", "big-event", "no-blank-line"]  # other bytes, nothing else
REFUSES = [name for kind, name in FAULTS if kind == "REFUSES"]
BREAKS = [name for kind, name in FAULTS if kind == "BREAKS" and name not in SAME]
