# SPDX-License-Identifier: Apache-2.0
"""Streams, as openai-python gives them: chunk objects field by field."""

import asyncio
import time

import openai
import pytest
from chunks import check_chunks, check_completion

FLASH = "google/gemini-2.0-flash-001"
SKY = [{"role": "user", "content": "Why is the sky blue?"}]


def stream(client, messages=SKY, model=FLASH, **members):
    """Streams to the end, checks what holds for every stream, and returns what was said."""
    with client.chat.completions.create(model=model, messages=messages, stream=True, **members) as answer:
        chunks = [chunk.model_dump() for chunk in answer]
    usage = bool((members.get("stream_options") or {}).get("include_usage"))
    return check_chunks(chunks, model, members.get("n") or 1, usage)


def whole(client, messages=SKY, model=FLASH, **members):
    answer = client.chat.completions.create(model=model, messages=messages, **members)
    return check_completion(answer.model_dump(), model, members.get("n") or 1)


@pytest.mark.parametrize("members", [
    {}, {"n": 2}, {"max_tokens": 5}, {"stop": ["blue"]}, {"response_format": {"type": "json_object"}}, {"seed": 3},
    {"n": 3, "max_tokens": 7},
], ids=str)
def test_streamed_is_what_the_whole_answer_is(client, members):
    streamed, asked = stream(client, stream_options={"include_usage": True}, **members), whole(client, **members)
    assert streamed.texts == asked.texts
    assert streamed.finishes == asked.finishes
    assert streamed.usage["total_tokens"] == asked.usage["total_tokens"]


def test_pieces(client):
    said = stream(client)
    assert said.pieces > 5 and said.finishes == ["stop"]


def test_usage_only_when_asked(client):
    assert stream(client).usage is None
    assert stream(client, stream_options={"include_usage": False}).usage is None
    assert stream(client, stream_options={"include_usage": True}).usage["completion_tokens"] > 5


def test_thinking_is_billed(client):
    said = stream(client, model="google/gemini-2.5-flash", reasoning_effort="low", stream_options={"include_usage": True})
    assert said.usage["completion_tokens_details"]["reasoning_tokens"] > 0


def test_raw_headers(client):
    with client.chat.completions.with_streaming_response.create(model=FLASH, messages=SKY, stream=True, user="u") as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["cache-control"] and raw.headers["x-accel-buffering"] == "no"
        assert raw.headers["x-request-id"] and raw.headers["x-dragoman-ignored"] == "user"
        lines = [line for line in raw.iter_lines() if line]
    assert lines[-1] == "data: [DONE]" and lines.count("data: [DONE]") == 1


def test_stream_helper(client):
    with client.chat.completions.stream(model=FLASH, messages=SKY) as events:
        text = "".join(event.delta for event in events if event.type == "content.delta")
        final = events.get_final_completion()
    assert final.choices[0].message.content == text and "sky" in text.lower()
    assert final.choices[0].finish_reason == "stop"


def test_async(daemon):
    async def one(client, i):
        answer = await client.chat.completions.create(
            model=FLASH, messages=[{"role": "user", "content": f"What is {i}?"}], stream=True)
        return check_chunks([chunk.model_dump() async for chunk in answer], FLASH)

    async def many():
        async with openai.AsyncOpenAI(base_url=daemon.url + "/v1", api_key="x", max_retries=0, timeout=30) as client:
            return await asyncio.gather(*(one(client, i) for i in range(20)))

    for i, said in enumerate(asyncio.run(many())):
        assert str(i) in said.texts[0], "a stream went to another's question"


def test_closed_early(start, connect):
    """A client that leaves gives everything back; the same client goes on."""
    daemon = start(pace=(5, 50))
    client = connect(daemon)
    idle = daemon.stats()["exchanges"]
    with client.chat.completions.create(model=FLASH, messages=SKY, stream=True) as answer:
        assert next(iter(answer)).choices[0].delta.role == "assistant"
        assert daemon.stats()["exchanges"] > idle
    end = time.monotonic() + 1
    while daemon.stats()["exchanges"] > idle and time.monotonic() < end:
        time.sleep(0.01)
    assert daemon.stats()["exchanges"] == idle
    assert whole(client, max_tokens=3).finishes == ["length"]


def test_timeout_is_the_clients_own(start, connect):
    daemon = start(pace=(3000, 1))
    with pytest.raises(openai.APITimeoutError):
        stream(connect(daemon, timeout=0.3))
