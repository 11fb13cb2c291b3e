# SPDX-License-Identifier: Apache-2.0
"""Images that the model makes (user-pain E5): wherever `image_output` puts them, an edit brings them back with their signatures."""

import json

import pytest
import upstream
import wire

OUTPUTS = ["images", "content_parts", "markdown", "extra_content"]


def merged(events):
    """The message that a client makes of a stream's deltas."""
    message = {"role": "assistant", "content": "", "images": [], "extra_content": {"google": {"parts": [], "images": []}}}
    for event in events:
        for choice in event["choices"]:
            delta = choice["delta"]
            content = delta.get("content") or ""
            if isinstance(content, list) and isinstance(message["content"], str):
                message["content"] = [{"type": "text", "text": message["content"]}] if message["content"] else []
            message["content"] += [{"type": "text", "text": content}] if content and isinstance(content, str) and isinstance(
                message["content"], list) else content
            message["images"] += delta.get("images", [])
            google = delta.get("extra_content", {}).get("google", {})
            for name in ("parts", "images"):
                message["extra_content"]["google"][name] += google.get(name, [])
    return message


def model_images(request):
    return [part for content in request["body"]["contents"] if content["role"] == "model"
            for part in content["parts"] if "inlineData" in part]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("output", OUTPUTS)
def test_an_edit_brings_the_image_back(start, output, stream):
    daemon = start(f"image_output={output}")
    messages, seen = [], []
    for turn in range(3):
        messages.append({"role": "user", "content": "Draw a cat, and another one."})
        body = {"model": "google/gemini-3-pro-image-preview", "stream": stream, "messages": messages, "modalities": ["text", "image"]}
        answer = daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode(), {"x-dragoman-emulate": "image:8x8"}))
        assert answer.status == 200, answer.body
        message = merged(upstream.events_of(answer)) if stream else answer.json["choices"][0]["message"]
        messages.append(message)
        seen = daemon.get("/_dragoman/emulator").json["requests"][-1]
        assert seen["status"] == 200 and seen["rules"] == [], seen["rules"]
        images = model_images(seen)
        assert len(images) == turn
        assert all(image["thoughtSignature"] and image["inlineData"]["mimeType"] == "image/png" for image in images)
    assert ("![image](data:image/png" in str(messages[-1]["content"])) == (output == "markdown")
    assert isinstance(messages[-1]["content"], list) == (output == "content_parts")
    assert bool(messages[-1].get("images")) == (output == "images")
