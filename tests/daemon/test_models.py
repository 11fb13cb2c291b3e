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


# --- aliases, and names that nobody has (user-pain A5) ---------------------------------------------


ALIASES = {"gpt-4o-mini": "lab/small", "gpt-4o*": "gemini-2.5-flash", "anthropic/*": "google/gemini-2.5-pro", "best": "gemini-2.5-pro"}


def test_a5_aliases(lab, front):
    """A name of one's own goes where its model goes, as that model; the answer has the client's name."""
    server = lab(QWEN)
    daemon = front({"lab": {"kind": "vllm", "base_url": server.url}, "e": {"kind": "emulator"}},
                   models=[{"match": "lab/*", "upstream": "lab"}, {"match": "*", "upstream": "e"}], aliases=ALIASES)
    for name, meant in (("gpt-4o-2024-08-06", "gemini-2.5-flash"), ("anthropic/claude-sonnet-4:beta", "gemini-2.5-pro"),
                        ("best", "gemini-2.5-pro"), ("google/gemini-2.5-pro", "gemini-2.5-pro")):
        assert wire_reset(daemon)
        for stream in (False, True):
            answer = daemon.chat(model=name, stream=stream)
            assert answer.status == 200, answer.body
            said = json.loads(answer.events[0]) if stream else answer.json
            assert said["model"] == name
        assert all(f"/models/{meant}:" in json.dumps(request) for request in daemon.get("/_dragoman/emulator").json["requests"])
    daemon.chat(model="gpt-4o-mini")
    assert json.loads(server.requests[-1].body)["model"] == "small", "without the upstream's own name before it"


def wire_reset(daemon):
    return daemon.ask(wire.request("DELETE", "/_dragoman/emulator")).status in (200, 204)


def test_a5_aliases_are_listed(front):
    daemon = front({"e": {"kind": "emulator"}}, aliases=ALIASES | {"nowhere": "gemini-9-none"})
    found = models(daemon)
    assert found["best"]["owned_by"] == "google" and found["best"]["context_length"] > 1_000_000, found["best"]
    assert not {"gpt-4o*", "anthropic/*", "nowhere"} & set(found), "patterns are no names, and what stands for nothing is none"
    assert daemon.get("/v1/models/best").json == found["best"]
    assert daemon.get("/v1/models/gpt-4o-latest").json["context_length"] > 1_000_000
    assert daemon.get("/v1/models/nowhere").error["code"] == "model_not_found"


def near_of(error):
    assert (error["code"], error["type"]) == ("model_not_found", "invalid_request_error"), error
    return error["message"].partition(" The nearest names here: ")[2]


def test_a5_an_unknown_model_names_the_nearest(lab, front):
    server = lab(QWEN, LLAMA)
    daemon = front({"lab": {"kind": "vllm", "base_url": server.url}, "e": {"kind": "emulator"}},
                   models=[{"match": "lab/*", "upstream": "lab"}, {"match": "fast", "upstream": "lab"}, {"match": "google/*", "upstream": "e"},
                           {"match": "e/*", "upstream": "e"}], aliases={"smart": "gemini-2.5-pro"})
    daemon.get("/v1/models")
    # The emulator's own 404, as Google's; the configuration's, before anybody is asked; and of a list.
    for stream in (False, True):
        answer = daemon.chat(model="google/gemini-2.5-flahs", stream=stream)
        assert answer.status == 404 and near_of(answer.error).startswith('"google/gemini-2.5-flash", "'), answer.error
        assert answer.error["message"].startswith("Publisher Model `"), "Google's own words come first"
    for name, nearest in (("e/gemini-2.5-pro", "google/gemini-2.5-pro"), ("lma", "lab/llama"), ("fst", "fast"), ("mart", "smart")):
        answer = daemon.chat(model=name)
        assert answer.status == 404, answer.body
        assert f'"{nearest}"' in near_of(answer.error), answer.error
        assert near_of(answer.error).count('"') == 6, "three of them"
    answer = daemon.get("/v1/models/google/gemini-2.5-poo")
    assert answer.status == 404 and near_of(answer.error).startswith('"google/gemini-2.5-pro"'), answer.error


def test_a5_googles_names_are_near_too(front):
    """Google is not asked for its list; what it is known to have is told behind its own 404."""
    with_404 = Lab(sized(b'{"error":{"code":404,"message":"Publisher Model `x` was not found.","status":"NOT_FOUND"}}').replace(b"200 OK", b"404 Not Found"))
    daemon = front({"g": {"kind": "vertex", "project": "p", "locations": ["global"], "base_url": with_404.url, "credentials": {"bearer": "t"}}})
    error = daemon.chat(model="gemini-2.5-plash").error
    assert error["message"].startswith("Publisher Model `x` was not found. The nearest names here: \"google/gemini-2.5-flash\""), error
    assert error["status"] == "NOT_FOUND"
    with_404.close()
