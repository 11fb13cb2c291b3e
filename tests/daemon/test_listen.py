# SPDX-License-Identifier: Apache-2.0
"""Addresses: taken ones, open ones, unix sockets, IPv6."""

import socket

import wire
from dragoman import Daemon, free_port
from waiting import connects, wait_for

SMALL = {"max_tokens": 3}


def test_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        daemon = Daemon(port=port)
        assert daemon.wait_end(10) == 4
        assert f"127.0.0.1:{port}" in daemon.log()
        daemon.kill()


def test_second_daemon_on_the_same_port_is_refused(start):
    """The workers' SO_REUSEPORT must not let two daemons share a port unnoticed."""
    first = start()
    second = Daemon(port=first.port)
    assert second.wait_end(10) == 4
    assert f"127.0.0.1:{first.port}" in second.log()
    second.kill()
    assert first.chat(**SMALL).status == 200


def test_same_port_again_at_once():
    """Connections in TIME_WAIT do not keep the next one from starting."""
    port = free_port()
    for _ in range(3):
        daemon = Daemon(port=port).wait_ready()
        assert daemon.chat(**SMALL).status == 200
        daemon.stop()


def test_open_address_without_keys_is_refused():
    """Without configured keys only loopback is listened on."""
    daemon = Daemon(args=["--listen", f"0.0.0.0:{free_port()}"])
    assert daemon.wait_end(10) in (3, 4)
    assert "loopback" in daemon.log() or "keys" in daemon.log()
    daemon.kill()


def test_unix_socket(tmp_path):
    """No page can reach one, so any Host will do; what an earlier run left there is no obstacle."""
    path = tmp_path / "dragoman.sock"
    for _ in range(2):
        daemon = Daemon(args=["--listen", f"unix:{path}"]).wait_ready()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(wire.request("GET", "/healthz", headers={"Host": "anything.example", "Connection": "close"}))
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        daemon.process.kill()  # leaves the socket file behind
        daemon.kill()
        wait_for(lambda: not connects(daemon.port))
    daemon = Daemon(args=["--listen", f"unix:{path}"]).wait_ready()
    daemon.stop()
    assert not path.exists(), "a clean end cleans up"


def test_ipv6(start):
    port = free_port()
    start(args=["--listen", f"[::1]:{port}"])
    with socket.create_connection(("::1", port), 5) as client:
        client.sendall(wire.request("GET", "/healthz", headers={"Host": f"[::1]:{port}", "Connection": "close"}))
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
