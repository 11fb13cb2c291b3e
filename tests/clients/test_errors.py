# SPDX-License-Identifier: Apache-2.0
"""Errors, as openai-python's own exceptions show them."""

import threading

import openai
import wire
import pytest

FLASH = "google/gemini-2.0-flash-001"
SKY = [{"role": "user", "content": "Why is the sky blue?"}]


def refused(kind, call):
    """The call must raise exactly this; what every error has is checked."""
    with pytest.raises(openai.APIStatusError) as caught:
        call()
    error = caught.value
    assert type(error) is kind, error
    assert isinstance(error.body, dict) and error.body["message"] in error.message
    assert error.type and error.request_id
    return error


BAD = [
    # members, param, code
    ({"temperature": 5}, "temperature", "invalid_value"),
    ({"temperature": "hot"}, "temperature", "invalid_type"),
    ({"top_p": -1}, "top_p", "invalid_value"),
    ({"n": 0}, "n", "invalid_value"),
    ({"n": 1000}, "n", "invalid_value"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"max_completion_tokens": 1.5}, "max_completion_tokens", None),
    ({"model": 5}, "model", "invalid_type"),
    ({"model": "google/../secret"}, "model", "invalid_model_name"),
    ({"messages": []}, "messages", None),
    ({"messages": "hi"}, "messages", "invalid_type"),
    ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [*SKY, {"role": "user", "content": 5}]}, "messages[1].content", "invalid_type"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text", None),
    ({"stream": "yes"}, "stream", "invalid_type"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
    ({"reasoning_effort": "gigantic", "model": "google/gemini-2.5-flash"}, "reasoning_effort", "invalid_value"),
]


@pytest.mark.parametrize("members, param, code", BAD, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("stream", [False, True])
def test_bad_members(client, members, param, code, stream):
    asked = {"model": FLASH, "messages": SKY, "stream": stream, **members}
    error = refused(openai.BadRequestError, lambda: client.chat.completions.create(**asked))
    assert (error.status_code, error.type, error.param) == (400, "invalid_request_error", param), error.body
    assert code is None or error.code == code, error.body


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_missing_members(client, missing):
    asked = {k: v for k, v in {"model": FLASH, "messages": SKY}.items() if k != missing}
    error = refused(openai.BadRequestError, lambda: client.post("/chat/completions", body=asked, cast_to=object))
    assert (error.param, error.code) == (missing, "missing_required_parameter")


@pytest.mark.parametrize("stream", [False, True])
def test_unknown_model(client, stream):
    error = refused(openai.NotFoundError, lambda: client.chat.completions.create(
        model="google/gemini-none", messages=SKY, stream=stream))
    assert (error.code, error.type) == ("model_not_found", "invalid_request_error")
    assert "gemini-none" in error.message


@pytest.mark.parametrize("call", [
    lambda client: client.responses.create(model=FLASH, input="hi"),
    lambda client: client.embeddings.create(model=FLASH, input="hi"),
    lambda client: client.completions.create(model=FLASH, prompt="hi"),
    lambda client: client.images.generate(model=FLASH, prompt="hi"),
    lambda client: client.moderations.create(input="hi"),
    lambda client: client.files.list(),
    lambda client: client.audio.speech.create(model=FLASH, input="hi", voice="alloy"),
], ids=["responses", "embeddings", "completions", "images", "moderations", "files", "speech"])
@pytest.mark.parametrize("place", ["/v1", "/v1/projects/p/locations/us-central1/endpoints/openapi"])
def test_unsupported_endpoints(daemon, connect, call, place):
    error = refused(openai.NotFoundError, lambda: call(connect(daemon, place=place)))
    assert error.code == "unsupported_endpoint"
    assert "chat/completions" in error.message


def test_unknown_path(daemon, connect):
    error = refused(openai.NotFoundError, lambda: connect(daemon, place="/v2").chat.completions.create(
        model=FLASH, messages=SKY))
    assert error.code == "unknown_url" and "did you mean" in error.message.lower()


def test_wrong_content_type(daemon, connect):
    client = connect(daemon, default_headers={"Content-Type": "text/plain"})
    error = refused(openai.APIStatusError, lambda: client.chat.completions.create(model=FLASH, messages=SKY))
    assert (error.status_code, error.code) == (415, "unsupported_media_type")


def test_forbidden_host(daemon, connect):
    client = connect(daemon, default_headers={"Host": "evil.example"})
    error = refused(openai.PermissionDeniedError, lambda: client.chat.completions.create(model=FLASH, messages=SKY))
    assert (error.code, error.type) == ("host_not_allowed", "permission_error")


@pytest.mark.parametrize("mib", [1.01, 8])
def test_too_large(start, connect, mib):
    """The client gets to read the 413 although it was still sending."""
    client = connect(start("limits.body_mb=1"))
    big = [{"role": "user", "content": "x" * int(mib * 1024 * 1024)}]
    error = refused(openai.APIStatusError, lambda: client.chat.completions.create(model=FLASH, messages=big))
    assert (error.status_code, error.code) == (413, "request_too_large")
    assert str(1024 * 1024) in error.message, "the limit is named"
    assert client.chat.completions.create(model=FLASH, messages=SKY, max_tokens=1).id


def test_503_is_retried_by_the_sdk(start, connect):
    """Over the connection limit the SDK sees InternalServerError; with retries it gets through once there is room."""
    daemon = start("limits.connections=2")
    holders = []
    while len(holders) < 2:  # the connection that asked for readiness may still be there
        holder = daemon.connect()
        holder.send(wire.request("GET", "/healthz"))
        if holder.answer().status == 200:
            holders.append(holder)
    error = refused(openai.InternalServerError, lambda: connect(daemon).chat.completions.create(
        model=FLASH, messages=SKY))
    assert (error.status_code, error.code) == (503, "overloaded")

    timer = threading.Timer(0.3, lambda: [holder.socket.close() for holder in holders])
    timer.start()
    whole = connect(daemon, max_retries=5).chat.completions.create(model=FLASH, messages=SKY, max_tokens=1)
    timer.join()
    assert whole.choices[0].finish_reason == "length"


def test_nobody_there(connect, start):
    daemon = start()
    client = connect(daemon)
    daemon.process.terminate()
    daemon.wait_end()
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model=FLASH, messages=SKY)
