# SPDX-License-Identifier: Apache-2.0
"""What holds for every answer, streamed or not, whoever asked: the invariants of dragoman.h on plain dicts."""

import dataclasses

FINISH = {"stop", "length", "tool_calls", "content_filter", "function_call"}


@dataclasses.dataclass
class Said:
    """What the choices of one answer came to."""
    texts: list
    finishes: list
    usage: dict | None
    pieces: int = 1


def check_usage(usage):
    prompt, completion, total = (usage[k] for k in ("prompt_tokens", "completion_tokens", "total_tokens"))
    assert prompt > 0 and completion >= 0 and prompt + completion == total, usage
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    assert 0 <= thought <= completion, usage
    return usage


def check_completion(whole, model, n=1):
    assert whole["object"] == "chat.completion" and whole["id"] and whole["created"] > 0
    assert whole["model"] == model
    assert [choice["index"] for choice in whole["choices"]] == list(range(n))
    for choice in whole["choices"]:
        assert choice["finish_reason"] in FINISH, choice
        assert choice["message"]["role"] == "assistant", choice
    return Said([choice["message"]["content"] for choice in whole["choices"]],
                [choice["finish_reason"] for choice in whole["choices"]], check_usage(whole["usage"]))


def check_chunks(chunks, model, n=1, usage=False):
    """chunks: the dicts of one whole stream, without [DONE]."""
    assert chunks, "a stream without a chunk"
    for key in ("id", "created", "model", "object"):
        assert len({chunk[key] for chunk in chunks}) == 1, f"{key} differs between chunks"
    first = chunks[0]
    assert first["object"] == "chat.completion.chunk" and first["id"] and first["created"] > 0
    assert first["model"] == model

    told = [chunk for chunk in chunks if chunk.get("usage")]
    if usage:
        assert told == chunks[-1:], "usage comes once, last"
        assert told[0]["choices"] == [], told[0]
        check_usage(told[0]["usage"])
        chunks = chunks[:-1]
    else:
        assert told == [], "usage that nobody asked for"

    texts, finishes, roles = [""] * n, [None] * n, [0] * n
    for chunk in chunks:
        assert chunk["choices"], f"a chunk without choices that is not the usage: {chunk}"
        for choice in chunk["choices"]:
            i, delta = choice["index"], choice["delta"]
            assert 0 <= i < n, choice
            assert finishes[i] is None, f"something after finish_reason: {choice}"
            if delta.get("role"):
                assert delta["role"] == "assistant" and texts[i] == "", choice
                roles[i] += 1
            texts[i] += delta.get("content") or ""
            finishes[i] = choice.get("finish_reason")
    assert roles == [1] * n, f"role comes once a choice, {roles}"
    assert all(finish in FINISH for finish in finishes), finishes
    return Said(texts, finishes, told[0]["usage"] if told else None, len(chunks))
