# SPDX-License-Identifier: Apache-2.0
"""cachedContents of the emulator, on both surfaces and for all workers, and what a request gets that uses one (user-pain A9)."""

import json
import time

import pytest
import wire
from dragoman import Daemon

VERTEX = "/v1/projects/p/locations/us-central1"
MODEL = "publishers/google/models/gemini-2.5-flash"
LONG = "The whole of the law of the sea. " * 400


@pytest.fixture(scope="module")
def several():
    made = Daemon(workers=3).wait_ready()
    yield made
    made.stop()


class Surface:
    def __init__(self, daemon, base, model, call):
        self.daemon, self.base, self.model, self.call = daemon, base, model, call

    def ask(self, method, path="", body=None):
        """On a connection of its own, so that any worker may answer."""
        content = b"" if body is None else json.dumps(body).encode()
        return self.daemon.ask(wire.request(method, self.base + "/cachedContents" + path, content))

    def make(self, **members):
        return self.ask("POST", body={"model": self.model, "contents": [{"role": "user", "parts": [{"text": LONG}]}]} | members)

    def path(self, made):
        return "/" + made["name"].rpartition("/")[2]

    def generate(self, name, call=None, **members):
        body = {"cachedContent": name, "contents": [{"role": "user", "parts": [{"text": "What is it about?"}]}]} | members
        return self.daemon.ask(wire.request("POST", call or self.call, json.dumps(body).encode()))


@pytest.fixture(params=["v1", "v1beta1", "gemini"])
def surface(request, several):
    if request.param != "gemini":
        base = VERTEX.replace("v1", request.param)
        return Surface(several, base, "projects/p/locations/us-central1/" + MODEL, f"{base}/{MODEL}:generateContent")
    return Surface(several, "/v1beta", "models/gemini-2.5-flash", "/v1beta/models/gemini-2.5-flash:generateContent")


def error(answer):
    return answer.json["error"]


def test_a_cache_is_made_told_and_forgotten_whoever_is_asked(surface):
    made = surface.make(displayName="law", ttl="120s")
    assert made.status == 200, made.body
    cache = made.json
    assert cache["name"].startswith("projects/p/locations/us-central1/cachedContents/" if "projects" in surface.base else "cachedContents/")
    assert (cache["displayName"], cache["model"]) == ("law", surface.model) and cache["usageMetadata"]["totalTokenCount"] > 2048
    assert "contents" not in cache, "what is in it is not told, as Google does"
    path = surface.path(cache)
    for _ in range(8):
        assert surface.ask("GET", path).json == cache
    assert cache in surface.ask("GET").json["cachedContents"]

    longer = surface.ask("PATCH", path + "?updateMask=ttl", {"ttl": "7200s"}).json
    assert longer["expireTime"] > cache["expireTime"] and longer["name"] == cache["name"]
    for _ in range(8):
        assert surface.ask("GET", path).json == longer
    assert surface.ask("DELETE", path).json == {}
    for _ in range(8):
        gone = surface.ask("GET", path)
        assert gone.status == (404 if "projects" in surface.base else 403), gone.body
    assert cache["name"] not in surface.ask("GET").body.decode()
    assert surface.ask("DELETE", path).status == gone.status


def test_a_request_that_uses_one_is_told_its_tokens(surface):
    cache = surface.make().json
    cached = cache["usageMetadata"]["totalTokenCount"]
    for _ in range(6):
        usage = surface.generate(cache["name"]).json["usageMetadata"]
        assert usage["cachedContentTokenCount"] == cached and usage["promptTokenCount"] > cached
    assert "cachedContentTokenCount" not in surface.generate("").json["usageMetadata"]


def test_a_cache_is_one_models(surface):
    cache = surface.make().json
    said = surface.generate(cache["name"], call=surface.call.replace("flash", "pro"))
    assert said.status == 400 and "has to be the same" in error(said)["message"], said.body


def test_what_belongs_into_the_cache(surface):
    cache = surface.make(systemInstruction={"parts": [{"text": "Be short."}]}).json
    for conflict in ({"systemInstruction": {"parts": [{"text": "Be long."}]}}, {"tools": [{"functionDeclarations": [{"name": "f"}]}]},
                     {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}):
        said = surface.generate(cache["name"], **conflict)
        assert said.status == 400 and "cache" in error(said)["message"].lower(), said.body


def test_one_that_expires(surface):
    cache = surface.make(ttl="1.2s").json
    assert surface.generate(cache["name"]).status == 200
    time.sleep(2.3)
    said = surface.generate(cache["name"])
    assert said.status == (400 if "projects" in surface.base else 403), said.body
    assert cache["name"] not in surface.ask("GET").body.decode()


@pytest.mark.parametrize("members, words", [
    ({"contents": [{"role": "user", "parts": [{"text": "Short."}]}]}, "token"),
    ({"ttl": "0s"}, "expir"),
    ({"ttl": "-5s"}, "expir"),
    ({"expireTime": "2001-01-01T00:00:00Z"}, "expir"),
    ({"ttl": "60s", "expireTime": "2101-01-01T00:00:00Z"}, "oneof"),
    ({"ttl": "soon"}, "ttl"),
    ({"model": "gemini-2.5-flash"}, "model"),
    ({"temperature": 1}, "temperature"),
])
def test_what_is_refused(surface, members, words):
    said = surface.make(**members)
    assert said.status == 400 and words in error(said)["message"], said.body
    assert error(said)["status"] == "INVALID_ARGUMENT"


def test_small_ones_by_their_surface(surface):
    said = error(surface.make(contents=[{"role": "user", "parts": [{"text": "Short."}]}]))["message"]
    assert said == ("The cached content is of 6 tokens. The minimum token count to start caching is 2048." if "projects" in surface.base
                    else "Cached content is too small. total_token_count=6, min_total_token_count=1024")


def test_all_members_that_google_knows(surface):
    """Those that only Google fills in too: clients send back what they got. They change nothing."""
    first = surface.make().json
    again = surface.make(**{name: first[name] for name in ("name", "createTime", "updateTime", "usageMetadata")}, displayName="again", ttl="100s",
                         systemInstruction={"parts": [{"text": "Be short."}]}, tools=[{"functionDeclarations": [{"name": "f", "description": "d"}]}],
                         toolConfig={"functionCallingConfig": {"mode": "ANY"}})
    assert again.status == 200 and again.json["name"] != first["name"], again.body
    assert again.json["usageMetadata"]["totalTokenCount"] > first["usageMetadata"]["totalTokenCount"]
    assert surface.ask("PATCH", surface.path(first) + "?updateMask=expireTime", first).json["expireTime"] == first["expireTime"]


def test_a_model_that_there_is_not(surface):
    assert surface.make(model=surface.model.replace("2.5", "9.5")).status == 404


def test_when_it_expires_is_all_that_changes(surface):
    path = surface.path(surface.make().json)
    assert surface.ask("PATCH", path, {"displayName": "other"}).status == 400
    assert surface.ask("PATCH", path + "?updateMask=model", {"ttl": "5s"}).status == 400
    until = surface.ask("PATCH", path, {"expireTime": "2101-02-03T04:05:06+01:00"}).json["expireTime"]
    assert until == "2101-02-03T03:05:06.000000Z"


def test_there_is_room_for_so_many(start):
    surface = Surface(start(), "/v1beta", "models/gemini-2.5-flash", "")
    names = {surface.make().json["name"] for _ in range(256)}
    assert len(names) == 256
    full = surface.make()
    assert full.status == 429 and error(full)["status"] == "RESOURCE_EXHAUSTED"
    surface.ask("DELETE", "/" + names.pop().rpartition("/")[2])
    assert surface.make().status == 200
    assert len(surface.ask("GET").json["cachedContents"]) == 256
