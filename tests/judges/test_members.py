# SPDX-License-Identifier: Apache-2.0
"""No silent loss: a member of the request changes the native call, or is named in x-dragoman-ignored (user-pain A1, A3)."""

import generate
import many
import pytest

BASE = {"messages": [{"role": "user", "content": "Go on."}]}
TOOL = {"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": {"b": {"type": "string"}}}}}

# A value each that is no default, of every member of OpenAI's schema 2.3.0, some of Google's, and some of nobody's. The
# second of a pair is what must stand beside it.
MEMBERS = {
    "temperature": 0.5, "top_p": 0.5, "n": 2, "max_tokens": 50, "max_completion_tokens": 50, "frequency_penalty": 0.5,
    "presence_penalty": 0.5, "stop": "END", "seed": 7, "reasoning_effort": "low", "verbosity": "low", "logprobs": True,
    "top_logprobs": ({"logprobs": True}, 3), "logit_bias": {"1": 5}, "user": "u", "safety_identifier": "s", "store": True,
    "metadata": {"a": "b"}, "service_tier": "flex", "modalities": ["text"], "prediction": {"type": "content", "content": "x"},
    "prompt_cache_key": "k", "prompt_cache_retention": "24h", "prompt_cache_options": {"mode": "implicit"},
    "moderation": {"model": "omni"}, "web_search_options": {}, "response_format": {"type": "json_object"},
    "stream_options": ({"stream": True}, {"include_obfuscation": True}), "tools": [TOOL],
    "tool_choice": ({"tools": [TOOL]}, "required"), "parallel_tool_calls": ({"tools": [TOOL]}, False),
    "functions": [TOOL["function"]], "function_call": ({"functions": [TOOL["function"]]}, {"name": "a"}),
    "google": {"safety_settings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}]},
    "extra_body": {"google": {"media_resolution": "MEDIA_RESOLUTION_LOW"}}, "foo": 1, "top_k": 3, "thinking": {"type": "disabled"},
}
# The member changes nothing native, and yet is not lost.
ANSWERED = {"modalities": "text is what every model answers with",
            "parallel_tool_calls": "of an answer's calls one reaches the client"}


def call_of(outcome):
    return outcome.told["path"], outcome.told["native"], outcome.told["headers"]


@pytest.mark.parametrize("surface", ["vertex", "gemini"])
def test_every_member_has_an_effect_or_a_name(surface, found):
    looked = 0
    for model in generate.MODELS:
        base = BASE | {"model": model.name}
        beside = {name: value if isinstance(value, tuple) else ({}, value) for name, value in MEMBERS.items()}
        without = many.translate(generate.Case(base | more, surface, name=name) for name, (more, _) in beside.items())
        with_it = many.translate(generate.Case(base | more | {name: value}, surface, name=name) for name, (more, value) in beside.items())
        for old, new in zip(without, with_it, strict=True):
            looked += 1
            name = new.case.name
            if old.refused or new.refused:
                if new.refused and not new.refused["param"].startswith((name, *beside[name][0])):
                    found.add(f"{name} on {model.name} was refused for {new.refused['param']}", new.show())
                continue
            named = [ignored.split(".")[0] for ignored in new.told["ignored"].split(", ")]
            if call_of(old) == call_of(new) and name not in named and name not in ANSWERED:
                found.add(f"{name} on {model.name}: no effect, no name", new.show())
    found.verdict(looked)
