# SPDX-License-Identifier: Apache-2.0
"""GET /models: what can be asked for, from the configuration, from servers of one's own and from the emulator; and what
is asked of upstreams unbidden, which is nothing (user-pain M5, J12)."""

import json
import time

import pytest
import wire
from upstream import Upstream, sized
from waiting import wait_for

BASES = ("/v1", "", "/openai/v1", "/v1beta1/projects/p/locations/us-central1/endpoints/openapi")
QWEN = {"id": "Qwen/Qwen3-8B", "object": "model", "created": 1763738578, "owned_by": "vllm", "max_model_len": 40960}
LLAMA = {"id": "llama", "object": "model", "created": 5, "owned_by": "llamacpp", "meta": {"n_ctx_train": 8192}}
BROKEN = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"


def listing(*models):
    return sized(json.dumps({"object": "list", "data": models}).encode())


class Lab(Upstream):
    """Says `says` to whatever comes, after `slow` seconds; nothing to say: closes."""

    def __init__(self, says):
        super().__init__(self._serve)
        self.says, self.slow = says, 0

    def _serve(self, peer):
        while peer.request():
            time.sleep(self.slow)
            if not self.says:
                return
            peer.send(self.says)

    @property
    def lines(self):
        return [request.line for request in self.requests]


@pytest.fixture
def lab():
    made = []

    def make(*models):
        made.append(Lab(listing(*models)))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def front(start, tmp_path):
    def start_one(upstreams, **more):
        file = tmp_path / "dragoman.yaml"
        file.write_text(json.dumps({"upstreams": upstreams, **more}))
        return start(args=("--config", str(file)))
    return start_one


def models(daemon, base="/v1"):
    answer = daemon.get(f"{base}/models")
    assert (answer.status, answer.json["object"]) == (200, "list"), answer.body
    return {model["id"]: model for model in answer.json["data"]}


def test_a_servers_list_on_every_base(lab, front):
    server = lab(QWEN)
    daemon = front({"lab": {"kind": "vllm", "base_url": server.url, "credentials": {"bearer": "secret"}}})
    for base in BASES:
        found = models(daemon, base)
        assert found == {"Qwen/Qwen3-8B": {"id": "Qwen/Qwen3-8B", "object": "model", "created": 1763738578, "owned_by": "vllm",
                                           "context_length": 40960}}
        for spelt in ("Qwen/Qwen3-8B", "Qwen%2FQwen3-8B"):
            assert daemon.get(f"{base}/models/{spelt}").json == found["Qwen/Qwen3-8B"]
        assert daemon.get(f"{base}/models/lab/Qwen/Qwen3-8B").json["context_length"] == 40960
        assert daemon.get(f"{base}/models/other").error["code"] == "model_not_found"
    assert server.lines == ["GET /v1/models HTTP/1.1"], "once for all of them"
    assert server.requests[0].headers["authorization"] == "Bearer secret"


def test_all_of_them_merged(lab, front):
    one, two = lab(QWEN, LLAMA), lab(QWEN)
    daemon = front({"one": {"kind": "vllm", "base_url": one.url}, "two": {"kind": "openai", "base_url": two.url + "/v1/chat/completions"},
                    "g": {"kind": "vertex", "project": "p", "credentials": "caller"}, "e": {"kind": "emulator"},
                    "alone": {"kind": "tgi", "base_url": one.url}},
                   models=[{"match": "fast", "upstream": "one"}, {"match": "google/gemini-2.5-flash", "upstream": "g"},
                           {"match": "google/gemini-3*", "upstream": "e"}, {"match": "two/*", "upstream": "two"},
                           {"match": "Qwen/*", "upstream": "one"}, {"match": "llama", "upstream": "one"}])
    found = models(daemon)
    assert list(found)[:4] == ["fast", "google/gemini-2.5-flash", "llama", "Qwen/Qwen3-8B"] and "two/Qwen/Qwen3-8B" in found
    assert found["fast"]["owned_by"] == "one" and found["llama"]["context_length"] == 8192
    flash = found["google/gemini-2.5-flash"]
    assert flash["owned_by"] == "google" and flash["context_length"] > 1_000_000 and flash["max_output_tokens"] and flash["reasoning"]
    assert any(name.startswith("google/gemini-3") for name in found)
    assert not any(name.startswith(("alone/", "one/", "google/gemini-2.0")) for name in found), "nothing that can not be asked for"
    assert two.lines == ["GET /v1/models HTTP/1.1"] and len(one.requests) == 2
    for name in found:
        assert daemon.get(f"/v1/models/{name}").json == found[name]


def test_a_configured_models_own_length(lab, front):
    server = lab(QWEN)
    daemon = front({"lab": {"kind": "vllm", "base_url": server.url, "model": "Qwen/Qwen3-8B"}},
                   models=[{"match": "fast", "upstream": "lab"}])
    assert models(daemon) == {"fast": {"id": "fast", "object": "model", "created": 1763738578, "owned_by": "vllm",
                                       "context_length": 40960}}


def test_a_server_that_is_slow_or_not_there_holds_nobody_up(lab, front):
    slow, gone, good = lab(QWEN), lab(), lab(LLAMA)
    slow.slow = 8
    gone.refuse()
    daemon = front({"slow": {"kind": "vllm", "base_url": slow.url}, "gone": {"kind": "vllm", "base_url": gone.url},
                    "good": {"kind": "openai", "base_url": good.url}, "dead": {"kind": "tgi", "base_url": "http://no-such-host.invalid"}},
                   models=[{"match": "llama", "upstream": "good"}, {"match": "fix", "upstream": "slow"}, {"match": "*", "upstream": "gone"}])
    began = time.monotonic()
    assert list(models(daemon)) == ["llama", "fix"]
    assert time.monotonic() - began < 6
    began = time.monotonic()
    assert list(models(daemon)) == ["llama", "fix"]
    assert time.monotonic() - began < 1, "asked again in five seconds, not at once"


@pytest.mark.parametrize("bad", [
    BROKEN, sized(b"no json"), sized(b'{"data": 7}'), sized(b"[]"), sized(b'{"data": [{"id": 7}, {}, null, {"id": ""}]}'),
    sized(b'{"data":[' + b"[" * 200), sized(b'{"data": "' + b"x" * 2_000_000 + b'"}'), b"SSH-2.0\r\n", b""], ids=range(9))
def test_a_list_that_is_none(front, bad):
    server = Lab(bad)
    daemon = front({"lab": {"kind": "vllm", "base_url": server.url}})
    assert models(daemon) == {}
    assert daemon.get("/v1/models/x").error["code"] == "model_not_found"
    server.close()


def test_callers_tokens_fetch_no_list(lab, front):
    """What one caller may see is not everybody's."""
    server = lab(QWEN)
    daemon = front({"lab": {"kind": "openai", "base_url": server.url, "credentials": "caller"}}, models=[{"match": "m", "upstream": "lab"}])
    assert list(models(daemon)) == ["m"] and server.requests == []


@pytest.mark.parametrize("then", [BROKEN, sized(b"{}"), b""], ids=["500", "another thing", "closed"])
def test_the_last_good_list_is_kept_while_the_server_fails(lab, front, then):
    server = lab(QWEN)
    daemon = front({"lab": {"kind": "vllm", "base_url": server.url}}, timeouts={"models": "300ms"})
    assert list(models(daemon)) == ["Qwen/Qwen3-8B"]
    server.says = then
    for asked in range(2, 5):
        time.sleep(0.4)
        assert list(models(daemon)) == ["Qwen/Qwen3-8B"]
        wait_for(lambda: len(server.requests) >= asked)
    server.refuse()
    time.sleep(0.4)
    assert list(models(daemon)) == ["Qwen/Qwen3-8B"]
    time.sleep(0.4)
    assert list(models(daemon)) == ["Qwen/Qwen3-8B"]


def test_a_list_is_renewed_beside_who_gets_the_old_one(lab, front):
    server = lab(QWEN)
    daemon = front({"lab": {"kind": "vllm", "base_url": server.url}}, timeouts={"models": "300ms"})
    models(daemon)
    server.says, server.slow = listing(LLAMA), 1
    time.sleep(0.4)
    began = time.monotonic()
    assert list(models(daemon)) == ["Qwen/Qwen3-8B"] and time.monotonic() - began < 0.9
    wait_for(lambda: list(models(daemon)) == ["llama"])


def test_who_leaves_while_it_is_fetched(lab, front):
    server = lab(QWEN)
    server.slow = 0.5
    daemon = front({"lab": {"kind": "vllm", "base_url": server.url}})
    for _ in range(3):
        with daemon.connect() as connection:
            connection.send(wire.request("GET", "/v1/models"))
            time.sleep(0.05)
            connection.reset()
    assert list(models(daemon)) == ["Qwen/Qwen3-8B"] and len(server.requests) == 1
    wait_for(lambda: daemon.stats()["exchanges"] == 1)


def test_health_asks_nobody(lab, front):
    """J12."""
    servers = [lab(QWEN) for _ in range(4)]
    daemon = front({"v": {"kind": "vertex", "base_url": servers[0].url, "credentials": {"bearer": "t"}},
                    "g": {"kind": "gemini", "base_url": servers[1].url, "credentials": {"api_key": "k"}},
                    "l": {"kind": "vllm", "base_url": servers[2].url}, "t": {"kind": "tgi", "base_url": servers[3].url}})
    for path in ("/healthz", "/readyz", "/_dragoman/stats"):
        for _ in range(5):
            assert daemon.get(path).status == 200
    assert [server.connections for server in servers] == [0, 0, 0, 0]
    models(daemon)
    assert [server.lines for server in servers] == [[], [], ["GET /v1/models HTTP/1.1"], ["GET /v1/models HTTP/1.1"]], "never a paid one"
