# SPDX-License-Identifier: Apache-2.0
"""Whole answers, as openai-python gives them."""

import asyncio
import json

import openai
import pytest
from chunks import check_completion

FLASH = "google/gemini-2.0-flash-001"
THINKS = "google/gemini-2.5-flash"
SKY = [{"role": "user", "content": "Why is the sky blue?"}]


def ask(client, messages=SKY, model=FLASH, **members):
    """Creates, checks what holds for every completion, and returns what was said."""
    whole = client.chat.completions.create(model=model, messages=messages, **members)
    return check_completion(whole.model_dump(), model, members.get("n") or 1)


def test_answer(client):
    said = ask(client)
    assert "sky" in said.texts[0].lower() and said.finishes == ["stop"]


def test_same_request_same_answer(client):
    assert ask(client, seed=7).texts == ask(client, seed=7).texts


def test_ids_are_unique(client):
    ids = {client.chat.completions.create(model=FLASH, messages=SKY, max_tokens=1).id for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("model", ["google/gemini-2.5-flash", "gemini-2.5-flash", "models/gemini-2.5-flash",
                                   "publishers/google/models/gemini-2.5-flash"])
def test_spellings_of_a_model_are_echoed(client, model):
    ask(client, model=model, max_tokens=20)


@pytest.mark.parametrize("messages", [
    [{"role": "system", "content": "Be brief."}, *SKY],
    [{"role": "developer", "content": "Be brief."}, *SKY],
    [*SKY, {"role": "assistant", "content": "It scatters."}, {"role": "user", "content": "What does?"}],
    [{"role": "user", "content": [{"type": "text", "text": "Why is"}, {"type": "text", "text": " the sky blue?"}]}],
    [{"role": "user", "content": "Grüße, 世界 \U0001f30d, \u0000 and \ufffd"}],
])
def test_conversations(client, messages):
    assert ask(client, messages).texts[0]


def test_usage_counts_the_prompt(client):
    short, long = ask(client), ask(client, [{"role": "user", "content": "Why is the sky blue? " * 50}])
    assert long.usage["prompt_tokens"] > 10 * short.usage["prompt_tokens"]


def test_n_candidates(client):
    said = ask(client, n=2)
    assert len(said.texts) == 2 and all(said.texts) and said.finishes == ["stop", "stop"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_length(client, name):
    said = ask(client, **{name: 5})
    assert said.finishes == ["length"]
    assert 0 < said.usage["completion_tokens"] <= 5
    assert len(said.texts[0]) < len(ask(client).texts[0])


@pytest.mark.parametrize("as_list", [False, True])
def test_stop(client, as_list):
    whole = ask(client).texts[0]
    word = whole.split()[6]
    said = ask(client, stop=[word, "never said"] if as_list else word)
    assert said.finishes == ["stop"]
    assert said.texts[0] == whole[:whole.index(word)]


def test_json_mode(client):
    said = ask(client, [{"role": "user", "content": "Answer in JSON: why is the sky blue?"}],
               response_format={"type": "json_object"})
    assert isinstance(json.loads(said.texts[0]), dict)


def test_reasoning_effort(client):
    def thought(effort):
        usage = ask(client, model=THINKS, reasoning_effort=effort).usage
        return (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0

    none, low, high = thought("none"), thought("low"), thought("high")
    assert none == 0 < low <= 1024 and low <= high <= 24576


def test_reasoning_effort_is_ignored_and_named_where_nothing_thinks(client):
    raw = client.chat.completions.with_raw_response.create(model=FLASH, messages=SKY, reasoning_effort="low")
    assert raw.headers["x-dragoman-ignored"] == "reasoning_effort"
    assert check_completion(raw.parse().model_dump(), FLASH).finishes == ["stop"]


def test_ignored_members_are_named(client):
    raw = client.chat.completions.with_raw_response.create(
        model=FLASH, messages=[{**SKY[0], "name": "ann"}], user="u", logit_bias={"1": 1}, extra_body={"of_nobody": 1})
    ignored = raw.headers["x-dragoman-ignored"].split(", ")
    assert {"user", "logit_bias", "of_nobody"} <= set(ignored)


def test_nothing_ignored_nothing_named(client):
    raw = client.chat.completions.with_raw_response.create(
        model=FLASH, messages=SKY, temperature=0.5, top_p=0.9, seed=3, presence_penalty=0.1, frequency_penalty=0.1,
        stop=["\n\n\n"], n=1, max_tokens=50, response_format={"type": "text"})
    assert "x-dragoman-ignored" not in raw.headers


def test_request_id(client):
    one = client.chat.completions.create(model=FLASH, messages=SKY, max_tokens=5)
    other = client.chat.completions.create(model=FLASH, messages=SKY, max_tokens=5)
    assert one._request_id and one._request_id != other._request_id
    ours = client.chat.completions.create(model=FLASH, messages=SKY, max_tokens=5,
                                          extra_headers={"x-request-id": "my.request-1_"})
    assert ours._request_id == "my.request-1_"


def test_raw_headers(client):
    raw = client.chat.completions.with_raw_response.create(model=FLASH, messages=SKY, max_tokens=5)
    assert raw.headers["content-type"].startswith("application/json")
    assert raw.headers["x-dragoman-upstream"] == "emulator"
    assert int(raw.headers["content-length"]) == len(raw.content)


def test_async(daemon):
    async def many():
        async with openai.AsyncOpenAI(base_url=daemon.url + "/v1", api_key="x", max_retries=0, timeout=30) as client:
            return await asyncio.gather(*(client.chat.completions.create(
                model=FLASH, messages=[{"role": "user", "content": f"What is {i}?"}]) for i in range(20)))

    for i, whole in enumerate(asyncio.run(many())):
        said = check_completion(whole.model_dump(), FLASH)
        assert str(i) in said.texts[0], "an answer went to another's question"
