# SPDX-License-Identifier: Apache-2.0
"""Every fault of the emulator's, as openai-python tells it: what broke raises, and nothing that went before lies."""

import emulated
import openai
import pytest
import shapes
import wire

CALLS = {"messages": emulated.CITIES, "tools": [emulated.WEATHER]}
BEFORE = [f"{name}={at}" for name in emulated.BREAKS for at in (0, 1, 3) if name != "cut-byte"]
BYTES = [f"cut-byte={at}" for at in (0, 1, 5, 6, 100, 700, 2000)]
BEHIND_CALLS = [f"{name}=3" for name in emulated.BREAKS if name != "cut-byte"] + ["cut-byte=2000"]  # nothing is left to break


@pytest.fixture(scope="module")
def impatient():
    """A client of a daemon that soon gives up on an upstream that says nothing."""
    from dragoman import Daemon
    running = Daemon("timeouts.idle=200ms", "timeouts.first_byte=200ms", pace=(0, 0))
    running.wait_ready()
    with openai.OpenAI(base_url=running.url + "/v1", api_key="anything", max_retries=0, timeout=20) as client:
        yield client
    running.stop()


def ask(client, fault, **members):
    members = {"model": emulated.FLASH, "messages": emulated.SKY, **members}
    return client.chat.completions.create(**members, extra_headers={"x-dragoman-fault": fault} if fault else {})


def read(client, fault, **members):
    """The chunks before the stream ended, and the error that ended it."""
    chunks = []
    try:
        for chunk in ask(client, fault, stream=True, stream_options={"include_usage": True}, **members):
            chunks.append(chunk)
    except openai.APIError as error:
        return chunks, error
    return chunks, None


def raw_events(client, fault, **members):
    members = {"model": emulated.FLASH, "messages": emulated.SKY, **members}
    with client.chat.completions.with_streaming_response.create(
            **members, stream=True, extra_headers={"x-dragoman-fault": fault}) as raw:
        return wire.events(raw.read())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", emulated.REFUSES)
def test_refusals_raise(client, fault, stream):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, fault, stream=stream)
    error = caught.value
    shapes.check(error.response.text)
    assert error.code and error.type and error.message and "<html" not in error.message.lower()
    assert error.response.headers["content-type"].startswith("application/json")
    wanted = int(fault[:3])
    assert error.status_code == (wanted if wanted != 499 else error.status_code) and error.status_code >= 400


@pytest.mark.parametrize("members", [{}, CALLS, {"n": 2}], ids=["text", "calls", "two"])
@pytest.mark.parametrize("fault", BEFORE + BYTES)
def test_f2_f4_a_broken_stream_raises(impatient, fault, members):
    """user-pain F2, F4: no finish_reason that was never said, no [DONE], an exception; a call is never closed for the model."""
    whole, none = read(impatient, None, **members)
    assert none is None and all(choice.finish_reason for chunk in whole[-2:-1] for choice in chunk.choices)
    chunks, error = read(impatient, fault, **members)
    if members is CALLS and fault in BEHIND_CALLS:
        assert error is None and len(chunks) == len(whole)
        return
    assert error is not None, f"{len(chunks)} chunks, and all is well"
    assert not any(choice.finish_reason for chunk in chunks for choice in chunk.choices)
    assert not any(chunk.usage for chunk in chunks)
    if chunks:
        assert type(error) is openai.APIError and error.code, error
        *before, last = raw_events(impatient, fault, **members)
        assert '"error"' in last and "[DONE]" not in before
        shapes.check(last)
    else:
        assert isinstance(error, openai.APIStatusError) and error.status_code >= 500 or error.status_code == 499, error


@pytest.mark.parametrize("fault", [f"{name}=0" for name in emulated.BREAKS] + BYTES[:5])
def test_a_broken_whole_answer_raises(impatient, fault):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(impatient, fault)
    shapes.check(caught.value.response.text)
    assert caught.value.code and caught.value.status_code >= 499


@pytest.mark.parametrize("fault", [*emulated.SAME, "no-blank-line=1", "big-event=0", "cr; multi-line; comments; bom",
                                   "lf; one-byte; multi-line; comments", "one-byte; cr; no-blank-line=1; bom"])
@pytest.mark.parametrize("members", [{}, CALLS, {"n": 2}], ids=["text", "calls", "two"])
def test_f7_how_it_is_written_changes_nothing(impatient, fault, members):
    """user-pain F7: line ends, marks, comments, several lines, single bytes, events over 1 MiB, no blank line at the end."""
    def told(chunks):
        return [(chunk.choices[0].index, chunk.choices[0].finish_reason, chunk.choices[0].delta.content,
                 [call.function.arguments for call in chunk.choices[0].delta.tool_calls or []])
                if chunk.choices else chunk.usage.total_tokens for chunk in chunks]

    plain, changed = read(impatient, None, **members), read(impatient, fault, **members)
    assert changed[1] is None, changed[1]
    assert told(changed[0]) == told(plain[0])


@pytest.mark.parametrize("fault", ["teapot", "429*", "cut-event=x", "cut-byte=-1", "cr=1;teapot"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_fault_that_does_not_exist(client, fault, stream):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, fault, stream=stream)
    assert "knows no fault" in caught.value.message and all(name in caught.value.message for _, name in emulated.FAULTS)


def test_g1_the_sdk_waits_as_long_as_google_says(daemon, connect):
    """user-pain G1: two failures that ask for a second each, two retries: the third answer is good."""
    said = connect(daemon, max_retries=2).chat.completions.create(
        model=emulated.FLASH, messages=emulated.SKY, extra_headers={"x-dragoman-fault": "429-retry=1*2; lf"})
    assert said.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("fault", ["429-day", "400", "403", "404-html"])
def test_g4_hopeless_is_not_retried(daemon, connect, fault):
    """user-pain G4, G6: the SDK would ask again after a 429; it is told not to, so the second time is never spent."""
    spec = f"{fault}*1; bom"
    with pytest.raises(openai.APIStatusError):
        ask(connect(daemon, max_retries=2), spec)
    assert ask(connect(daemon), spec).choices[0].finish_reason == "stop"
