# SPDX-License-Identifier: Apache-2.0
"""`compat: google`: the shapes of Google's own endpoint, by header and by setting, as openai-python sees them."""

import json
import urllib.error
import urllib.request

import openai
import pytest

PLACE = "/v1/projects/my-project/locations/us-central1/endpoints/openapi"
GOOGLE = {"x-dragoman-compat": "google"}
THINKS = "google/gemini-2.5-flash"
SKY = [{"role": "user", "content": "Why is the sky blue?"}]


def post(daemon, body, **headers):
    """The raw answer: status, headers, body."""
    request = urllib.request.Request(f"{daemon.url}{PLACE}/chat/completions", json.dumps(body).encode(),
                                     {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def in_order(value):
    """Whether the members of every object stand in the order of the alphabet."""
    if isinstance(value, dict):
        return list(value) == sorted(value) and all(in_order(one) for one in value.values())
    return not isinstance(value, list) or all(in_order(one) for one in value)


def test_a_completion(daemon):
    status, headers, text = post(daemon, {"model": THINKS, "messages": SKY}, **GOOGLE)
    body = json.loads(text)
    assert (status, headers["x-dragoman-compat"]) == (200, "google")
    assert in_order(body), text
    assert not body["id"].startswith("chatcmpl-") and body["system_fingerprint"] == ""
    assert body["choices"][0]["message"].keys() <= {"content", "extra_content", "role"}
    usage = body["usage"]
    thoughts = usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
    assert usage["prompt_tokens"] + usage["completion_tokens"] + thoughts == usage["total_tokens"]


def test_a_stream(daemon):
    _, headers, text = post(daemon, {"model": THINKS, "messages": SKY, "stream": True}, **GOOGLE)
    *chunks, done = [event.removeprefix("data: ") for event in text.strip().split("\n\n")]
    chunks = [json.loads(chunk) for chunk in chunks]
    assert (headers["x-dragoman-compat"], done) == ("google", "[DONE]")
    assert all(in_order(chunk) and chunk["choices"][0]["delta"]["role"] == "assistant" for chunk in chunks)
    assert ["finish_reason" in chunk["choices"][0] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert ["usage" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_the_sdk_reads_both(client):
    whole = client.chat.completions.create(model=THINKS, messages=SKY, extra_headers=GOOGLE)
    pieces = list(client.chat.completions.create(model=THINKS, messages=SKY, extra_headers=GOOGLE, stream=True))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == whole.choices[0].message.content
    assert pieces[-1].choices[0].finish_reason == "stop" and pieces[-1].usage.total_tokens


def test_an_upstreams_error_is_the_array(client):
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=THINKS, messages=SKY, extra_headers={**GOOGLE, "x-dragoman-fault": "429"})
    (element,) = caught.value.body
    assert list(element["error"])[:3] == ["code", "message", "status"]
    assert (element["error"]["code"], element["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert caught.value.code is None and caught.value.type is None


def test_our_own_refusal_too(daemon):
    status, headers, text = post(daemon, {"model": THINKS, "messages": SKY, "temperature": 9}, **GOOGLE)
    ((error,),) = [element.values() for element in json.loads(text)]
    assert (status, headers["x-dragoman-compat"], error["code"], error["status"]) == (400, "google", 400, "INVALID_ARGUMENT")
    assert error["details"][0]["fieldViolations"][0]["field"] == "temperature"


def test_an_error_in_mid_stream(client):
    with pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model=THINKS, messages=SKY, stream=True,
                                            extra_headers={**GOOGLE, "x-dragoman-fault": "error-event=2"}))
    assert "overloaded" in caught.value.message
    assert list(caught.value.body) == ["code", "message", "status"]


def test_an_error_behind_a_comment_line(start):
    """The head has gone with status 200 when the error comes: it is an event, which an array would not be."""
    patient = start("timeouts.comment=50ms", "emulator.first_ms=400")
    body = {"model": THINKS, "messages": SKY, "stream": True}
    status, _, text = post(patient, body, **GOOGLE, **{"x-dragoman-fault": "503"})
    last = [line for line in text.split("\n") if line.startswith("data: ")][-1] if status == 200 else "data: " + text.strip("[]")
    assert json.loads(last.removeprefix("data: "))["error"]["status"] == "UNAVAILABLE"


def test_the_setting_and_the_header_against_it(start):
    google = start("compat=google")
    asked = {"model": THINKS, "messages": SKY, "temperature": 9}
    assert json.loads(post(google, asked)[2])[0]["error"]["code"] == 400
    _, headers, text = post(google, asked, **{"x-dragoman-compat": "OpenAI"})
    assert headers["x-dragoman-compat"] == "openai" and json.loads(text)["error"]["param"] == "temperature"


def test_nobody_asked(daemon):
    assert "x-dragoman-compat" not in post(daemon, {"model": THINKS, "messages": SKY})[1]


def test_a_word_that_we_do_not_know(daemon):
    status, _, text = post(daemon, {"model": THINKS, "messages": SKY}, **{"x-dragoman-compat": "azure"})
    assert status == 400 and "must be google or openai" in json.loads(text)["error"]["message"]
