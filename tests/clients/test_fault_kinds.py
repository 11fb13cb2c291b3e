# SPDX-License-Identifier: Apache-2.0
"""The fault table through each kind of upstream, as openai-python tells it. Gemini in process is test_faults'; here are
Gemini over a network, and vLLM and TGI both ways: over a network the second Dragoman's dialect answers, byte for byte."""

import json
import types

import emulated
import openai
import pytest
import shapes
import wire
from chunks import check_chunks, check_completion
from dragoman import Daemon
from injector import Injector

SETTINGS = ("timeouts.idle=300ms", "timeouts.first_byte=300ms")
PLACE = "/v1/projects/p/locations/us-central1/endpoints/"
ENDPOINTS = {"vllm": "4815162342", "tgi": "tgi-4815162342"}
KINDS = ["vllm here", "tgi here", "gemini there", "vllm there", "tgi there"]
AT = [f"{name}={at}" for name in emulated.BREAKS for at in (0, 2) if name != "cut-byte"]
BYTES = [f"cut-byte={at}" for at in (0, 6, 700)]
FORMS = [*emulated.SAME, "no-blank-line=1", "big-event=0", "cr; multi-line; comments; bom", "one-byte; crlf; no-blank-line"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """One emulator, the injector before it, and two gateways: one before the injector, one with its emulator in process."""
    back, here = Daemon(*SETTINGS, "timeouts.drain=1s", pace=(0, 0)).wait_ready(), Daemon(*SETTINGS, pace=(0, 0)).wait_ready()
    between = Injector(back.port)
    file = tmp_path_factory.mktemp("kinds") / "dragoman.yaml"
    upstreams = {kind: {"kind": kind, "base_url": f"{between.url}/_dragoman/emulator/{endpoint}"}
                 for kind, endpoint in ENDPOINTS.items()}
    upstreams["gemini"] = {"kind": "vertex", "base_url": between.url, "credentials": "none"}
    file.write_text(json.dumps({"upstreams": upstreams, "models": [{"match": "google/*", "upstream": "gemini"}],
                                "endpoints": {endpoint: {"upstream": kind} for kind, endpoint in ENDPOINTS.items()}}))
    there = Daemon(*SETTINGS, args=("--config", str(file))).wait_ready()
    yield types.SimpleNamespace(here=here, there=there, between=between)
    for daemon in (there, here, back):
        daemon.stop()
    between.close()


@pytest.fixture(params=KINDS)
def ask(request, servers):
    """ask("cut-event=1", stream=True): by the SDK, with the fault where this kind has it from."""
    kind, where = request.param.split()
    daemon = getattr(servers, where)
    place = PLACE + ENDPOINTS.get(kind, "openapi")
    with openai.OpenAI(base_url=daemon.url + place, api_key="anything", max_retries=0, timeout=20) as client:
        def ask_one(fault, raw=False, **members):
            servers.between.fault = fault
            headers = {"x-dragoman-fault": fault} if fault and where == "here" else {}
            create = client.chat.completions.with_streaming_response if raw else client.chat.completions
            return create.create(model=emulated.FLASH, messages=emulated.SKY, extra_headers=headers, **members)
        yield ask_one


def read(ask, fault):
    """The chunks, and the error that ended them."""
    chunks = []
    try:
        for chunk in ask(fault, stream=True, stream_options={"include_usage": True}):
            chunks.append(chunk)
    except openai.APIError as error:
        return chunks, error
    return chunks, None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", emulated.REFUSES)
def test_refusals_raise(ask, fault, stream):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(fault, stream=stream)
    error = caught.value
    shapes.check(error.response.text)
    assert error.code and error.type and error.message and "<html" not in error.message.lower()
    assert error.status_code == int(fault[:3]) or fault == "499" and error.status_code >= 400


@pytest.mark.parametrize("fault", AT + BYTES)
def test_a_broken_stream_raises(ask, fault):
    chunks, error = read(ask, fault)
    assert error is not None, f"{len(chunks)} chunks, and all is well"
    assert not any(choice.finish_reason for chunk in chunks for choice in chunk.choices)
    assert not any(chunk.usage for chunk in chunks)
    if not chunks:
        assert isinstance(error, openai.APIStatusError) and error.status_code >= 499, error
        return
    assert type(error) is openai.APIError and error.code, error
    with ask(fault, raw=True, stream=True) as raw:
        *before, last = wire.events(raw.read())
    assert '"error"' in last and "[DONE]" not in before
    shapes.check(last)


@pytest.mark.parametrize("fault", [f"{name}=0" for name in emulated.BREAKS if name != "cut-byte"] + BYTES[:2])
def test_a_broken_whole_answer_raises(ask, fault):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(fault)
    shapes.check(caught.value.response.text)
    assert caught.value.code and caught.value.status_code >= 499


def test_how_it_is_written_changes_nothing(ask):
    def told(fault):
        chunks, error = read(ask, fault)
        assert error is None, (fault, error)
        return check_chunks([chunk.to_dict() for chunk in chunks], emulated.FLASH, usage=True)

    plain = told("")
    assert plain.texts[0] and plain.finishes == ["stop"]
    for fault in FORMS:
        assert told(fault) == plain, fault
        whole = check_completion(ask(fault).to_dict(), emulated.FLASH)
        assert (whole.texts, whole.usage["total_tokens"]) == (plain.texts, plain.usage["total_tokens"]), fault
