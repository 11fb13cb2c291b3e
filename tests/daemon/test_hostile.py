# SPDX-License-Identifier: Apache-2.0
"""No name makes another address of the one that an upstream is asked at: hostile ones never get there (user-pain J17)."""

import json

import googles as google
import hostile
import pki
import pytest
import wire
from dragoman import Daemon
from upstream import Upstream

PATHS = {
    "project": "/v1/projects/{}/locations/us-central1/endpoints/openapi/chat/completions",
    "location": "/v1/projects/p/locations/{}/endpoints/openapi/chat/completions",
    "endpoint": "/v1beta1/projects/p/locations/us-central1/endpoints/{}/chat/completions",
    "deployment": "/openai/deployments/{}/chat/completions",
}


@pytest.fixture(scope="module", params=["vertex", "gemini", "google's hosts"])
def watched(request, tmp_path_factory):
    """A Dragoman before a server that must not hear anything."""
    folder = tmp_path_factory.mktemp("hostile")
    server = google.Google() if request.param == "google's hosts" else Upstream()
    road = google.Road(server)
    bearer = {"bearer": "ya29.token"}
    if request.param == "google's hosts":
        upstreams = {"back": {"kind": "vertex", "credentials": bearer, "proxy": road.url, "ca": str(pki.authority())}}
    else:
        upstreams = {"back": {"kind": request.param, "base_url": server.url, "credentials": bearer}}
    file = folder / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": upstreams, "endpoints": {"7": {"upstream": "back"}}}))
    daemon = Daemon(args=("--config", str(file))).wait_ready()
    yield daemon, server, road
    daemon.stop()
    assert (server.connections, server.requests, road.connections) == (0, [], 0), "a name got there"
    road.close()
    server.close()


def refused(answer, name):
    assert answer.status in (400, 404), (name, answer.status, answer.body[:300])
    assert answer.error["message"], name


def test_there_are_500_of_them():
    assert len(hostile.models()) + len(hostile.segments()) >= 500


def test_models(watched):
    daemon, server, _ = watched
    with daemon.connect() as connection:
        for name in hostile.models():
            for stream in (False, True):
                connection.send(wire.chat(model=name, stream=stream))
                refused(connection.answer(), name)
    assert server.connections == 0


@pytest.mark.parametrize("part", PATHS)
def test_segments_of_the_path(watched, part):
    daemon, server, road = watched
    for name in hostile.segments():
        answer = daemon.ask(wire.chat(path=PATHS[part].format(name)))
        refused(answer, name)
    assert (server.connections, road.connections) == (0, 0)


def raw(path):
    content = wire.body()
    return (b"POST " + path.encode("utf-8", "surrogatepass") + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(content) + content)


@pytest.mark.parametrize("part", PATHS)
def test_segments_that_are_not_even_encoded(watched, part):
    """Whatever a request line can be made of; some of these are two requests, or none."""
    daemon, server, road = watched
    for name in (*hostile.AS_IT_IS, *hostile.UNICODE, *hostile.WAYS_UP, *hostile.ADDRESSES):
        if name.strip("/") == "x":
            continue  # a slash too many is none
        with daemon.connect() as connection:
            connection.send(raw(PATHS[part].format(name)))
            got = connection.rest()
        assert got[9:12] in (b"400", b"404", b"405", b"505"), (name, got[:200])
    assert (server.connections, road.connections) == (0, 0)
