#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a model of the llama architecture, of half a megabyte and random weights, as a GGUF file: make_model.py FILE

What it says means nothing, but it is said by a real engine: tokenized, sampled, held to a grammar where one is asked for.
Its words are letters and a few syllables; bytes that are no ASCII are hardly ever said. It never ends by itself, and begins
no call: who wants that of it raises the two tokens that do by logit_bias.
"""

import array
import math
import random
import struct
import sys

U32, I32, F32, TEXT, LIST = 4, 5, 6, 8, 9  # types of GGUF's values
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # types of tokens
WIDTH, LAYERS, HEADS, INNER, CONTEXT = 64, 2, 4, 128, 4096
SYLLABLES = [a + b for a in ("", "b", "d", "k", "l", "m", "n", "r", "s", "t") for b in ("a", "e", "i", "o", "u")]
ALIGNMENT = 32
CALL = "<tool_call>\n"
# Turns, tools, and calls as JSON between two marks.
TEMPLATE = """{%- if tools %}<|im_start|>system
Call functions so: <tool_call>
{"name": NAME, "arguments": OBJECT}
</tool_call>
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools><|im_end|>
{% endif -%}
{%- for message in messages -%}
{%- if message.role == "assistant" -%}
<|im_start|>assistant
{%- if message.content %}
{{ message.content }}{% endif -%}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% elif message.role == "tool" -%}
<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif -%}"""


def tokens():
    """(text, type, how readily it is said) of each."""
    yield from (("<unk>", UNKNOWN, 0), ("<s>", CONTROL, 0), ("</s>", CONTROL, 0))
    yield from ((f"<0x{byte:02X}>", BYTE, 0) for byte in range(256))
    yield from ((chr(code), NORMAL, 0.5) for code in range(0x21, 0x7f))
    yield from (("\u2581" + syllable, NORMAL, 1) for syllable in SYLLABLES)
    yield from ((syllable, NORMAL, 1) for syllable in SYLLABLES if len(syllable) > 1)
    yield "\u2581", NORMAL, 0.5
    yield CALL, NORMAL, 0


def number(word):
    """Of a token."""
    return next(i for i, (text, _, _) in enumerate(tokens()) if text == word)


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, given):
    return {U32: lambda: struct.pack("<I", given), I32: lambda: struct.pack("<i", given),
            F32: lambda: struct.pack("<f", given), TEXT: lambda: text(given)}[kind]()


def member(name, kind, given):
    return text(name) + struct.pack("<I", kind) + value(kind, given)


def members(name, kind, given):
    return text(name) + struct.pack("<IIQ", LIST, kind, len(given)) + b"".join(value(kind, each) for each in given)


def tensors(vocabulary, rng):
    """(name, shape with the fastest dimension first, numbers)."""
    def matrix(name, inner, outer, scale=None):
        scale = scale or 1 / math.sqrt(inner)
        return name, (inner, outer), array.array("f", (rng.gauss(0, scale) for _ in range(inner * outer)))

    def ones(name):
        return name, (WIDTH,), array.array("f", [1.0] * WIDTH)

    yield matrix("token_embd.weight", WIDTH, len(vocabulary), 1)
    yield ones("output_norm.weight")
    said = array.array("f")
    for _, _, readily in vocabulary:
        said.extend(rng.gauss(0, readily / 4) for _ in range(WIDTH))
    yield "output.weight", (WIDTH, len(vocabulary)), said
    for i in range(LAYERS):
        yield ones(f"blk.{i}.attn_norm.weight")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield matrix(f"blk.{i}.{name}.weight", WIDTH, WIDTH)
        yield ones(f"blk.{i}.ffn_norm.weight")
        yield matrix(f"blk.{i}.ffn_gate.weight", WIDTH, INNER)
        yield matrix(f"blk.{i}.ffn_up.weight", WIDTH, INNER)
        yield matrix(f"blk.{i}.ffn_down.weight", INNER, WIDTH)


def padded(data):
    return data + b"\0" * (-len(data) % ALIGNMENT)


def model(seed=1):
    vocabulary = list(tokens())
    found = list(tensors(vocabulary, random.Random(seed)))
    facts = [
        member("general.architecture", TEXT, "llama"), member("general.name", TEXT, "tiny-random"),
        member("llama.context_length", U32, CONTEXT), member("llama.embedding_length", U32, WIDTH),
        member("llama.block_count", U32, LAYERS), member("llama.feed_forward_length", U32, INNER),
        member("llama.attention.head_count", U32, HEADS), member("llama.attention.head_count_kv", U32, HEADS),
        member("llama.attention.layer_norm_rms_epsilon", F32, 1e-5), member("llama.rope.dimension_count", U32, WIDTH // HEADS),
        member("llama.vocab_size", U32, len(vocabulary)), member("general.alignment", U32, ALIGNMENT),
        member("tokenizer.ggml.model", TEXT, "llama"),
        members("tokenizer.ggml.tokens", TEXT, [each[0] for each in vocabulary]),
        members("tokenizer.ggml.scores", F32, [float(len(each[0])) if each[1] == NORMAL else 0.0 for each in vocabulary]),
        members("tokenizer.ggml.token_type", I32, [each[1] for each in vocabulary]),
        member("tokenizer.ggml.unknown_token_id", U32, 0), member("tokenizer.ggml.bos_token_id", U32, 1),
        member("tokenizer.ggml.eos_token_id", U32, 2), member("tokenizer.chat_template", TEXT, TEMPLATE),
    ]
    head, at, data = b"GGUF" + struct.pack("<IQQ", 3, len(found), len(facts)) + b"".join(facts), 0, []
    for name, shape, numbers in found:
        head += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape)
        head += struct.pack("<IQ", 0, at)  # 0: F32
        data.append(padded(numbers.tobytes()))
        at += len(data[-1])
    return padded(head) + b"".join(data)


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(model())
