# SPDX-License-Identifier: Apache-2.0
"""The app against an offline Vertex AI."""

import json
import urllib.request

import app
import openai
import pytest


def received(dragoman):
    """What Gemini would have received last, as JSON."""
    with urllib.request.urlopen(dragoman + "/_dragoman/emulator") as answer:
        return json.load(answer)["requests"][-1]


def test_the_tool_is_asked_and_its_answer_told(vertex):
    assert app.answer("What is the weather in Paris?") == "It is sunny in Paris, 21 degrees."
    last = received(vertex)
    assert last["scenario"] == "told"
    assert last["body"]["contents"][-1]["parts"][0]["functionResponse"]["response"] == {
        "city": "Paris", "sky": "sunny", "celsius": 21}


def test_an_overloaded_model_is_asked_again(vertex):
    assert app.answer("Are you there?") == "Now I am."


def test_what_a_filter_blocks_is_no_answer(vertex):
    assert app.answer("Something forbidden.") in (None, "")


def test_a_stream_that_breaks_is_an_error(vertex):
    pieces = []
    with pytest.raises(openai.APIError):
        for piece in app.stream("Please break off."):
            pieces.append(piece)
    assert pieces != []


def test_what_gemini_refuses_is_refused(vertex):
    with pytest.raises(openai.BadRequestError):
        openai.OpenAI().chat.completions.create(model=app.MODEL, temperature=3,
                                                messages=[{"role": "user", "content": "Hello"}])


def test_with_recordings(recordings):
    assert app.answer("What is the weather in Paris?") == "It is sunny in Paris, 21 degrees."
    with pytest.raises(openai.NotFoundError, match="No recording answers this request"):
        app.answer("What is the weather in Rome?")
