# SPDX-License-Identifier: Apache-2.0
"""Upstreams behind an HTTP proxy: the environment's and an upstream's own, with a password and without, with TLS
(a tunnel) and without (the proxy is asked itself; user-pain J13)."""

import socket
import subprocess

import pki
import pytest
import upstream
import wire
from dragoman import BINARY, environment
from proxy import Proxy
from upstream import Upstream, chat, configuration

PASSWORD = "s3cr3t/pass"  # with a character that an address has to encode


@pytest.fixture
def made():
    """made(Proxy(...)): closed at the end."""
    all_made = []

    def keep(server):
        all_made.append(server)
        return server

    yield keep
    for server in all_made:
        server.close()


@pytest.fixture(params=["http", "https"])
def server(request, made):
    return made(Upstream(tls=pki.server() if request.param == "https" else None))


@pytest.fixture
def front(start, tmp_path):
    """front(url, env={...}, proxy=...)"""
    def start_one(url, *settings, env=None, **members):
        if url.startswith("https:"):
            members = {"ca": str(pki.authority()), **members}
        return start(*settings, args=("--config", str(configuration(tmp_path, url, **members))), env=env)
    return start_one


def named(server):
    return server.url.replace("127.0.0.1", "upstream.test")


def why(answer):
    assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable"), answer.body
    return answer.error["message"]


def variable(server, lower=False):
    name = "HTTPS_PROXY" if server.tls else "HTTP_PROXY"
    return name.lower() if lower else name


@pytest.mark.parametrize("lower", [False, True])
def test_the_environments_proxy(server, made, front, lower):
    proxy = made(Proxy())
    daemon = front(named(server), env={variable(server, lower): proxy.url})
    for stream in (False, True):
        assert chat(daemon, stream=stream).status == 200
    assert len(server.requests) == 2 and server.requests[0].headers["host"] == f"upstream.test:{server.port}"
    line = proxy.requests[0].line
    if server.tls:
        assert (line, len(proxy.requests)) == (f"CONNECT upstream.test:{server.port} HTTP/1.1", 1), "one tunnel for both"
    else:
        assert line.startswith(f"POST http://upstream.test:{server.port}/v1/projects/") and line.endswith(" HTTP/1.1")


def test_the_other_schemes_proxy_is_not_asked(server, made, front):
    other = "HTTP_PROXY" if server.tls else "HTTPS_PROXY"
    proxy = made(Proxy())
    assert "name upstream.test could not be resolved" in why(chat(front(named(server), env={other: proxy.url})))
    assert proxy.connections == 0


@pytest.mark.parametrize("no_proxy, direct", [("upstream.test", True), (".test", True), ("*", True), ("other.test", False)])
def test_no_proxy(server, made, front, no_proxy, direct):
    proxy = made(Proxy())
    answer = chat(front(named(server), env={variable(server): proxy.url, "no_proxy": no_proxy}))
    assert proxy.connections == (0 if direct else 1)
    if direct:
        assert "could not be resolved" in why(answer)
    else:
        assert answer.status == 200


def test_loopback_is_left_alone(server, made, front):
    proxy = made(Proxy())
    assert chat(front(server.url, env={"HTTPS_PROXY": proxy.url, "HTTP_PROXY": proxy.url})).status == 200
    assert proxy.connections == 0


def test_an_upstreams_own_proxy(server, made, front):
    proxy, environments = made(Proxy()), made(Proxy())
    assert chat(front(server.url, proxy=proxy.url)).status == 200, "even to loopback: it was asked for"
    assert chat(front(named(server), proxy=proxy.url, env={variable(server): environments.url})).status == 200
    assert (proxy.connections, environments.connections) == (2, 0)
    assert "could not be resolved" in why(chat(front(named(server), proxy="none", env={variable(server): environments.url})))
    assert environments.connections == 0


def with_user(proxy, user):
    return proxy.url.replace("http://", f"http://{user}@")


def test_a_proxy_with_a_password(server, made, front):
    proxy = made(Proxy(user=f"me:{PASSWORD}"))
    daemon = front(named(server), proxy=with_user(proxy, "me:s3cr3t%2Fpass"))
    assert chat(daemon).status == 200
    daemon.process.terminate()
    assert daemon.wait_end() == 0 and "s3cr3t" not in daemon.log()
    for request in server.requests:
        assert "proxy-authorization" not in request.headers


@pytest.mark.parametrize("user, text", [("", "wants a user and password"), ("me:s3cr3t-wrong@", "does not take the user and password")])
def test_a_proxy_that_refuses_the_password(server, made, front, user, text):
    proxy = made(Proxy(user=f"me:{PASSWORD}"))
    daemon = front(named(server), proxy=proxy.url.replace("http://", f"http://{user}"))
    for stream in (False, True):
        message = why(chat(daemon, stream=stream))
        assert text in message and f"the proxy 127.0.0.1:{proxy.port}" in message and "407" in message, message
        assert "s3cr3t" not in message and "me" not in message.split("proxy")[1].split()[1:2], message
    assert server.requests == []


REFUSALS = {
    "forbidden": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "refused to connect to upstream.test:"),
    "no such host": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "refused to connect to upstream.test:"),
    "garbage": (b"SSH-2.0-OpenSSH_9.9\r\n", "something that is not HTTP"),
    "closed": (b"", "closed the connection"),
    "closed in the head": (b"HTTP/1.1 200 OK\r\nVia", "closed the connection"),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000, "answer"),
    "too eager": (b"HTTP/1.1 200 OK\r\n\r\nHello", "before it was asked"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_proxy_that_makes_no_tunnel(made, front, refusal):
    says, text = REFUSALS[refusal]
    proxy = made(Proxy(says=says))
    message = why(chat(front("https://upstream.test", proxy=proxy.url)))
    assert text in message and f"the proxy 127.0.0.1:{proxy.port} " in message, message


def test_a_proxy_that_is_silent_or_not_there(made, front):
    silent = made(Upstream(lambda peer: peer.wait_closed()))
    message = why(chat(front("https://upstream.test", "timeouts.connect=300ms", proxy=silent.url)))
    assert f"the proxy 127.0.0.1:{silent.port} did not answer in time" in message
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        message = why(chat(front("https://upstream.test", proxy=f"http://127.0.0.1:{port}")))
    assert f"the proxy 127.0.0.1:{port} could not be reached: connection refused" in message
    message = why(chat(front("https://upstream.test", proxy="http://no-such-proxy.invalid:1")))
    assert "the name no-such-proxy.invalid could not be resolved" in message


def test_the_certificate_is_the_servers_not_the_proxys(made, front):
    server = made(Upstream(tls=pki.server(pki.certificate("not it", names="DNS:other.test"))))
    proxy = made(Proxy())
    assert "not for upstream.test" in why(chat(front(named(server), proxy=proxy.url)))


@pytest.mark.parametrize("env, url, text", [
    ({"HTTPS_PROXY": "socks5://me:s3cr3t@h:1"}, "https://a.test", "HTTPS_PROXY is of a kind that can not be used"),
    ({"http_proxy": "http://me:s3cr3t@"}, "http://a.test", "HTTP_PROXY has no host"),
    ({"HTTPS_PROXY": "socks5://h"}, "http://a.test", None),
    ({"HTTPS_PROXY": "socks5://h", "NO_PROXY": "a.test"}, "https://a.test", None),
    ({"HTTPS_PROXY": ""}, "https://a.test", None),
])
def test_what_is_no_proxy_is_told_at_the_start(tmp_path, env, url, text):
    config = configuration(tmp_path, url)
    done = subprocess.run([BINARY, "check", "--config", config], env=environment(**env), capture_output=True, text=True)
    assert done.returncode == (3 if text else 0), done
    assert "s3cr3t" not in done.stderr and (text is None or text in done.stderr), done


def test_a_proxys_password_is_never_shown(tmp_path):
    config = configuration(tmp_path, "https://a.test", proxy="http://me:s3cr3t@h:1")
    done = subprocess.run([BINARY, "check", "--show", "--config", config], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0 and "proxy=***" in done.stdout and "s3cr3t" not in done.stdout + done.stderr, done
    config = configuration(tmp_path, "https://a.test", proxy="ftp://me:s3cr3t@h:1")
    done = subprocess.run([BINARY, "check", "--config", config], env=environment(), capture_output=True, text=True)
    assert done.returncode == 3 and ".proxy is of a kind" in done.stderr and "s3cr3t" not in done.stderr, done
