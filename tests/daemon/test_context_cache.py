# SPDX-License-Identifier: Apache-2.0
"""`context_cache: marked` (user-pain A9): what clients mark is kept by the upstream, once, and used; it fails nobody's request."""

import concurrent.futures
import json
import time

import pytest
import wire
from dragoman import Daemon
from upstream import LAST_CHUNK, STREAM_HEAD, Upstream, answer, chat, chunk, events_of, sized
from waiting import wait_for

MODEL = "google/gemini-2.5-flash"
LONG = "The whole of the law of the sea. " * 700
MARK = {"type": "ephemeral"}
SYSTEM = {"role": "system", "content": [{"type": "text", "text": LONG, "cache_control": MARK}]}
TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "A page", "parameters": {"type": "object", "properties": {}}}}]
WHAT, MUCH, MORE = ({"role": role, "content": text} for role, text in (("user", "What?"), ("assistant", "Much."), ("user", "What more?")))
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
PLACES = {"vertex": {"kind": "vertex", "project": "p", "locations": ["us-central1"]}, "gemini": {"kind": "gemini"}}
PAGE = "/_dragoman/emulator"
PREFIX = {"vertex": "projects/p/locations/us-central1/cachedContents/", "gemini": "cachedContents/"}


def system(ttl=None, text=LONG):
    mark = {**MARK, "ttl": ttl} if ttl else MARK
    return {"role": "system", "content": [{"type": "text", "text": text, "cache_control": mark}]}


@pytest.fixture
def front(start, tmp_path):
    """front(url, "vertex"): a Dragoman with the setting before it."""
    def start_one(url, kind="vertex", workers=1, args=(), settings=(), **members):
        file = tmp_path / "dragoman.yaml"
        members = {"base_url": url, "credentials": "none", "context_cache": "marked", **PLACES[kind], **members}
        file.write_text(json.dumps({"upstreams": {"back": members}}))
        return start(*settings, args=("--config", str(file), *args), workers=workers)
    return start_one


@pytest.fixture(scope="module")
def emulator():
    made = Daemon().wait_ready()
    yield made
    made.stop()


@pytest.fixture
def back(emulator):
    """An emulator that has received nothing yet."""
    assert emulator.ask(wire.request("DELETE", PAGE)).status in (200, 204)
    return emulator


@pytest.fixture(params=PLACES)
def pair(request, back, front):
    """A Dragoman before another one's emulator."""
    made = front(back.url, request.param)
    made.back, made.kind = back, request.param
    return made


def ask(daemon, messages, stream=False, **members):
    said = chat(daemon, stream, model=MODEL, messages=messages, **{"stream_options": {"include_usage": True}} if stream else {}, **members)
    assert said.status == 200, said.body
    said.usage = (events_of(said)[-1] if stream else said.json)["usage"]
    return said


def cached(said):
    return (said.usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)


def received(back):
    """The bodies that made caches, and those that asked."""
    requests = back.get(PAGE).json["requests"]
    made = [r["body"] for r in requests if r["path"].split("?")[0].endswith("cachedContents") and r["method"] == "POST"]
    return made, [r["body"] for r in requests if "enerateContent" in r["path"]]


def counts(daemon):
    return {name: daemon.stats()[f"context_caches_{name}_total"] for name in ("made", "used", "failed", "gone")}


# ---- kept and used ----------------------------------------------------------------------------------------------------


@STREAMED
def test_made_once_for_two_turns(pair, stream):
    first = ask(pair, [SYSTEM, WHAT], stream, tools=TOOLS)
    second = ask(pair, [SYSTEM, WHAT, MUCH, MORE], stream, tools=TOOLS)
    made, asked = received(pair.back)
    assert len(made) == 1 and made[0].keys() == {"model", "ttl", "systemInstruction", "tools"} and made[0]["ttl"] == "300s"
    assert made[0]["systemInstruction"]["parts"] == [{"text": LONG}]
    assert len(asked) == 2
    for said, body, turns in ((first, asked[0], 1), (second, asked[1], 3)):
        assert not body.keys() & {"systemInstruction", "tools", "toolConfig"} and len(body["contents"]) == turns
        assert body["cachedContent"] == said["x-dragoman-cache"] and said["x-dragoman-cache"].startswith(PREFIX[pair.kind])
        assert cached(said) > 2048 and said.usage["prompt_tokens"] > cached(said)
        assert not said["x-dragoman-ignored"] and not said["x-dragoman-warning"]
    assert counts(pair) == {"made": 1, "used": 2, "failed": 0, "gone": 0}


def test_a_document_in_the_conversation(pair):
    document = {"role": "user", "content": [{"type": "text", "text": LONG, "cache_control": {**MARK, "ttl": "1h"}},
                                            {"type": "text", "text": "What does it say?"}]}
    ask(pair, [document])
    said = ask(pair, [document, MUCH, MORE])
    made, asked = received(pair.back)
    assert len(made) == 1 and made[0]["ttl"] == "3600s" and made[0]["contents"] == [{"role": "user", "parts": [{"text": LONG}]}]
    assert [turn["parts"][0]["text"] for turn in asked[1]["contents"]] == ["What does it say?", "Much.", "What more?"]
    assert cached(said) > 2048


def test_others_have_others(pair):
    ask(pair, [SYSTEM, WHAT])
    ask(pair, [system(text=LONG + "Really."), WHAT])
    ask(pair, [SYSTEM, WHAT], tools=TOOLS)
    assert counts(pair)["made"] == 3
    chat(pair, model="google/gemini-2.5-pro", messages=[SYSTEM, WHAT])
    assert counts(pair) == {"made": 4, "used": 4, "failed": 0, "gone": 0}


def test_one_that_expires_is_made_anew(pair):
    first = ask(pair, [system("2s"), WHAT])["x-dragoman-cache"]
    assert ask(pair, [system("2s"), WHAT])["x-dragoman-cache"] == first
    time.sleep(1.7)  # before its end: it is not used so late any more
    said = ask(pair, [system("2s"), WHAT])
    assert said["x-dragoman-cache"] not in (None, first) and not said["x-dragoman-warning"]
    assert counts(pair) == {"made": 2, "used": 3, "failed": 0, "gone": 0}


def test_four_workers_make_few(back, front):
    daemon = front(back.url, workers=4)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: ask(daemon, [SYSTEM, WHAT]), range(24)))
    assert len(received(back)[0]) == 1
    # Who came while it was being made did not wait for it, and heard so.
    assert all(cached(s) > 0 or "is being made" in s["x-dragoman-warning"] for s in said)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(cached(s) > 0 for s in pool.map(lambda _: ask(daemon, [SYSTEM, WHAT]), range(24)))
    assert len(received(back)[0]) == 1


def test_a_large_one(back, front):
    """Over what is translated on the loop, in front and behind."""
    daemon = front(back.url)
    large = [system(text="The law of the sea. " * 20_000), WHAT]
    assert [cached(ask(daemon, large)) > 50_000 for _ in range(3)] == [True] * 3
    assert counts(daemon)["made"] == 1


def test_in_this_process(start, tmp_path):
    file = tmp_path / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": {"e": {"kind": "emulator", "context_cache": "marked"}}}))
    daemon = start(args=("--config", str(file)))
    assert [cached(ask(daemon, [SYSTEM, WHAT], stream)) > 2048 for stream in (False, True)] == [True, True]
    assert counts(daemon)["made"] == 1


def test_off_unless_set(back, front):
    said = ask(front(back.url, context_cache="off"), [SYSTEM, WHAT])
    made, asked = received(back)
    assert not made and "cachedContent" not in asked[0] and "cache_control" not in json.dumps(asked)
    assert said["x-dragoman-ignored"] == "messages[].content[].cache_control" and not said["x-dragoman-cache"]


# ---- what fails nobody ------------------------------------------------------------------------------------------------


@STREAMED
def test_too_small_to_be_kept(pair, stream):
    """Asked for once; then it is known not to be worth it."""
    for turn, words in enumerate(("did not take", "lately")):
        said = ask(pair, [system(text="Be brief."), WHAT], stream)
        assert words in said["x-dragoman-warning"] and "sent whole" in said["x-dragoman-warning"]
    made, asked = received(pair.back)
    assert len(made) == 1 and all(body["systemInstruction"]["parts"] == [{"text": "Be brief."}] for body in asked)
    assert counts(pair) == {"made": 0, "used": 0, "failed": 1, "gone": 0}


@STREAMED
def test_one_that_is_gone(pair, stream):
    name = ask(pair, [SYSTEM, WHAT], stream)["x-dragoman-cache"]
    path = f"/v1/{name}" if pair.kind == "vertex" else f"/v1beta/{name}"
    assert pair.back.ask(wire.request("DELETE", path, b"")).status == 200
    said = ask(pair, [SYSTEM, WHAT], stream)
    assert "did not take the cache" in said["x-dragoman-warning"] and cached(said) == 0 and not said["x-dragoman-cache"]
    assert received(pair.back)[1][-1]["systemInstruction"]["parts"] == [{"text": LONG}]
    assert "lately" in ask(pair, [SYSTEM, WHAT], stream)["x-dragoman-warning"]
    assert counts(pair) == {"made": 1, "used": 2, "failed": 0, "gone": 1}


class Google:
    """A server that makes caches as `make(number)` says, and answers as `refuse(body)` does not."""

    def __init__(self, make=None, refuse=lambda body: None):
        self.make, self.refuse, self.made, self.asked = make, refuse, [], []
        self.server = Upstream(self.behave)

    def behave(self, peer):
        while request := peer.request():
            body = json.loads(request.body)
            who = request.headers.get("authorization")
            if request.path.endswith("/cachedContents"):
                self.made.append((who, body))
                said = self.make(len(self.made)) if self.make else None
                name = f"projects/1/locations/us-central1/cachedContents/{len(self.made)}"
                peer.send(said or sized(json.dumps({"name": name, "model": body["model"]}).encode()))
                continue
            self.asked.append((who, body))
            wrong = self.refuse(body)
            peer.send(wrong if isinstance(wrong, bytes) else refusal(*wrong) if wrong else answer(request))


def refusal(status, message):
    body = json.dumps({"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}).encode()
    return sized(body, b"HTTP/1.1 %d Bad\r\nContent-Type: application/json\r\n" % status)


@pytest.fixture
def google():
    """google(make, refuse): such a server."""
    servers = []

    def start_one(*args, **more):
        servers.append(Google(*args, **more))
        return servers[-1]
    yield start_one
    for each in servers:
        each.server.close()


def late(_):
    time.sleep(4)


@pytest.mark.parametrize("make, warned, stream", [(*row, i % 3 == 0) for i, row in enumerate([
    (lambda _: refusal(403, "Permission denied"), "did not take"),
    (lambda _: refusal(404, "No such thing"), "did not take"),
    (lambda _: refusal(429, "Too many"), "no cache could be made"),
    (lambda _: refusal(500, "Internal"), "no cache could be made"),
    (lambda _: sized(b"<html>"), "no cache could be made"),
    (lambda _: sized(b'{"name": 7}'), "no cache could be made"),
    (lambda _: sized(json.dumps({"name": "x" * 300}).encode()), "no cache could be made"),
    (lambda _: sized(b'{"name": "' + b"y" * 70_000 + b'"}'), "no cache could be made"),
    (lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "in time"),
    (late, "in time"),
])], ids=["403", "404", "429", "500", "page", "number", "long", "large", "stalls", "late"])
def test_one_that_can_not_be_made(google, front, make, warned, stream):
    there = google(make)
    daemon = front(there.server.url)
    began = time.monotonic()
    said = chat(daemon, stream, model=MODEL, messages=[SYSTEM, WHAT], headers={"X-Request-Timeout": "4"} if warned == "in time" else {})
    assert said.status == 200 and warned in said["x-dragoman-warning"], said.body
    assert time.monotonic() - began < 3
    assert [body["systemInstruction"]["parts"] for _, body in there.asked] == [[{"text": LONG}]]
    assert "lately" in chat(daemon, stream, model=MODEL, messages=[SYSTEM, WHAT])["x-dragoman-warning"]
    assert len(there.made) == 1 and counts(daemon)["failed"] == 1


def test_a_name_that_is_none_is_not_sent(google, front):
    there = google(lambda _: sized(b'{"name": "projects/1/locations/x/cachedContents/..\\"}"}'))
    said = chat(front(there.server.url), model=MODEL, messages=[SYSTEM, WHAT])
    assert said.status == 200 and "cachedContent" not in there.asked[0][1]


@STREAMED
@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_cache_that_is_refused(google, front, status, stream):
    """In whatever words: once, and it is not used again for a while."""
    there = google(refuse=lambda body: "cachedContent" in body and (status, "No."))
    daemon = front(there.server.url)
    for words in ("did not take the cache", "lately"):
        said = chat(daemon, stream, model=MODEL, messages=[SYSTEM, WHAT])
        assert said.status == 200 and words in said["x-dragoman-warning"], said.body
    assert ["cachedContent" in body for _, body in there.asked] == [True, False, False]
    assert counts(daemon) == {"made": 1, "used": 1, "failed": 0, "gone": 1}


def test_a_stream_that_begins_with_the_refusal(google, front):
    event = b'data: {"error": {"code": 404, "message": "Not found: cached content metadata for 1.", "status": "NOT_FOUND"}}\r\n\r\n'
    there = google(refuse=lambda body: "cachedContent" in body and STREAM_HEAD + chunk(event) + LAST_CHUNK)
    daemon = front(there.server.url)
    said = chat(daemon, True, model=MODEL, messages=[SYSTEM, WHAT])
    assert events_of(said) and "did not take the cache" in said["x-dragoman-warning"]
    assert ["cachedContent" in body for _, body in there.asked] == [True, False] and counts(daemon)["gone"] == 1


def test_a_request_that_is_wrong_without_it_too(google, front):
    """The client gets its error, and others go on with the cache."""
    there = google(refuse=lambda body: body["contents"][0]["parts"][0]["text"] == "Wrong." and (400, "That is wrong."))
    daemon = front(there.server.url)
    said = chat(daemon, model=MODEL, messages=[SYSTEM, {"role": "user", "content": "Wrong."}])
    assert said.status == 400 and "That is wrong." in said.error["message"] and not said["x-dragoman-warning"]
    said = chat(daemon, model=MODEL, messages=[SYSTEM, WHAT])
    assert said.status == 200 and said["x-dragoman-cache"] and not said["x-dragoman-warning"]
    assert len(there.made) == 1 and counts(daemon)["gone"] == 0


def test_callers_with_tokens_of_their_own_share_nothing(google, front):
    there = google()
    daemon = front(there.server.url, credentials="caller")
    names = [chat(daemon, model=MODEL, messages=[SYSTEM, WHAT], headers={"Authorization": f"Bearer test-{who}"})["x-dragoman-cache"]
             for who in "abab"]
    assert names[0] == names[2] != names[1] == names[3]
    assert [who for who, _ in there.made] == ["Bearer test-a", "Bearer test-b"]
    assert [(who, body["cachedContent"]) for who, body in there.asked] == [(f"Bearer test-{'abab'[i]}", names[i]) for i in range(4)]


def test_a_client_that_leaves_while_it_is_made(google, front):
    there = google(lambda number: late(number) if number == 1 else None)
    daemon = front(there.server.url)
    with daemon.connect() as connection:
        connection.send(wire.chat(model=MODEL, messages=[SYSTEM, WHAT]))
        wait_for(lambda: there.made)
    wait_for(lambda: daemon.stats()["calls"] == 0)
    said = chat(daemon, model=MODEL, messages=[SYSTEM, WHAT])
    assert said["x-dragoman-cache"] and len(there.made) == 2


def test_recordings_stand_for_themselves(google, front, tmp_path):
    there = google()
    said = chat(front(there.server.url, args=("--record", str(tmp_path / "record"))), model=MODEL, messages=[SYSTEM, WHAT])
    assert said.status == 200 and not there.made and "cache_control" in said["x-dragoman-ignored"]


# ---- beside one that the client names ---------------------------------------------------------------------------------


def test_the_same_beside_a_cache_that_the_client_names(pair):
    """What was made here is known: the same is left out, and anything else a conflict."""
    name = ask(pair, [SYSTEM, WHAT], tools=TOOLS)["x-dragoman-cache"]
    plain = {"role": "system", "content": LONG}
    named = {"extra_body": {"google": {"cached_content": name}}}
    for messages, members in (([plain, WHAT], {"tools": TOOLS}), ([plain, WHAT], {}), ([WHAT], {"tools": TOOLS}), ([WHAT], {})):
        said = ask(pair, messages, **members, **named)
        body = received(pair.back)[1][-1]
        assert body["cachedContent"] == name and not body.keys() & {"systemInstruction", "tools", "toolConfig"} and cached(said) > 2048
    other = {"role": "system", "content": "Be brief."}
    for messages, members, param in (([other, WHAT], {"tools": TOOLS}, "messages[0]"), ([plain, WHAT], {"tools": TOOLS, "tool_choice": "required"}, "tools")):
        said = chat(pair, model=MODEL, messages=messages, **members, **named)
        assert (said.status, said.error["param"]) == (400, param) and "cached_content" in said.error["message"]
    unknown = {"extra_body": {"google": {"cached_content": name + "0"}}}
    said = chat(pair, model=MODEL, messages=[plain, WHAT], **unknown)
    assert (said.status, said.error["param"]) == (400, "messages[0]")
