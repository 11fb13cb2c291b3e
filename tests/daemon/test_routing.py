# SPDX-License-Identifier: Apache-2.0
"""Which upstream is asked, at which location, whether another one is; deadlines, and servers that have to wake up."""

import collections
import contextlib
import json
import re
import socket
import threading
import time

import pytest
import servers
import wire
from chunks import check_chunks, check_completion
from upstream import LAST_CHUNK, MODEL, STREAM_HEAD, Upstream, answer, chunk, event, serve as sound, serving, sized
from waiting import wait_for

EXHAUSTED = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Resource exhausted. Please try again later."}
GLOBAL_ONLY = {"code": 400, "status": "FAILED_PRECONDITION",
               "message": "Publisher model 'x' in region 'us-east1' is only available via global endpoint."}
REASONS = {400: b"Bad Request", 404: b"Not Found", 429: b"Too Many Requests", 500: b"Internal Server Error",
           502: b"Bad Gateway", 503: b"Service Unavailable"}


def failure(status, error=None, headers=b""):
    body = json.dumps({"error": error or {"code": status, "message": f"It says {status}."}}).encode()
    return sized(body, b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%s" % (status, REASONS[status], headers))


def location_of(request):
    return re.search(r"/locations/([^/]+)/", request.path)[1]


def says(by_location):
    """A server that answers each location as it is told; the others soundly."""
    def behave(peer):
        while request := peer.request():
            peer.send(by_location.get(location_of(request)) or answer(request))
    return behave


def always(data):
    def behave(peer):
        while peer.request():
            peer.send(data)
    return behave


@pytest.fixture
def serve():
    """serve(behave): a server of the test's own."""
    yield from serving(sound)


@pytest.fixture
def front(start, tmp_path):
    """front({"a": server, "b": {...}}, "timeouts.idle=1s", to=["a", "b"]): a Dragoman whose models all go to `to`."""
    def start_one(upstreams, *settings, to=None, **members):
        entries = {}
        for name, each in upstreams.items():
            each = each if isinstance(each, dict) else {"base_url": each if isinstance(each, str) else each.url}
            entries[name] = {"kind": "vertex", "credentials": "none", **each} if "kind" not in each else each
        file = tmp_path / "dragoman.yaml"
        file.write_text(json.dumps({"upstreams": entries, "models": [{"match": "*", "upstream": to or list(entries)}], **members}))
        return start("log.access=true", *settings, args=("--config", str(file)))
    return start_one


@pytest.fixture
def nobody():
    """An address that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def chat(daemon, stream=False, headers=None, **members):
    return daemon.ask(wire.chat(stream=stream, headers=headers, **members))


def assert_answers(answer, stream=False, model=wire.MODEL):
    assert answer.status == 200, answer.body
    if not stream:
        return check_completion(answer.json, model).texts
    assert answer.events[-1] == "[DONE]", answer.body
    return check_chunks([json.loads(each) for each in answer.events[:-1]], model).texts


# --- locations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("refusal", [
    failure(429, EXHAUSTED), failure(503), failure(404), failure(400, GLOBAL_ONLY),
    b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>404</p"], ids=[
    "429", "503", "404", "global alone", "a page"])
def test_the_next_location_is_asked(serve, front, refusal, stream):
    """user-pain J6"""
    server = serve(says({"europe-west1": refusal}))
    daemon = front({"g": {"kind": "vertex", "credentials": "none", "base_url": server.url,
                          "locations": ["europe-west1", "eu", "global"]}})
    said = chat(daemon, stream)
    assert_answers(said, stream)
    assert said["x-dragoman-upstream"] == "g/eu"
    # It is asked first now, whatever the first one has to say.
    assert chat(daemon, stream)["x-dragoman-upstream"] == "g/eu"
    assert [location_of(each) for each in server.requests] == ["europe-west1", "eu", "eu"]
    stats = daemon.stats()
    assert (stats["attempts_total"], stats["failovers_total"], stats["held"]) == (3, 1, 0)


@pytest.mark.parametrize("status, message", [(500, "It says 500."), (400, "It says 400.")])
def test_what_another_one_would_not_mend_is_told(serve, front, status, message):
    server = serve(always(failure(status)))
    daemon = front({"g": {"kind": "vertex", "credentials": "none", "base_url": server.url, "locations": ["eu", "us"]}})
    said = chat(daemon)
    assert said.status == status and message in said.error["message"]
    assert len(server.requests) == 1


def test_when_none_answers_the_last_refusal_is_told(serve, front):
    server = serve(says({"eu": failure(404), "us": failure(429, EXHAUSTED, b"Retry-After: 30\r\n")}))
    daemon = front({"g": {"kind": "vertex", "credentials": "none", "base_url": server.url, "locations": ["eu", "us"]}})
    said = chat(daemon)
    assert (said.status, said["retry-after"], said["x-dragoman-upstream"]) == (429, "30", "g/us")
    assert len(server.requests) == 2


def test_nothing_is_asked_again_after_a_byte(serve, front):
    def behave(peer):
        peer.request()
        peer.send(STREAM_HEAD + chunk(event("Hello ")))
        peer.reset()

    server = serve(behave)
    daemon = front({"g": {"kind": "vertex", "credentials": "none", "base_url": server.url, "locations": ["eu", "us"]}})
    said = chat(daemon, stream=True)
    assert said.status == 200 and json.loads(said.events[-1])["error"]["code"] == "upstream_cut"
    assert len(server.requests) == 1


# --- residency ------------------------------------------------------------------------------------


@pytest.mark.parametrize("members, settings", [
    ({"residency": ["eu"]}, ()), ({}, ("residency=eu,europe-west2",)), ({"residency": ["europe"]}, ("residency=europe-west4",))])
def test_no_location_outside_of_the_list_is_asked(serve, front, members, settings):
    server = serve()
    daemon = front({"g": {"kind": "vertex", "credentials": "none", "base_url": server.url, **members}}, *settings)
    path = "/v1/projects/p/locations/{}/endpoints/openapi/chat/completions".format
    for location in "us-central1", "global", "us", "europewest4", "asia-east1", "eu-", "EU":
        said = daemon.ask(wire.chat(path=path(location)))
        assert said.status in (403, 404) and said.error["code"] in ("location_not_allowed", "endpoint_not_found"), said.body
    # Nor the one that is meant where none is named: global.
    assert daemon.ask(wire.chat(path="/v1/chat/completions")).error["code"] == "location_not_allowed"
    assert server.requests == []
    assert_answers(daemon.ask(wire.chat(path=path("europe-west4"))))
    assert location_of(server.requests[0]) == "europe-west4"


# --- several upstreams ----------------------------------------------------------------------------


def test_weights(serve, front):
    one, other = serve(), serve()
    daemon = front({"a": one, "b": other}, to=[{"name": "a", "weight": 3}, "b"])
    said = collections.Counter(chat(daemon)["x-dragoman-upstream"] for _ in range(200))
    assert set(said) == {"a/global", "b/global"} and 110 < said["a/global"] < 190
    assert (len(one.requests), len(other.requests)) == (said["a/global"], said["b/global"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_upstream_that_is_down_is_left_alone(serve, front, nobody, stream):
    server = serve()
    daemon = front({"a": nobody, "b": server}, to=["a", {"name": "b", "weight": 0}])
    for _ in range(5):
        assert_answers(chat(daemon, stream), stream)
    stats = daemon.stats()
    assert (stats["failovers_total"], stats["attempts_total"], stats["resting"]) == (1, 6, 1)
    lines = [line for line in daemon.log().splitlines() if "POST" in line]
    assert "upstream=b/global attempts=2" in lines[0] and lines[1].endswith("upstream=b/global")


def test_one_that_comes_back_is_found_by_one_request(serve, front):
    bad = [failure(503)]
    server, other = serve(lambda peer: [peer.send(bad[0] if bad else answer(each)) for each in iter(peer.request, None)]), serve()
    daemon = front({"a": server, "b": other}, to=["a", {"name": "b", "weight": 0}])
    assert chat(daemon)["x-dragoman-upstream"] == "b/global"
    bad.clear()
    assert chat(daemon)["x-dragoman-upstream"] == "b/global" and len(server.requests) == 1
    time.sleep(1.05)
    assert chat(daemon)["x-dragoman-upstream"] == "a/global"
    assert daemon.stats()["resting"] == 0


def test_upstreams_of_different_kinds(serve, front):
    """Each gets the request as it wants it: made anew, of a body that was kept."""
    vertex, gemini, lab = serve(always(failure(429, EXHAUSTED))), serve(always(failure(503))), serve(servers.serve("vllm"))
    daemon = front({"v": vertex, "g": {"kind": "gemini", "base_url": gemini.url, "credentials": "none"},
                    "lab": {"kind": "vllm", "base_url": lab.url, "model": "qwen"}},
                   to=[{"name": "v", "weight": 1000}, {"name": "g", "weight": 0}, {"name": "lab", "weight": 0}])
    for stream in False, True:
        for text in "short", "long " * 40000:
            for server in vertex, gemini, lab:
                server.requests.clear()
            said = chat(daemon, stream, text=text)
            assert_answers(said, stream)
            assert said["x-dragoman-upstream"] == "lab"
            if not vertex.requests:
                continue  # it rests
            assert json.loads(vertex.requests[0].body)["contents"][0]["parts"] == [{"text": text}]
            assert gemini.requests[0].path.startswith("/v1beta/models/")
            assert [json.loads(lab.requests[0].body)[key] for key in ("model", "messages")] == [
                "qwen", [{"role": "user", "content": text}]]
    assert daemon.stats()["exchanges"] <= 1


def test_endpoints_have_lists_too(serve, front, nobody):
    lab = serve(servers.serve("vllm"))
    daemon = front({"a": {"kind": "vllm", "base_url": nobody}, "b": {"kind": "vllm", "base_url": lab.url}},
                   endpoints={"7": {"upstream": ["a", {"name": "b", "weight": 0}]}})
    said = daemon.ask(wire.chat(path="/v1/projects/p/locations/us-central1/endpoints/7/chat/completions"))
    assert said.status == 200 and said["x-dragoman-upstream"] == "b"


def test_an_error_in_the_place_of_the_first_event(serve, front):
    """I2: vLLM begins a stream with 200, and then says that it can not."""
    refusal = STREAM_HEAD + chunk(b'data: {"error": {"message": "busy", "code": 503}}\n\n') + LAST_CHUNK
    bad, lab = serve(always(refusal)), serve(servers.serve("vllm"))
    daemon = front({"a": {"kind": "vllm", "base_url": bad.url}, "b": {"kind": "vllm", "base_url": lab.url}},
                   to=["a", {"name": "b", "weight": 0}])
    said = chat(daemon, stream=True, model="m")
    assert_answers(said, True, "m")
    assert said["x-dragoman-upstream"] == "b" and len(bad.requests) == 1


def test_all_of_them_rest(serve, front):
    server, other = serve(always(failure(429, EXHAUSTED, b"Retry-After: 40\r\n"))), serve(always(failure(429, EXHAUSTED, b"Retry-After: 50\r\n")))
    daemon = front({"a": server, "b": other})
    assert chat(daemon).status == 429
    said = chat(daemon)
    assert (said.status, said.error["code"]) == (503, "overloaded") and 38 <= int(said["retry-after"]) <= 40
    assert (len(server.requests), len(other.requests)) == (1, 1)


# --- when to ask again ----------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_short_retry_after_is_obeyed_here(serve, front, stream):
    def behave(peer):
        while request := peer.request():
            refuses = len(server.requests) == 1
            peer.send(failure(429, EXHAUSTED, b"Retry-After: 1\r\n") if refuses else answer(request))

    server = serve(behave)
    daemon = front({"a": server})
    began = time.monotonic()
    assert_answers(chat(daemon, stream), stream)
    assert 0.9 < time.monotonic() - began < 2 and len(server.requests) == 2


def test_a_long_one_is_handed_on(serve, front):
    server = serve(always(failure(503, None, b"Retry-After: 3\r\n")))
    daemon = front({"a": server})
    said = chat(daemon)
    assert (said.status, said["retry-after"], said["retry-after-ms"], len(server.requests)) == (503, "3", "3000", 1)


def test_a_client_that_leaves_ends_the_wait(serve, front):
    """user-pain F1: also while nobody is asked."""
    server = serve(always(failure(429, EXHAUSTED, b"Retry-After: 1\r\n")))
    daemon = front({"a": server})
    with daemon.connect() as connection:
        connection.send(wire.chat())
        wait_for(lambda: daemon.stats()["held"] == 1)
        connection.reset()
    wait_for(lambda: daemon.stats()["exchanges"] == 1, 0.5)
    assert daemon.stats()["held"] == 0
    time.sleep(1.1)
    assert len(server.requests) == 1


# --- deadlines ------------------------------------------------------------------------------------


def stall(*data):
    def behave(peer):
        peer.request()
        for each in data:
            peer.send(each)
        peer.wait_closed()
    return behave


@pytest.mark.parametrize("settings, headers, data, said", [
    (("timeouts.first_byte=200ms",), None, (), "timeouts.first_byte"),
    (("timeouts.first_byte=200ms",), None, (STREAM_HEAD,), "timeouts.first_byte"),
    (("timeouts.idle=200ms",), None, (STREAM_HEAD, chunk(b": a comment\r\n\r\n")), "timeouts.idle"),
    (("timeouts.total=300ms",), None, (STREAM_HEAD,), "timeouts.total"),
    ((), {"x-stainless-timeout": "0.2"}, (), "x-stainless-timeout"),
    ((), {"x-stainless-timeout": "0.2"}, (STREAM_HEAD,), "x-stainless-timeout"),
    ((), {"X-Request-Timeout": "0.3"}, (STREAM_HEAD,), "X-Request-Timeout"),
    (("timeouts.first_byte=200ms",), {"x-stainless-timeout": "600"}, (), "timeouts.first_byte"),
], ids=["first byte", "first byte behind the head", "idle", "total", "the client's, no byte", "the client's, silence", "the client's whole", "the setting is shorter"])
def test_which_deadline_it_was(serve, front, settings, headers, data, said):
    """user-pain J8"""
    daemon = front({"a": serve(stall(*data))}, *settings)
    began = time.monotonic()
    answered = chat(daemon, stream=True, headers=headers)
    assert time.monotonic() - began < 2
    assert (answered.status, answered.error["code"]) == (504, "upstream_timeout") and said in answered.error["message"]


def test_a_deadline_in_a_stream_says_so_too(serve, front):
    daemon = front({"a": serve(stall(STREAM_HEAD, chunk(event("Hello "))))}, "timeouts.idle=200ms")
    error = json.loads(chat(daemon, stream=True).events[-1])["error"]
    assert error["code"] == "upstream_timeout" and "timeouts.idle" in error["message"] and "200 ms" in error["message"]


# --- cold starts ----------------------------------------------------------------------------------


def completion(request):
    """What vLLM says, whole or streamed."""
    if not json.loads(request.body).get("stream"):
        return sized(servers.whole("vllm"))
    return STREAM_HEAD + b"".join(chunk(each) for each in servers.streamed("vllm")) + LAST_CHUNK


class Sleeper:
    """A server that nobody listens for until it has been asked and `seconds` have passed; or that says 503 until then."""

    def __init__(self, seconds, refuses=None):
        self.seconds, self.refuses, self.asked, self.at_once, self.most = seconds, refuses, 0, 0, 0
        self.lock, self.woken = threading.Lock(), None
        self.server = Upstream(self._behave)

    def _behave(self, peer):
        while request := peer.request():
            with self.lock:
                self.woken = self.woken or time.monotonic()
                ready = time.monotonic() - self.woken >= self.seconds
                self.at_once += 1
                self.asked += not ready
                self.most = max(self.most, 0 if ready else self.at_once)
            time.sleep(0 if ready else 0.05)
            with self.lock:
                self.at_once -= 1
            peer.send(completion(request) if ready else self.refuses)


@pytest.fixture
def sleeper():
    made = []

    def make(*args):
        made.append(Sleeper(*args))
        return made[-1]
    yield make
    for each in made:
        each.server.close()


def cold(url, max_wait="20s"):
    return {"kind": "vllm", "base_url": url, "cold_start": {"max_wait": max_wait}}


def test_requests_are_held_while_a_server_wakes(sleeper, front):
    """user-pain I5: one wakes it, the others wait, all are answered."""
    server = sleeper(1.2, failure(503))
    daemon = front({"lab": cold(server.server.url)}, "timeouts.comment=200ms")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(daemon.connect(20)) for _ in range(20)]
        for i, connection in enumerate(connections):
            connection.send(wire.chat(stream=i % 2 == 1, model="m"))
            if i == 0:
                wait_for(lambda: daemon.stats()["held"] == 1)
        wait_for(lambda: daemon.stats()["held"] >= 19)
        for i, connection in enumerate(connections):
            said = connection.answer()
            assert_answers(said, i % 2 == 1, "m")
            if i % 2 == 1:
                assert said.body.count(b": still waiting") >= 2
    assert server.most == 1 and server.asked <= 5
    assert daemon.stats()["held"] == 0


def test_a_port_that_opens_later(front, nobody):
    port = int(nobody.rsplit(":", 1)[1])
    daemon = front({"lab": cold(nobody)})
    with daemon.connect(20) as connection:
        connection.send(wire.chat(model="m"))
        wait_for(lambda: daemon.stats()["held"] == 1)
        time.sleep(0.3)
        with late(port):
            assert_answers(connection.answer(), model="m")


@contextlib.contextmanager
def late(port):
    server = Upstream(servers.serve("vllm"))
    listener = socket.create_server(("127.0.0.1", port))
    server.listener.close()
    server.listener = listener
    threading.Thread(target=server._accept, daemon=True).start()
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_max_wait(front, nobody, stream):
    """The true status where nothing had to be sent; an event where something had."""
    daemon = front({"lab": cold(nobody, "700ms")}, *(("timeouts.comment=200ms",) if stream else ()))
    began = time.monotonic()
    said = chat(daemon, stream, model="m")
    assert 0.3 < time.monotonic() - began < 2
    if stream:
        assert said.status == 200 and json.loads(said.events[-1])["error"]["code"] == "upstream_not_ready"
        return
    assert (said.status, said.error["code"], said["retry-after"]) == (503, "upstream_not_ready", "10")
    assert "cold_start.max_wait" in said.error["message"]


@pytest.mark.parametrize("refusal", [failure(503), STREAM_HEAD + chunk(b'data: {"error":{"message":"no","code":503}}\n\n') + LAST_CHUNK],
                         ids=["as a status", "as the first event"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_max_wait_ends_with_a_slow_refusal(serve, front, stream, refusal):
    """It passes while the server is asked, and nothing is left to wait for when that says no."""
    def behave(peer):
        while peer.request():
            time.sleep(0.4)
            peer.send(refusal if stream else failure(503))
    daemon = front({"lab": cold(serve(behave).url, "300ms")})
    for _ in range(2):
        said = chat(daemon, stream, model="m")
        assert (said.status, said.error["code"]) == (503, "upstream_not_ready")
    assert len(daemon.workers()) == 1 and daemon.stats()["calls"] == 0


def test_a_daemon_drains_while_it_holds(front, sleeper):
    server = sleeper(0.6, failure(503))
    daemon = front({"lab": cold(server.server.url)})
    with daemon.connect(20) as connection:
        connection.send(wire.chat(model="m"))
        wait_for(lambda: daemon.stats()["held"] == 1)
        daemon.process.terminate()
        assert_answers(connection.answer(), model="m")
    daemon.process.wait(5)


def test_the_one_that_wakes_may_leave(front, sleeper):
    server = sleeper(0.6, failure(503))
    daemon = front({"lab": cold(server.server.url)})
    with daemon.connect(20) as first, daemon.connect(20) as second:
        first.send(wire.chat(model="m"))
        wait_for(lambda: server.asked == 1)
        second.send(wire.chat(model="m"))
        wait_for(lambda: daemon.stats()["held"] == 2)
        first.reset()
        assert_answers(second.answer(), model="m")
