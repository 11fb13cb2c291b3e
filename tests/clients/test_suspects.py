# SPDX-License-Identifier: Apache-2.0
"""A bare 400 of Google's names nothing; ours names what it may be (user-pain G3): twelve seeded faults, through openai-python.

The bodies are those of the golden cases g3-*, each with a fault that the real service is known to refuse so, amid things
that are none. The emulator answers each with the bare 400.
"""

import json
import pathlib

import openai
import pytest

CASES = pathlib.Path(__file__).resolve().parent.parent / "golden/response"
SEEDED = {
    "calls-same-id": "calls_same_id",
    "enum-any": "enum_any",
    "enum-large": "enum_large",
    "image-config": "image_config",
    "max-items": "schema_max_items",
    "media-broken": "media_broken",
    "media-type": "media_type",
    "result-undeclared": "result_undeclared",
    "schema-cycle": "schema_cycle",
    "text-and-calls": "text_and_calls",
    "thinking-unknown": "thinking_unknown",
    "tools-many": "tools_many",
}
BARE = "Request contains an invalid argument."


def refused(client, name, **headers):
    body = json.loads((CASES / f"g3-{name}/request.json").read_text())
    google = body.pop("google", None)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**body, extra_body={"google": google} if google else None,
                                       extra_headers={"x-dragoman-fault": "400", **headers})
    return caught.value


def test_twelve_seeded_faults(client):
    first, named, table = 0, 0, []
    for name, expected in SEEDED.items():
        error = refused(client, name)
        ids = [suspect["id"] for suspect in error.body["suspects"]]
        first += ids[0] == expected
        named += expected in ids
        table.append(f"{name:18} {expected:18} {', '.join(ids)}")
    print("\n" + "\n".join(["fault              cause              suspects, likeliest first", *table]))
    assert (first >= 10, named) == (True, 12), table


def test_the_exception_shows_it(client):
    error = refused(client, "media-type")
    assert BARE in error.message and "Likeliest cause: Gemini does not read files of the type image/bmp" in error.message
    assert (error.param, error.code, error.type) == ("messages[5].content[1]", "invalid_argument", "invalid_request_error")
    assert error.body["suspects"][0]["likelihood"] == "high"


def test_what_is_not_sure_is_no_param(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="google/gemini-2.5-flash", temperature=2, messages=[{"role": "user", "content": "Hello"}],
            extra_headers={"x-dragoman-fault": "400"})
    assert caught.value.param is None
    assert caught.value.body["suspects"][0]["id"] == "range_edge"


def test_nothing_suspect(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="google/gemini-2.5-flash", messages=[{"role": "user", "content": "Hello"}],
                                       extra_headers={"x-dragoman-fault": "400"})
    assert caught.value.body["message"] == BARE and "suspects" not in caught.value.body


def test_a_stream_that_was_refused(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="google/gemini-2.5-flash", messages=[{"role": "user", "content": "Hello"}],
                                       stream=True, temperature=2, extra_headers={"x-dragoman-fault": "400"})
    assert "Likeliest cause" in caught.value.message
