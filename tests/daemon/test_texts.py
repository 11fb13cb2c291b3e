# SPDX-License-Identifier: Apache-2.0
"""Signatures of texts and images (user-pain D13): a client that sends back only what it saw, and a Gemini that gets the
signature on the very part that it came with."""

import base64
import json

import pytest
import wire
from session import MODEL, Session, whole
from test_sessions import gateway  # noqa: F401

QUESTION = "What is a signature good for?"


def ask(one, messages, stream=False, model=MODEL, emulate=None):
    """One request. Returns the message that came, and the native request that was made."""
    headers = {"x-dragoman-emulate": emulate} if emulate else {}
    answer = one.ask({"model": model, "messages": messages, "stream": stream}, headers)
    assert answer.status == 200, answer.body
    return (whole(answer.body) if stream else json.loads(answer.body)["choices"][0]["message"]), one.received[-1]


def turn(one, messages, **options):
    """The messages with a user's question and what the model said to it, as text alone."""
    messages = messages + [{"role": "user", "content": f"{QUESTION} {len(messages)}"}]
    message, _ = ask(one, messages, **options)
    return messages + [{"role": "assistant", "content": message["content"]}]


def model_parts(request):
    return [content["parts"] for content in request["body"]["contents"] if content["role"] == "model"]


def signed(request):
    """Of each turn of the model's: its text, and its signatures."""
    return [("".join(part.get("text", "") for part in parts),
             [part["thoughtSignature"] for part in parts if "thoughtSignature" in part])
            for parts in model_parts(request)]


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_sends_back_the_text_alone(gateway, stream):  # noqa: F811
    one = gateway()
    messages = []
    for _ in range(4):
        messages = turn(one, messages, stream=stream)
        one.restart()  # killed, all of it, between each answer and the next request
    _, last = ask(one, messages + [{"role": "user", "content": "Thanks."}])
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    assert [text for text, _ in signed(last)] == said
    assert all(len(signatures) == 1 for _, signatures in signed(last)), signed(last)
    assert len({signatures[0] for _, signatures in signed(last)}) == 4
    assert all(request["status"] == 200 and "warnings" not in request for request in one.received)
    # The beginning stays as it was, request for request.
    bodies = [json.dumps(request["body"]["contents"]) for request in one.received]
    assert all(later.startswith(earlier[:-1]) for earlier, later in zip(bodies, bodies[1:]))
    assert one.count("text_signatures_recalled_total") == 4


def test_the_text_as_a_list_of_parts(gateway):  # noqa: F811
    one = gateway()
    messages = turn(one, [])
    messages[-1]["content"] = [{"type": "text", "text": messages[-1]["content"]}]
    messages[0]["content"] = [{"type": "text", "text": messages[0]["content"]}]
    _, last = ask(one, messages + [{"role": "user", "content": "Thanks."}])
    assert len(signed(last)[0][1]) == 1


def test_an_image(gateway):  # noqa: F811
    one = gateway()
    messages = [{"role": "user", "content": "A red bicycle."}]
    message, _ = ask(one, messages, model="google/gemini-3-pro-image-preview", emulate="image")
    url = message["images"][0]["image_url"]["url"]
    echo = [{"type": "text", "text": message["content"]}] if message["content"] else []
    messages += [{"role": "assistant", "content": echo + [{"type": "image_url", "image_url": {"url": url}}]},
                 {"role": "user", "content": "Now a blue one."}]
    _, last = ask(one, messages, model="google/gemini-3-pro-image-preview", emulate="image")
    part = next(part for part in model_parts(last)[0] if "inlineData" in part)
    assert url.endswith(part["inlineData"]["data"])
    assert one.count("text_signatures_kept_total") >= 1
    assert any("thoughtSignature" in part for part in model_parts(last)[0])
    assert "warnings" not in last


@pytest.mark.parametrize("change", ["text", "question"])
def test_what_was_changed_goes_without(gateway, change):  # noqa: F811
    one = gateway()
    messages = turn(one, [])
    if change == "text":
        messages[1]["content"] += "!"
    else:  # the same words to another question are another's thoughts
        messages[0]["content"] += "!"
    _, last = ask(one, messages + [{"role": "user", "content": "Thanks."}])
    assert signed(last)[0][1] == []
    assert one.count("text_signatures_recalled_total") == 0


def test_another_model_in_the_middle(gateway):  # noqa: F811
    one = gateway()
    messages = turn(one, [])
    _, last = ask(one, messages + [{"role": "user", "content": "Thanks."}], model="google/gemini-2.5-flash")
    assert signed(last)[0][1] == []
    _, last = ask(one, messages + [{"role": "user", "content": "Thanks."}])
    assert len(signed(last)[0][1]) == 1


def test_one_that_the_client_altered(gateway):  # noqa: F811
    """The store knows better; where it does not, the request is made once more without."""
    one = gateway()
    messages = turn(one, [])
    wrong = base64.b64encode(b"altered").decode()
    messages[1]["extra_content"] = {"google": {"thought_signature": wrong}}
    messages.append({"role": "user", "content": "Thanks."})
    _, last = ask(one, messages)
    assert len(signed(last)[0][1]) == 1 and wrong not in json.dumps(last)
    assert one.count("signatures_altered_total") == 1
    one.forget()
    ask(one, messages)
    statuses = [request["status"] for request in one.daemon.get("/_dragoman/emulator").json["requests"]]
    assert statuses == [400, 200]
    assert one.count("signatures_healed_total") == 1


def test_nowhere_to_write(gateway):  # noqa: F811
    """From the keeper's memory, in questions of one map each: calls and texts in one history."""
    one = gateway(folder="/dev/null/store", workers=2)
    session = Session(one.ask, functions=1)
    for _ in range(3):
        session.run(1)
        assert not session.step()
    session.user()
    session.step()
    last = one.received[-1]
    texts = [parts for parts in model_parts(last) if "text" in parts[0]]
    assert len(texts) == 3 and all(any("thoughtSignature" in part for part in parts) for parts in texts)
    assert all(request["status"] == 200 for request in one.received)


def test_what_goes_by_reasoning_details(start):
    """A client that reads and returns reasoning_details alone, as OpenRouter's do."""
    daemon = start("reasoning_details=true")
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hm?"}]}
    answer = daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode(), {}))
    details = json.loads(answer.body)["choices"][0]["message"]["reasoning_details"]
    assert [detail["format"] for detail in details] == ["google-gemini-v1"] * len(details)
    assert [detail["index"] for detail in details] == list(range(len(details)))
    assert details[-1]["type"] == "reasoning.encrypted"


def test_without_the_setting_there_are_none(start):
    daemon = start()
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hm?"}]}
    answer = daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode(), {}))
    assert b"reasoning_details" not in answer.body
