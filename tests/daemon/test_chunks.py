# SPDX-License-Identifier: Apache-2.0
"""The checker of streams itself: a good stream passes, and every way to break one is noticed."""

import copy

import pytest
from chunks import check_chunks, check_completion

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 1}}


def chunk(*choices, **more):
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": list(choices), **more}


def choice(index, finish=None, **delta):
    return {"index": index, "delta": delta, "finish_reason": finish}


def good():
    return [chunk(choice(0, role="assistant", content="a")), chunk(choice(1, role="assistant", content="x")),
            chunk(choice(0, content="b")), chunk(choice(0, "stop")), chunk(choice(1, "length", content="y")),
            chunk(usage=USAGE)]


def test_good():
    said = check_chunks(good(), "m", n=2, usage=True)
    assert (said.texts, said.finishes, said.usage["total_tokens"]) == (["ab", "xy"], ["stop", "length"], 7)
    check_chunks(good()[:-1], "m", n=2)


BREAKS = {
    "another id": lambda chunks: chunks[2].update(id="chatcmpl-2"),
    "another time": lambda chunks: chunks[2].update(created=2),
    "another model": lambda chunks: chunks[3].update(model="n"),
    "no role": lambda chunks: chunks[0]["choices"][0]["delta"].pop("role"),
    "role twice": lambda chunks: chunks[2]["choices"][0]["delta"].update(role="assistant"),
    "no finish": lambda chunks: chunks.pop(3),
    "finish twice": lambda chunks: chunks.insert(4, chunks[3]),
    "text after finish": lambda chunks: chunks.insert(4, chunk(choice(0, content="c"))),
    "a finish of Gemini's": lambda chunks: chunks[3]["choices"][0].update(finish_reason="MAX_TOKENS"),
    "a choice nobody asked for": lambda chunks: chunks.insert(1, chunk(choice(2, content="z"))),
    "no choices": lambda chunks: chunks.insert(1, chunk()),
    "no usage": lambda chunks: chunks.pop(),
    "usage twice": lambda chunks: chunks.append(chunks[-1]),
    "usage not last": lambda chunks: chunks.insert(0, chunks.pop()),
    "usage beside a choice": lambda chunks: (chunks.pop(), chunks[-1].update(usage=USAGE)),
    "a wrong sum": lambda chunks: chunks[-1].update(usage={**USAGE, "total_tokens": 8}),
    "more thought than said": lambda chunks: chunks[-1].update(
        usage={**USAGE, "completion_tokens_details": {"reasoning_tokens": 5}}),
    "nothing": lambda chunks: chunks.clear(),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken(name):
    chunks = copy.deepcopy(good())
    BREAKS[name](chunks)
    with pytest.raises(AssertionError):
        check_chunks(chunks, "m", n=2, usage=True)


def test_unasked_usage():
    with pytest.raises(AssertionError):
        check_chunks(good(), "m", n=2, usage=False)


def test_completion():
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": USAGE,
             "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a"}}]}
    assert check_completion(whole, "m").texts == ["a"]
    for broken in ({"model": "n"}, {"choices": []}, {"object": "chat.completion.chunk"},
                   {"usage": {**USAGE, "prompt_tokens": 1}}):
        with pytest.raises(AssertionError):
            check_completion({**whole, **broken}, "m")
