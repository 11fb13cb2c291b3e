# SPDX-License-Identifier: Apache-2.0
"""The emulator's own bytes on the wire: pace, warnings, old clients; the servers of endpoints."""

import json
import time

import pytest
import wire
from upstream import configuration

VERTEX = "/v1/projects/p/locations/l/publishers/google/models/gemini-2.0-flash-001"


def native(path, **members):
    content = {"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}], **members}
    return wire.request("POST", path, json.dumps(content).encode())


def test_events_are_paced(start):
    daemon = start(pace=(100, 60))
    with daemon.connect() as connection:
        connection.send(native(f"{VERTEX}:streamGenerateContent?alt=sse"))
        connection.head()
        times = []
        while connection.chunk():
            times.append(time.monotonic())
    gaps = sorted(late - early for early, late in zip(times, times[1:]))
    assert len(gaps) > 3 and 0.03 < gaps[len(gaps) // 2] < 0.12, gaps


def test_other_methods(daemon):
    answer = daemon.get(f"{VERTEX}:generateContent")
    assert answer.status == 404 and answer["content-type"].startswith("text/html"), "as Google's frontend says it"
    answer = daemon.ask(wire.request("OPTIONS", f"{VERTEX}:generateContent"))
    assert answer.status == 204 and answer["allow"] == "GET, HEAD, POST, OPTIONS"


def test_one_connection_serves_many(daemon):
    with daemon.connect() as connection:
        for _ in range(3):
            connection.send(native(f"{VERTEX}:generateContent") + wire.chat(max_tokens=3))
            assert "candidates" in connection.answer().json
            assert "choices" in connection.answer().json


def test_a_client_of_http_1_0(daemon):
    asked = native(f"{VERTEX}:streamGenerateContent?alt=sse").replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = daemon.ask(asked)
    assert answer.status == 200 and answer["transfer-encoding"] is None and answer.body.count(b"data: ") > 2


def test_only_an_emulator_answers(start, tmp_path):
    daemon = start(args=("--config", str(configuration(tmp_path, "http://127.0.0.1:1"))))
    answer = daemon.ask(native(f"{VERTEX}:generateContent"))
    assert (answer.status, answer.json["error"]["status"]) == (404, "NOT_FOUND")


UNSURE = {"generationConfig": {"topK": 40, "stopSequences": [""]}}


@pytest.mark.parametrize("path", [f"{VERTEX}:generateContent", f"{VERTEX}:streamGenerateContent?alt=sse"])
def test_what_is_unsure_is_told(daemon, path):
    answer = daemon.ask(native(path.replace("2.0-flash-001", "2.5-flash"), **UNSURE))
    assert answer.status == 200
    names = [warning.split(": ")[0] for warning in answer["x-dragoman-warning"].split("; ") if ": " in warning]
    assert names == ["top_k_fixed", "stop_sequence_empty"]
    assert answer["x-dragoman-warning"].isascii()


def test_what_is_sure_has_no_warning(daemon):
    for members, status in (({}, 200), ({"generationConfig": {"topK": 40, "temperature": 3}}, 400)):
        answer = daemon.ask(native(f"{VERTEX}:generateContent", **members))
        assert answer.status == status and answer["x-dragoman-warning"] is None


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_told_to_clients_of_openais_api_too(daemon, stream):
    body = {"model": "google/gemini-3.8-flash", "messages": [{"role": "user", "content": "Hi"}], "stream": stream,
            "google": {"generation_config": {"temperature": 1}}}  # OpenAI's own would be left out before
    answer = daemon.ask(wire.request("POST", "/v1/chat/completions", json.dumps(body).encode()))
    assert answer.status == 200 and answer["x-dragoman-warning"].startswith("sampling_dropped: temperature is set")


# --- servers of OpenAI's protocol ----------------------------------------------------------------

SERVER = "/_dragoman/emulator/{}/v1/chat/completions"


@pytest.mark.parametrize("endpoint, mark", [("4815162342", b'"kv_transfer_params":null'), ("tgi-1", b'"system_fingerprint":"')])
def test_a_server_answers_byte_for_byte(daemon, endpoint, mark):
    """What the gateway would set right stands there as vLLM and TGI say it."""
    answer = daemon.ask(wire.chat(path=SERVER.format(endpoint)))
    assert answer.status == 200 and mark in answer.body
    assert answer.json["id"] == "" if endpoint.startswith("tgi") else '"reasoning":null' in answer.body.decode()
    answer = daemon.ask(wire.chat(path=SERVER.format(endpoint), stream=True, headers={"x-dragoman-fault": "cr"}))
    assert answer.body.endswith(b"data: [DONE]\r\r") and b"\n" not in answer.body


def test_a_server_that_is_none(daemon, start, tmp_path):
    assert daemon.ask(wire.chat(path=SERVER.format("openapi"))).status == 404
    front = start(args=("--config", str(configuration(tmp_path, "http://127.0.0.1:1"))))
    assert front.ask(wire.chat(path=SERVER.format("4815162342"))).status == 404
