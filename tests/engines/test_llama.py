# SPDX-License-Identifier: Apache-2.0
"""A real engine behind a numeric endpoint id: what it says is random, how it says it is not."""

import json

import make_model
import openai
import pytest
import samples
import shapes
from chunks import check_chunks, check_completion
from waiting import wait_for

MODEL = "anything"
SEEDS = [sample for sample in samples.read_index()[1] if sample.due and "endpoint" in sample.needs]
HELLO = [{"role": "user", "content": "Hello, engine."}]
SCHEMA = {"type": "object", "additionalProperties": False, "required": ["city", "warm", "days"], "properties": {
    "city": {"type": "string", "enum": ["Oslo", "Rome"]}, "warm": {"type": "boolean"}, "days": {"type": "integer", "enum": [1, 2, 3]}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": SCHEMA}}


# What a trained model does by itself is asked of this one: to begin a call, and to end behind it. The engine's grammar does the rest.
CALLING = {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 400,
           "logit_bias": {str(make_model.number(make_model.CALL)): 50, str(make_model.number("</s>")): 100}}


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


@pytest.mark.parametrize("sample", SEEDS, ids=lambda sample: sample.file)
def test_the_seeds_samples_of_endpoints(brief, sample, tmp_path):
    """With nothing changed but host and credentials."""
    done = samples.run(sample, brief.url, tmp_path)
    assert done.returncode == 0, done.stderr
    text, pieces = samples.said(done.stdout)
    assert text and (pieces > 1) == sample.stream, done.stdout


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


def check_call(call):
    assert call.id and call.type == "function" and call.function.name == "get_weather"
    found = json.loads(call.function.arguments)
    assert list(found) == ["city", "warm", "days"] and found["city"] in ("Oslo", "Rome") and found["days"] in (1, 2, 3), found
    return found


def test_a_call_comes_back(client):
    """Whole and streamed, and by OpenAI's own accumulation of a stream's pieces."""
    whole = ask(client, **CALLING).choices[0]
    assert whole.finish_reason == "tool_calls" and not whole.message.content, whole
    [call] = whole.message.tool_calls
    chunks = [chunk for chunk in ask(client, stream=True, **CALLING)]
    check_chunks([chunk.to_dict() for chunk in chunks], MODEL)
    assert sum(bool(choice.delta.tool_calls) for chunk in chunks for choice in chunk.choices) > 3, "it is not streamed in pieces"
    with client.chat.completions.stream(model=MODEL, messages=HELLO, temperature=0, **CALLING) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion().choices[0]
    assert streamed.finish_reason == "tool_calls"
    [again] = streamed.message.tool_calls
    assert check_call(again) == check_call(call)


def test_an_agents_round(client):
    """A call, its result, and what the model says then: the engine takes its own call back."""
    first = ask(client, **CALLING)
    message = first.choices[0].message
    history = [*HELLO, message.to_dict(), {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sun"}]
    then = text_of(client, messages=history, tools=[TOOL])
    assert then.texts[0] and then.usage["prompt_tokens"] > first.usage.prompt_tokens + 40


def test_several_calls(client):
    """parallel_tool_calls: this model would go on for ever, and is cut: what is whole is kept apart."""
    said = ask(client, **{**CALLING, "parallel_tool_calls": True, "max_tokens": 250}).choices[0]
    calls = said.message.tool_calls
    assert said.finish_reason == "length" and len(calls) > 1 and len({call.id for call in calls}) == len(calls), said
    check_call(calls[0])


def test_tools_and_their_results_arrive(client):
    """What is asked of the model stands in its prompt, and is counted; by itself this one calls nothing."""
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
