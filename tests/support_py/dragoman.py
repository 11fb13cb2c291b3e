# SPDX-License-Identifier: Apache-2.0
"""One running Dragoman: started on a free port, asked when it is ready, ended by its pid, and held to a clean end."""

import atexit
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

import wire
from leaks import SECRETS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("DRAGOMAN", ROOT / "build/dev/dragoman"))
LOST = re.compile(r"worker \d+ \(pid \d+\) (?:died|exited).*")  # in the log; one that drains well says nothing there
KEEPER = "dragoman-keeper"  # the name of its process
READY_S = 20  # a sanitizer build on a busy machine
END_S = 45  # more than the longest drain that a test leaves at its default


def _ports():
    """Below those that the system gives to whoever asks for any, and apart for each of the processes that test at once."""
    one = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "0"))
    while True:
        yield from range(12000 + int(one) * 2000 + os.getpid() % 1000, 14000 + int(one) * 2000)


_next_port = _ports()


def free_port():
    for port in _next_port:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def environment(**more):
    """Ours without DRAGOMAN and DRAGOMAN_*, which would be settings of the daemon's, without proxies and authorities."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("DRAGOMAN", "SSL_CERT_")) and not k.lower().endswith("_proxy")} | more


_started = []


@atexit.register
def _kill_leftovers():
    """Those of tests that failed before they came to an end of their daemon; workers go when their master is gone."""
    for process in _started:
        if process.poll() is None:
            process.kill()


class Daemon:
    """settings: "limits.body_mb=1" and so on, each given as --set. pace: the emulator's, ms before the first piece and
    between two. command: the whole command line instead. deaths: workers that the test itself has killed."""

    def __init__(self, *settings, args=(), workers=1, port=None, env=None, preexec=None, pace=(5, 1), command=None):
        self.port = port or free_port()
        self.deaths = 0
        self.expected_workers = workers
        self.log_file = tempfile.NamedTemporaryFile("w+", prefix="dragoman-log-", suffix=".txt")
        first_ms, piece_ms = pace
        settings = [f"emulator.first_ms={first_ms}", f"emulator.piece_ms={piece_ms}", *settings]
        command = command or ["serve", "--listen", f"127.0.0.1:{self.port}", "--workers", str(workers),
                              *(word for setting in settings for word in ("--set", setting)), *args]
        self.process = subprocess.Popen([str(BINARY), *command], stdin=subprocess.DEVNULL, stdout=self.log_file,
                                        stderr=subprocess.STDOUT, env=environment(**(env or {})), preexec_fn=preexec)
        _started.append(self.process)

    # ---- its life ----

    def wait_ready(self):
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode} before it was ready:\n{self.log()}")
            try:
                if self.get("/readyz").status == 200 and len(self.workers()) >= self.expected_workers:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"not ready after {READY_S} s:\n{self.log()}")

    def wait_end(self, timeout=END_S):
        return self.process.wait(timeout)

    def stop(self):
        """SIGTERM; the exit must be clean and no worker may have died that the test did not kill."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.wait_end()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"still there {END_S} s after SIGTERM:\n{self.log()}") from None
        code, log = self.process.returncode, self.log()
        self.log_file.close()
        assert code == 0, f"exit {code}:\n{log}"
        assert not SECRETS.search(log), f"a secret stands in the log:\n{log}"
        assert len(LOST.findall(log)) <= self.deaths, f"workers ended that no test had killed:\n{log}"

    def kill(self):
        """For tests that end it otherwise: no judgement, but of what was logged."""
        if self.log_file.closed:
            return
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        log = self.log()
        self.log_file.close()
        assert not SECRETS.search(log), f"a secret stands in the log:\n{log}"

    # ---- what can be seen of it ----

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def log(self):
        return pathlib.Path(self.log_file.name).read_text(errors="replace")

    def children(self):
        """Pids of the master's living children."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if _state(int(child)) not in ("Z", "")]

    def workers(self):
        return [pid for pid in self.children() if _name(pid) != KEEPER]

    def keeper(self):
        """Its pid, or None."""
        return next((pid for pid in self.children() if _name(pid) == KEEPER), None)

    def rss_kib(self):
        return sum(_rss_kib(pid) for pid in self.workers())

    def open_files(self):
        time.sleep(0.1)  # a connection that a test has just closed is the worker's for another moment
        return sum(len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) for pid in self.workers())

    def stats(self):
        answer = self.get("/_dragoman/stats")
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def stats_linked(self):
        """Its stats when the worker's link to the keeper, which the first request makes, is there: it takes memory and a file."""
        end = time.monotonic() + 10
        while not (stats := self.stats())["keeper_pid"]:
            assert time.monotonic() < end, "no link to the keeper"
            time.sleep(0.01)
        return stats

    def kill_worker(self, pid):
        self.deaths += 1
        os.kill(pid, signal.SIGKILL)

    # ---- asking it ----

    def connect(self, timeout=10):
        return wire.Connection(self.port, timeout)

    def ask(self, request, timeout=10):
        """Sends raw bytes on a fresh connection; returns the one answer."""
        with self.connect(timeout) as connection:
            connection.send(request)
            return connection.answer(head_only=request.startswith(b"HEAD "))

    def get(self, path, **headers):
        return self.ask(wire.request("GET", path, **headers))

    def chat(self, text="Why is the sky blue?", path=wire.CHAT, headers=None, **members):
        return self.ask(wire.chat(text, path, headers, **members))


def _state(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def _name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _rss_kib(pid):
    try:
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
    except (OSError, TypeError):
        return 0
