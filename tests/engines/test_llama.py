# SPDX-License-Identifier: Apache-2.0
"""A real engine behind a numeric endpoint id: what it says is random, how it says it is not."""

import json

import openai
import pytest
import shapes
from chunks import check_chunks, check_completion
from waiting import wait_for

MODEL = "anything"
HELLO = [{"role": "user", "content": "Hello, engine."}]
SCHEMA = {"type": "object", "additionalProperties": False, "required": ["city", "warm", "days"], "properties": {
    "city": {"type": "string", "enum": ["Oslo", "Rome"]}, "warm": {"type": "boolean"}, "days": {"type": "integer", "enum": [1, 2, 3]}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": SCHEMA}}


def ask(client, **members):
    return client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "max_tokens": 24, "temperature": 0, **members})


def chunks_of(client, **members):
    return [chunk.to_dict() for chunk in ask(client, stream=True, stream_options={"include_usage": True}, **members)]


def text_of(client, **members):
    """Streamed, and checked to be what it says whole."""
    whole = check_completion(ask(client, **members).to_dict(), MODEL)
    streamed = check_chunks(chunks_of(client, **members), MODEL, usage=True)
    assert (streamed.texts, streamed.finishes) == (whole.texts, whole.finishes)
    assert streamed.usage["total_tokens"] == whole.usage["total_tokens"]
    assert streamed.pieces > 3
    return whole


def test_plain_and_streamed(client):
    said = text_of(client)
    assert said.texts[0] and said.finishes == ["length"] and said.usage["completion_tokens"] == 24


def test_shapes_are_openais(client):
    """Beside what is llama.cpp's own: `timings` passes."""
    found = json.loads(client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=3).text)
    assert found.pop("timings")["predicted_n"] == 3
    shapes.check(json.dumps(found))


def test_a_json_schema_is_held(client):
    form = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": SCHEMA}}
    said = text_of(client, response_format=form, max_tokens=400)
    found = json.loads(said.texts[0])
    assert set(found) == set(SCHEMA["required"]) and found["city"] in ("Oslo", "Rome") and type(found["warm"]) is bool
    assert said.finishes == ["stop"]


def test_tools_and_their_results_arrive(client):
    """A model of random weights calls nothing by itself; what is asked of it stands in its prompt, and is counted."""
    plain = ask(client)
    asked = ask(client, tools=[TOOL])
    assert asked.usage.prompt_tokens > plain.usage.prompt_tokens + 100 and asked.choices[0].message.content
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    history = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [call]},
               {"role": "tool", "tool_call_id": "call_1", "content": "sun"}]
    told = ask(client, messages=history, tools=[TOOL])
    assert told.usage.prompt_tokens > asked.usage.prompt_tokens + 20 and told.choices[0].message.content
    text_of(client, messages=history, tools=[TOOL])


def test_a_client_that_leaves_frees_its_slot(front, engine, client):
    """The engine would go on for thousands of tokens."""
    wait_for(lambda: engine.busy() == 0)
    stream = ask(client, stream=True, max_tokens=3500)
    next(iter(stream))
    assert engine.busy() == 1
    stream.close()
    wait_for(lambda: engine.busy() == 0, 3)
    assert front.stats()["calls"] == 0


def test_two_at_once_keep_apart(client):
    one, two = ask(client, stream=True, max_tokens=60), ask(client, stream=True, max_tokens=60, messages=[
        {"role": "user", "content": "Something else."}])
    ids, ends = [set(), set()], []
    for i, stream in enumerate((one, two)):
        for chunk in stream:
            ids[i].add(chunk.id)
            ends += [choice.finish_reason for choice in chunk.choices if choice.finish_reason]
    assert len(ids[0]) == len(ids[1]) == 1 and ids[0] != ids[1] and ends == ["length", "length"]


def test_what_it_refuses_is_told_in_openais_shape(client):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, messages=[{"role": "user", "content": "word " * 9000}])
    shapes.check(caught.value.response.text)
    assert caught.value.code == "context_length_exceeded", caught.value.response.text


def test_its_own_members_pass(client):
    """top_k, min_p and others of llama.cpp's are taken, and its timings come back."""
    said = ask(client, extra_body={"top_k": 1, "min_p": 0.1, "n_probs": 0, "timings_per_token": True}, max_tokens=3)
    assert said.choices[0].finish_reason == "length"
    assert "timings" in said.to_dict()


def test_a_client_that_leaves_a_whole_answer(front, client):
    """Its connection to the engine is closed; that alone does not stop this engine (README.md), so it comes last."""
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.2), max_tokens=3500)
    wait_for(lambda: front.stats()["calls"] == 0 and front.stats()["upstream_connections"] == 0, 1)
