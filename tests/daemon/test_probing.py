# SPDX-License-Identifier: Apache-2.0
"""`diagnose: probe` (user-pain G3): a bare 400 is looked into by at most three reduced requests, and its cause is named.

The upstream is a judge that knows of one fault, says the bare 400 to bodies that have it, counts, and hands all others to
an emulator in a process of its own, whose strict parser must take what was reduced.
"""

import base64
import http.client
import json
import pathlib
import re
import threading
import time

import pytest
import wire
from upstream import HEAD, Upstream, sized
from waiting import wait_for

CASES = pathlib.Path(__file__).resolve().parent.parent / "golden/response"
BARE = "Request contains an invalid argument."
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"


def parts(body):
    return [part for content in body["contents"] for part in content["parts"]]


def values(body, name):
    """All values of a name in the schemas, wherever they stand."""
    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == name:
                    yield inner
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)
    return list(walk([body.get("tools"), body.get("generationConfig")]))


def functions(body):
    return [one for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]


def data(body, mime):
    return [base64.b64decode(part["inlineData"]["data"]) for part in parts(body)
            if part.get("inlineData", {}).get("mimeType") == mime]


def has_both(body, one, other):
    return any(any(one in part for part in content["parts"]) and any(other in part for part in content["parts"])
               for content in body["contents"])


# The golden case, its cause, and whether a native body still has it.
SEEDED = {
    "calls-same-id": ("calls_same_id", lambda b: sum("functionCall" in part for part in parts(b)) > 1),
    "enum-any": ("enum_any", lambda b: sum(len(word) for enum in values(b, "enum") for word in enum) > 2000
                 and b.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode") == "ANY"),
    "enum-large": ("enum_large", lambda b: any(len(enum) > 300 for enum in values(b, "enum"))),
    "image-config": ("image_config", lambda b: "imageConfig" in b["generationConfig"]),
    "max-items": ("schema_max_items", lambda b: sum(values(b, "maxItems")) > 960),
    "media-broken": ("media_broken", lambda b: any(b"%%EOF" not in file for file in data(b, "application/pdf"))),
    "media-type": ("media_type", lambda b: bool(data(b, "image/bmp"))),
    "result-undeclared": ("result_undeclared", lambda b: not {part["functionResponse"]["name"] for part in parts(b)
                                                              if "functionResponse" in part}
                          <= {one["name"] for one in functions(b)}),
    "schema-cycle": ("schema_cycle", lambda b: bool(values(b, "$ref"))),
    "text-and-calls": ("text_and_calls", lambda b: has_both(b, "text", "functionCall")),
    "thinking-unknown": ("thinking_unknown", lambda b: "thinkingConfig" in b.get("generationConfig", {})),
    "tools-many": ("tools_many", lambda b: len(functions(b)) > 200),
}


def case(name):
    """With the stand-in for the signature, which is none that the emulator has given."""
    text = (CASES / f"g3-{name}/request.json").read_text()
    return json.loads(re.sub(r'("thought_signature": *)"[^"]*"', r'\1"skip_thought_signature_validator"', text))


def error(status, message):
    body = json.dumps({"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}).encode()
    return sized(body, b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n" % status)


class Judge(Upstream):
    """verdict(body) is None for a body that goes on to the emulator, b"" for one that is never answered, or an answer."""

    def __init__(self, verdict, emulator=None):
        super().__init__(self.judge)
        self.verdict, self.emulator = verdict, emulator

    def judge(self, peer):
        while request := peer.request():
            said = self.verdict(json.loads(request.body))
            if said == b"":
                self.gone_after = peer.wait_closed()
                return
            peer.send(self.pass_on(request) if said is None else said)

    def pass_on(self, request):
        if self.emulator is None:
            return sized()
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=10)
        path = request.path.replace("gemma-4-27b-it", "gemini-2.0-flash-001")  # it knows no Gemma
        connection.request("POST", path, request.body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return sized(body, HEAD if answer.status == 200 else b"HTTP/1.1 %d Said\r\n" % answer.status)

    @property
    def bodies(self):
        return [json.loads(request.body) for request in self.requests]


@pytest.fixture
def front(start, tmp_path):
    """front(verdict): a gateway before a judge. Members are the upstream's."""
    judges = []

    def start_one(verdict, *settings, emulator=None, workers=1, **members):
        judge = Judge(verdict, emulator)
        judges.append(judge)
        file = tmp_path / f"dragoman-{len(judges)}.yaml"
        members = {"kind": "gemini", "base_url": judge.url, "credentials": "none", "diagnose": "probe", **members}
        file.write_text(json.dumps({"upstreams": {"g": members}}))
        return start(*settings, args=("--config", str(file)), workers=workers), judge

    yield start_one
    for judge in judges:
        judge.close()


def post(daemon, body, **more):
    return daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body | more).encode()))


def bare_if(has):
    return lambda body: error(400, BARE) if has(body) else None


def always(_):
    return True


THREE = {"model": "google/gemini-2.0-flash-001", "temperature": 2, "logprobs": True,
         "google": {"safety_settings": [{"category": "HARM_CATEGORY_CIVIC_INTEGRITY", "threshold": "OFF"}]},
         "messages": [{"role": "user", "content": "Hello"}]}


# ---- the cause is found ---------------------------------------------------------------------------------------------


def test_twelve_seeded_faults(start, front):
    """The cause first, in all twelve; not more than three reduced requests each; the emulator took what was accepted."""
    emulator = start()
    table, right, asked = [], 0, 0
    seeded = {"is": None}
    daemon, judge = front(bare_if(lambda body: seeded["is"](body)), "adapt=false", emulator=emulator)
    for name, (cause, has) in SEEDED.items():
        seeded["is"] = has
        time.sleep(0.12)  # the budget of retries gives ten a second
        before = len(judge.requests)
        said = post(daemon, case(name))
        probes = judge.bodies[before + 1:]
        first = said.error["suspects"][0]
        found = first["id"] == cause and first.get("probe") == "accepted"
        right += found
        asked += len(probes)
        table.append(f"{name:18} {first['id']:18} {first.get('probe')} after {len(probes)}")
        assert said.status == 400 and 1 <= len(probes) <= 3, (name, said.body)
        if found:
            assert said.error["param"] == first["param"] is not None
            assert "; a request without it was accepted." in said.error["message"]
            assert f"sent {len(probes)} reduced request" in said.error["message"]
        for body in probes:
            assert body["generationConfig"]["maxOutputTokens"] == 1 and "candidateCount" not in body["generationConfig"]
    print("\n" + "\n".join(table))
    assert right == len(SEEDED), "\n".join(table)
    stats = daemon.stats()
    assert (stats["probed_total"], stats["probes_total"], stats["probes_accepted_total"]) == (12, asked, right)
    assert len(judge.requests) == len(SEEDED) + asked


def test_a_likelier_suspect_that_is_not_it(front):
    """safety_settings is suspected first, and is not the cause: what is comes first then, and it no more."""
    daemon, judge = front(bare_if(lambda body: body["generationConfig"].get("responseLogprobs")))
    said = post(daemon, THREE)
    assert [suspect["id"] for suspect in said.error["suspects"]][0] == "logprobs"
    assert said.error["param"] == "logprobs"
    assert {suspect["id"]: suspect.get("probe") for suspect in said.error["suspects"]} == {
        "logprobs": "accepted", "safety_settings": "refused", "range_edge": None}
    assert len(judge.requests) == 3


def test_nothing_suspect(front):
    """Without the tools, without the schema of the answer, with the last text alone."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    body = {"model": "google/gemini-3-flash-preview", "messages": [{"role": "user", "content": "Hello"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}
    daemon, judge = front(bare_if(lambda body: "responseJsonSchema" in body["generationConfig"]), "adapt=false")
    said = post(daemon, body)
    assert said.error["param"] == "response_format" and said.error["suspects"][0]["id"] == "answer"
    assert len(judge.requests) == 2  # there are no tools to leave out


def test_of_a_stream(front):
    """Whole requests, for a client that wants a stream; and it gets the same error."""
    daemon, judge = front(bare_if(lambda body: "safetySettings" in body))
    said = post(daemon, THREE, stream=True)
    assert said.status == 400 and said.error["param"] == "google.safety_settings"
    assert [request.streams for request in judge.requests] == [True, False]
    assert "data:" not in said.body.decode()


def test_the_emulator_of_this_process(start, tmp_path):
    """It is an upstream as any other: its fault, once, and what comes behind it is accepted."""
    file = tmp_path / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": {"e": {"kind": "emulator", "diagnose": "probe"}}}))
    daemon = start(args=("--config", str(file)))
    said = daemon.ask(wire.request("POST", wire.CHAT, json.dumps(THREE | {"logprobs": False}).encode(),
                                   {"x-dragoman-fault": "400*1"}))
    assert said.status == 400 and said.error["suspects"][0]["probe"] == "accepted", said.body
    assert daemon.stats()["probes_total"] == 1


def test_nothing_of_their_answers(front):
    """What the reduced request was answered is nobody's."""
    secret = json.dumps({"candidates": [{"content": {"parts": [{"text": "sesame"}]}, "finishReason": "STOP"}]}).encode()
    daemon, _ = front(lambda body: error(400, BARE) if "safetySettings" in body else sized(secret))
    said = post(daemon, THREE)
    assert said.status == 400 and b"sesame" not in said.body and "sesame" not in str(said.headers)
    assert "sesame" not in daemon.log()


# ---- it is asked for, and bounded -----------------------------------------------------------------------------------


def test_off_by_default(front):
    daemon, judge = front(bare_if(always), diagnose="suspects")
    said = post(daemon, THREE)
    assert said.status == 400 and len(judge.requests) == 1
    assert "reduced request" not in said.error["message"] and "probe" not in said.error["suspects"][0]


def test_three_at_most(front):
    daemon, judge = front(bare_if(always))
    said = post(daemon, THREE, n=2, messages=[{"role": "user", "content": "Hello\u0007"}])
    assert said.status == 400 and len(judge.requests) == 4
    assert "sent 3 reduced requests to find out, all of which were refused." in said.error["message"]
    assert daemon.stats()["probes_accepted_total"] == 0
    wait_for(lambda: "refused without a reason; 3 reduced requests, none accepted" in daemon.log())


def test_a_minute(front):
    """The same again is not looked into again, by whichever worker; another one is, and so is the same of another model."""
    daemon, judge = front(bare_if(lambda body: "safetySettings" in body), workers=2)
    for _ in range(6):
        assert post(daemon, THREE).status == 400
    assert len(judge.requests) == 7
    said = post(daemon, THREE)
    assert "reduced request" not in said.error["message"] and said.error["param"] == "google.safety_settings"
    post(daemon, THREE, temperature=1)
    post(daemon, THREE, model="google/gemini-2.0-flash-lite-001")
    assert len(judge.requests) == 8 + 4


def test_a_refusal_with_a_reason(front):
    daemon, judge = front(lambda body: error(400, "Unable to submit request because it has no sense."))
    assert post(daemon, THREE).status == 400 and len(judge.requests) == 1
    assert daemon.stats()["probed_total"] == 0


@pytest.mark.parametrize("status", [429, 503])
def test_trouble_ends_it(front, status):
    """A probe that meets a 429 or 503 is the last one; the client has the refusal of its own request."""
    said_so = []
    daemon, judge = front(lambda body: error(400, BARE) if not said_so.append(1) and len(said_so) == 1
                          else error(status, "Later."))
    said = post(daemon, THREE)
    assert said.status == 400 and len(judge.requests) == 2
    assert f"sent 1 reduced request to find out, the last of which met an HTTP {status}." in said.error["message"]
    assert said.error["suspects"][0]["id"] == "safety_settings" and "Likeliest cause" in said.error["message"]
    assert said["retry-after"] is None


def test_no_connection_ends_it(front):
    def verdict(body):
        judge.refuse()
        return error(400, BARE).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    daemon, judge = front(verdict)
    said = post(daemon, THREE)
    assert said.status == 400 and "reduced request to find out, the last of which was not answered." in said.error["message"]


def test_the_budget_of_retries(front):
    """Ten a second, and one in five requests besides: a client that sends nothing else does not get past it."""
    daemon, judge = front(bare_if(always))
    began = time.monotonic()
    for i in range(30):
        assert post(daemon, THREE, temperature=2, seed=i).status == 400
    probes = len(judge.requests) - 30
    assert probes <= 10 * (time.monotonic() - began + 1) + 6 + 1, probes


# ---- time, and clients that leave -----------------------------------------------------------------------------------


def test_a_client_that_leaves(front):
    daemon, judge = front(lambda body: error(400, BARE) if "safetySettings" in body else b"")
    connection = daemon.connect()
    connection.send(wire.request("POST", wire.CHAT, json.dumps(THREE).encode()))
    wait_for(lambda: len(judge.requests) == 2)
    connection.reset()
    wait_for(lambda: hasattr(judge, "gone_after"))
    wait_for(lambda: daemon.stats()["left_total"] == 1 and daemon.stats()["calls"] == 0)
    assert len(judge.requests) == 2


def test_the_deadline_of_the_exchange(front):
    """A probe that is not answered in time: the refusal is given, not a 504."""
    daemon, judge = front(lambda body: error(400, BARE) if "safetySettings" in body else b"", "timeouts.total=700ms")
    began = time.monotonic()
    said = post(daemon, THREE)
    assert said.status == 400 and 0.5 < time.monotonic() - began < 5
    assert "the last of which was not answered." in said.error["message"] and said.error["suspects"]
    assert len(judge.requests) == 2


def test_large_bodies(front):
    """Off the loop: reduced in a thread, and every other request goes on."""
    image = base64.b64encode(b"\x89PNG" + b"\0" * 3_000_000).decode()
    body = {"model": "google/gemini-2.5-flash", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}]}]}
    daemon, judge = front(bare_if(lambda body: any("inlineData" in part for part in parts(body))))
    said = post(daemon, body)
    assert said.error["suspects"][0] | {"message": ""} == {
        "id": "media_broken", "likelihood": "high", "param": "messages[0].content[1]", "message": "", "probe": "accepted"}
    assert [len(request.body) > 1_000_000 for request in judge.requests] == [True, False]


# ---- behind what heals ----------------------------------------------------------------------------------------------


def test_healing_comes_first(front):
    """What is healed is not probed; what could not be healed is, and is told of as it was sent last."""
    daemon, judge = front(bare_if(lambda body: bool(values(body, "maxItems"))))
    said = post(daemon, case("max-items"))
    assert said.status == 200 and len(judge.requests) == 2 and daemon.stats()["probed_total"] == 0
    daemon, judge = front(bare_if(lambda body: "temperature" in body["generationConfig"] and functions(body) != []))
    said = post(daemon, case("max-items"))
    stats = daemon.stats()
    assert said.status == 400 and stats["adapted_schemas_total"] == 2 and stats["probed_total"] == 1
    assert len(judge.requests) == 1 + 2 + stats["probes_total"] and stats["probes_total"] <= 3
    assert said.error["param"] == "tools" and said.error["suspects"][0]["probe"] == "accepted"
    assert "schemas are told in descriptions" in said["x-dragoman-warning"]


def test_many_at_once(front):
    """The same request from many clients at once is looked into once."""
    daemon, judge = front(bare_if(lambda body: "safetySettings" in body), workers=2)
    threads = [threading.Thread(target=lambda: statuses.append(post(daemon, THREE).status)) for _ in range(16)]
    statuses = []
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert statuses == [400] * 16 and len(judge.requests) == 17
