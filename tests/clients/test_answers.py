# SPDX-License-Identifier: Apache-2.0
"""Every responder through the gateway, whole and streamed: OpenAI's published shapes hold strictly, and what the SDK puts
together of a stream is what the whole answer says."""

import base64
import binascii
import dataclasses
import json
import os
import pathlib
import struct
import subprocess
import zlib

import emulated
import openai
import pytest
import shapes
import wire
from chunks import check_usage
from dragoman import ROOT
from openai.lib.streaming.chat import ChatCompletionStreamState

CASES = emulated.cases()
NODE = pathlib.Path(os.environ.get("NODE_FOLDER", ROOT / "build/node"))
REFUSED = {  # an answer that is none is an error, and says which (user-pain C2, F6)
    "empty-stop": "empty_response", "finish:MALFORMED_FUNCTION_CALL": "malformed_function_call",
    "finish:UNEXPECTED_TOOL_CALL": "malformed_function_call", "finish:TOO_MANY_TOOL_CALLS": "malformed_function_call"}
ANSWERED = [case for case in CASES if case not in REFUSED]


@dataclasses.dataclass
class Answer:
    whole: str  # the JSON of a completion or of an error
    events: list  # of the stream; the error alone when it never began


@pytest.fixture(scope="session")
def recorded(daemon):
    """What the gateway says to each case, as text; asked by the SDK, once."""
    with openai.OpenAI(base_url=daemon.url + "/v1", api_key="anything", max_retries=0, timeout=20) as client:
        return {case: Answer(ask(client, *CASES[case]), stream(client, *CASES[case])) for case in CASES}


def ask(client, responder, members):
    try:
        raw = client.chat.completions.with_raw_response.create(**members, extra_headers={"x-dragoman-emulate": responder})
    except openai.APIStatusError as error:
        return error.response.text
    return raw.http_response.text


def stream(client, responder, members):
    try:
        with client.chat.completions.with_streaming_response.create(
                **members, stream=True, stream_options={"include_usage": True},
                extra_headers={"x-dragoman-emulate": responder}) as raw:
            return wire.events(raw.read())  # httpx's lines end at U+2028 too
    except openai.APIStatusError as error:
        return [error.response.read().decode()]


def accumulated(events):
    state = ChatCompletionStreamState()
    for event in events[:-1]:
        state.handle_chunk(shapes.check(event))
    return json.loads(state.current_completion_snapshot.to_json())


def said(whole):
    """What of a completion does not depend on how it came: no ids, no nothings, no index in lists."""
    def clean(value):
        if isinstance(value, list):
            return [clean(one) for one in value]
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items() if v is not None and k not in ("id", "created", "object", "expires_at")}
        return value

    found = clean(whole)
    for choice in found["choices"]:
        google = choice["message"]["extra_content"]["google"]
        for one in [*choice["message"].get("tool_calls", []), *choice["message"].get("images", []),
                    *choice["message"].get("annotations", []), *google.get("parts", [])]:
            one.pop("index", None)  # what the parts of a list are put together by
    return found


@pytest.mark.parametrize("case", CASES)
def test_shapes(recorded, case):
    answer = recorded[case]
    shapes.check(answer.whole)
    for event in answer.events:
        if event != "[DONE]":
            shapes.check(event)


@pytest.mark.parametrize("case", ANSWERED)
def test_f8_chunks(recorded, case):
    """user-pain F8, F9: role first, one id, one finish_reason a choice, usage once and last, then [DONE]."""
    *chunks, done = recorded[case].events
    chunks = [json.loads(chunk) for chunk in chunks]
    n = CASES[case][1].get("n", 1)
    assert done == "[DONE]" and not any("error" in chunk for chunk in chunks)
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    roles, finishes = [0] * n, [None] * n
    for chunk in chunks[:-1]:
        assert chunk["usage"] is None and chunk["choices"]
        for choice in chunk["choices"]:
            i = choice["index"]
            assert finishes[i] is None, "something after finish_reason"
            roles[i] += "role" in choice["delta"]
            assert roles[i] == 1, "the first delta has the role, no other"
            finishes[i] = choice["finish_reason"]
    assert all(finishes) and chunks[-1]["choices"] == [] and chunks[-1]["usage"]


@pytest.mark.parametrize("case", ANSWERED)
def test_streamed_is_whole(recorded, case):
    whole, streamed = said(json.loads(recorded[case].whole)), said(accumulated(recorded[case].events))
    assert streamed == whole


@pytest.mark.parametrize("case", ANSWERED)
def test_k1_usage(recorded, case):
    """user-pain K1: prompt + completion = total, thoughts are part of completion; whatever Google's counts look like."""
    usage = json.loads(recorded[case].whole)["usage"]
    if case in ("usage:none", "usage:empty"):
        assert usage["total_tokens"] == usage["prompt_tokens"] == usage["completion_tokens"] == 0
    else:
        check_usage(usage)
    if case.startswith("usage:") and usage["total_tokens"]:
        assert usage["completion_tokens_details"]["reasoning_tokens"] > 0


@pytest.mark.parametrize("case", REFUSED)
def test_c2_f6_nothing_is_an_error(recorded, case):
    answer = recorded[case]
    assert len(answer.events) == 1, "the stream never began"
    for text in (answer.whole, answer.events[0]):
        error = json.loads(text)["error"]
        assert error["code"] == REFUSED[case] and error["type"], error


def whole_choice(recorded, case):
    return json.loads(recorded[case].whole)["choices"][0]


FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}


@pytest.mark.parametrize("reason", [r for r in emulated.ARGUMENTS["finish"] if f"finish:{r}" in ANSWERED])
def test_g8_finish_reasons(recorded, reason):
    """user-pain G8: only OpenAI's words leave; Google's own stands in extra_content."""
    choice = whole_choice(recorded, f"finish:{reason}")
    assert choice["finish_reason"] == FINISH.get(reason, "content_filter")
    assert choice["message"]["extra_content"]["google"]["finish_reason"] == reason


@pytest.mark.parametrize("reason", emulated.ARGUMENTS["blocked"])
def test_g8_blocked_prompts(recorded, reason):
    choice = whole_choice(recorded, f"blocked:{reason}")
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")
    assert choice["message"]["refusal"] and choice["message"]["extra_content"]["google"]["block_reason"] == reason


@pytest.mark.parametrize("case", ["citations", "grounding", "url-context"])
def test_c11_offsets_are_characters(recorded, case):
    """user-pain C11: the native offsets are bytes of a text with characters of two to four bytes."""
    message = whole_choice(recorded, case)["message"]
    found = [one["url_citation"] for one in message["annotations"]]
    quoted = {message["content"][one["start_index"]:one["end_index"]] for one in found}
    assert quoted == {"Das Caf\u00e9 \u201e\u00dcberall\u201c \u00f6ffnet um 9 Uhr \u2615.",
                      "\u6771\u4eac\u30bf\u30ef\u30fc\u306f333\u30e1\u30fc\u30c8\u30eb\u3067\u3059 \U0001f5fc."}
    assert all(one["url"].startswith("https://") and one["title"] for one in found)


def pixels(png):
    """Decodes a PNG of eight-bit colours without filters: (width, height, bytes of the lines)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, size = 8, b"", None
    while at < len(png):
        n, kind = struct.unpack(">I4s", png[at:at + 8])
        body, checksum = png[at + 8:at + 8 + n], struct.unpack(">I", png[at + 8 + n:at + 12 + n])[0]
        assert binascii.crc32(kind + body) == checksum, kind
        size = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else size
        data += body if kind == b"IDAT" else b""
        at += 12 + n
    assert kind == b"IEND" and size[2:] == (8, 2, 0, 0, 0)
    return size[0], size[1], zlib.decompress(data)


@pytest.mark.parametrize("case, size", [("image", (64, 64)), ("image:33x7", (33, 7)), ("usual/image", (64, 64)),
                                        ("usual/image-and-text", (64, 64))])
def test_images_are_real(recorded, case, size):
    message = whole_choice(recorded, case)["message"]
    url = message["images"][0]["image_url"]["url"]
    assert url.startswith("data:image/png;base64,")
    width, height, lines = pixels(base64.b64decode(url.partition(",")[2], validate=True))
    assert (width, height) == size and len(lines) == height * (1 + 3 * width) and len(set(lines)) > 7
    assert bool(message["content"]) == (case != "usual/image")


@pytest.mark.parametrize("case, mime", [("audio", "audio/L16;codec=pcm;rate=24000"), ("audio:wav", "audio/wav"),
                                        ("usual/speech", "audio/L16;codec=pcm;rate=24000")])
def test_sounds_are_real(recorded, case, mime):
    message = whole_choice(recorded, case)["message"]
    sound = base64.b64decode(message["audio"]["data"], validate=True)
    assert message["audio"]["extra_content"]["google"]["mime_type"] == mime
    if case == "audio:wav":
        assert struct.unpack("<4sI4s4sIHHIIHH4sI", sound[:44])[1::2] == (len(sound) - 8, b"fmt ", 1, 24000, 2, b"data")
        sound = sound[44:]
    assert len(sound) == 12000, "a quarter of a second"
    assert max(struct.unpack("<6000h", sound)) > 7000


def test_logprobs(recorded):
    choice = whole_choice(recorded, "logprobs:2")
    tokens = choice["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == choice["message"]["content"]
    assert all(len(token["top_logprobs"]) == 3 and token["top_logprobs"][0]["token"] == token["token"] and
               token["logprob"] <= 0 for token in tokens)


def test_candidates_take_turns(recorded):
    """Events of one candidate each, each with a state of its own."""
    chunks = [json.loads(event) for event in recorded["interleaved"].events[:-2]]
    order = [choice["index"] for chunk in chunks for choice in chunk["choices"] if choice["delta"].get("content")]
    assert order[:6] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("case", ["tools", "tools:parallel", "partial-args", "late-stop", "sparse", "usual/calls"])
def test_c1_c10_calls(recorded, case):
    """user-pain C1, C10: as many calls as there were, from 0 on, each with valid arguments; they end as tool_calls."""
    for whole in (json.loads(recorded[case].whole), accumulated(recorded[case].events)):
        choice = whole["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        calls = choice["message"]["tool_calls"]
        assert len(calls) == 2 and len({call["id"] for call in calls}) == 2
        places = [json.loads(call["function"]["arguments"]) for call in calls]
        assert [place["location"] for place in places] == ["Chicago", "New York"]
        assert all(type(place["days"]) is int for place in places), "user-pain C12"


def test_partial_args_come_in_pieces(recorded):
    pieces = [call["function"]["arguments"] for event in recorded["partial-args"].events[:-1]
              for choice in json.loads(event)["choices"] for call in choice["delta"].get("tool_calls", [])]
    assert len(pieces) > 10 and all(len(piece) < 60 for piece in pieces)


def test_code_is_carried(recorded):
    message = whole_choice(recorded, "code")["message"]
    first, second = message["extra_content"]["google"]["parts"]
    assert first["executableCode"]["language"] == "PYTHON" and second["codeExecutionResult"]["output"] == "55\n"


@pytest.mark.parametrize("kind", emulated.ARGUMENTS["traffic"])
def test_traffic_type(recorded, kind):
    usage = json.loads(recorded[f"traffic:{kind}"].whole)["usage"]
    assert usage["extra_properties"]["google"]["traffic_type"] == kind


def test_k8_cached_tokens(recorded):
    """user-pain K8: told, and not taken off the prompt; a stream says the same."""
    usage = json.loads(recorded["usage:details"].whole)["usage"]
    assert 0 < usage["prompt_tokens_details"]["cached_tokens"] < usage["prompt_tokens"]
    assert json.loads(recorded["usage:details"].events[-2])["usage"] == usage


def test_d9_thoughts_stay_out_of_the_text(recorded):
    """user-pain D9, D10: thoughts stand in reasoning_content, and no byte of them in content."""
    message = whole_choice(recorded, "usual/thoughts")["message"]
    assert "An emulated thought" in message["reasoning_content"] and "thought" not in message["content"]


@pytest.mark.parametrize("value", ["nobody", "finish", "finish:SOMETHING", "blocked:IMAGE_SAFETY", "image:0x0", "usage:much"])
@pytest.mark.parametrize("streams", [False, True])
def test_a_responder_that_does_not_exist(client, value, streams):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=emulated.FLASH, messages=emulated.SKY, stream=streams,
                                       extra_headers={"x-dragoman-emulate": value})
    assert f'"{value}"' in caught.value.message and "long-thinking[:TOKENS]" in caught.value.message


# What we document beside OpenAI's members, declared where openai-node's types have none (shapes.EXTRA).
EXTENSIONS = """
type Google = { google: Record<string, unknown> };
type Picture = { index?: number; type: 'image_url'; image_url: { url: string } };
declare module 'openai/resources/chat/completions/completions' {
    interface ChatCompletionMessage {
        extra_content?: Google; reasoning_content?: string; reasoning?: string; images?: Picture[];
    }
    interface ChatCompletionAudio { extra_content?: Google }
    interface ChatCompletionMessageFunctionToolCall { extra_content?: Google }
    namespace ChatCompletionChunk.Choice {
        interface Delta {
            extra_content?: Google; reasoning_content?: string; reasoning?: string; images?: Picture[];
            annotations?: (ChatCompletionMessage.Annotation & { index: number })[];
        }
        namespace Delta { interface ToolCall { extra_content?: Google } interface Audio { extra_content?: Google } }
    }
}
declare module 'openai/resources/completions' {
    interface CompletionUsage { extra_properties?: Google }
    namespace CompletionUsage { interface CompletionTokensDetails { image_tokens?: number } }
}
"""


def typescript(recorded):
    """Every answer as a literal of the type that openai-node gives it: a member that it does not know is an error."""
    yield "import type { ChatCompletion, ChatCompletionChunk } from 'openai/resources/chat/completions/completions';"
    yield "import type { ErrorObject } from 'openai/resources/shared';"
    yield EXTENSIONS
    for case, answer in recorded.items():
        yield f"// {case}"
        for text in [answer.whole, *answer.events]:
            if text == "[DONE]":
                continue
            kind = json.loads(text).get("object", "error")
            name = {"chat.completion": "ChatCompletion", "chat.completion.chunk": "ChatCompletionChunk",
                    "error": "{ error: ErrorObject }"}[kind]
            yield f"({text}) satisfies {name};"


def compiled(lines):
    """What TypeScript has against a file of these lines, which stands among openai-node's packages."""
    file = NODE / "answers.ts"
    file.write_text("\n".join(lines))
    done = subprocess.run([NODE / "node_modules/.bin/tsc", "--ignoreConfig", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022",
                           "--module", "nodenext", "--types", "", file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=100)
    return done.returncode, done.stdout


def test_openai_nodes_types(recorded):
    code, told = compiled(typescript(recorded))
    assert code == 0, told[:4000]


def test_openai_nodes_types_see_what_is_wrong(recorded):
    good = recorded["usual"].whole
    wrong = [good.replace(*change) for change in (
        ('"object":"chat.completion"', '"object":"chat.completion","candidates":[]'),
        ('"finish_reason":"stop"', '"finish_reason":"STOP"'), ('"role":"assistant"', '"role":"assistant","thought":true'))]
    code, told = compiled(typescript({str(i): Answer(one, []) for i, one in enumerate(wrong)}))
    assert code != 0 and told.count("error TS") == 3 and good not in wrong, told
