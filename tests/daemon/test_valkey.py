# SPDX-License-Identifier: Apache-2.0
"""Two gateways that share a Valkey (user-pain D2): sessions go from one to the other and back, and nobody notices. The
real redis-server stands for it, a real nginx before them, and a proxy of ours where it is to be slow."""

import contextlib
import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import pytest
import wire
from dragoman import BINARY, Daemon, environment, free_port
from session import STAND_IN, Session
from waiting import wait_for

PASSWORD = "s3cret/with@signs"
QUOTED = "s3cret%2Fwith%40signs"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


class Server:
    """A redis-server on a port of its own; it may be killed and started again."""

    def __init__(self, folder):
        self.port, self.folder, self.process = free_port(), folder, None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(self.folder), "--requirepass", PASSWORD], stdout=subprocess.DEVNULL)
        wait_for(lambda: self.ask("PING") == b"+PONG")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, *words):
        """One command, the first line of its answer."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                for command in (["AUTH", PASSWORD], ["SELECT", "3"], list(words)):
                    s.sendall(b"*%d\r\n" % len(command) + b"".join(
                        b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in command))
                    line = s.recv(65536)
                return line.split(b"\r\n")[0]
        except OSError:
            return b""

    def url(self, port=None, password=QUOTED):
        return f"redis://:{password}@127.0.0.1:{port or self.port}/3"


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path)
    yield one
    one.kill()


@pytest.fixture
def pair(tmp_path):
    """pair(url): two gateways, each with a folder of its own, as on two machines."""
    made = []

    def make(url, n=2):
        for i in range(n):
            made.append(Daemon(f"store.path={tmp_path}/store{i}", f"store.valkey={url}").wait_ready())
        for one in made:
            wait_for(one.keeper)
        return made
    yield make
    for one in made:
        one.stop()


def ready(*daemons):
    for one in daemons:
        wait_for(lambda one=one: "Valkey is there" in one.log())


def taking_turns(daemons):
    state = {"n": 0}

    def ask(body, headers):
        state["n"] += 1
        one = daemons[state["n"] % len(daemons)]
        return one.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode(), headers), timeout=30)
    return ask


def judge(daemons, stand_ins=False):
    """Nobody's upstream refused anything; nothing had to be made up."""
    for one in daemons:
        page = one.get("/_dragoman/emulator").json
        assert set(page["counts"]["status"]) == {"200"}, page["counts"]
        assert stand_ins or STAND_IN not in json.dumps(page["requests"])


def count(daemons, name):
    return sum(one.stats()[name] for one in daemons)


@contextlib.contextmanager
def nginx(folder, ports):
    """Round-robin over the gateways."""
    port = free_port()
    conf = pathlib.Path(folder) / "nginx.conf"
    temp = " ".join(f"{name}_temp_path {folder}/{name};" for name in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf.write_text(f"""daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;
events {{}}
http {{ access_log off; {temp} client_max_body_size 20m;
  upstream gateways {{ {"".join(f"server 127.0.0.1:{one};" for one in ports)} }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://gateways; proxy_set_header Host 127.0.0.1; }} }} }}
""")
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(conf), "-e", "stderr"], stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def is_open(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def through(port):
    def ask(body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", wire.CHAT, json.dumps(body), {"content-type": "application/json",
                                                                 "authorization": "Bearer x", **headers})
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer
    return ask


def test_a_hundred_rounds_behind_nginx(server, pair, tmp_path):
    daemons = pair(server.url())
    ready(*daemons)
    with nginx(tmp_path, [one.port for one in daemons]) as port:
        wait_for(lambda: is_open(port))
        for _ in range(10):
            session = Session(through(port))
            session.run(10)
            assert not session.step()
    judge(daemons)
    assert all(one.get("/_dragoman/emulator").json["counts"]["status"]["200"] >= 40 for one in daemons)
    assert count(daemons, "valkey_recalled_total") > 100 and count(daemons, "signatures_kept_total") == 100
    assert count(daemons, "stand_ins_total") == 0


def test_texts_go_along(server, pair):
    daemons = pair(server.url())
    ready(*daemons)
    session = Session(taking_turns(daemons), functions=1)
    for _ in range(3):
        session.run(1)
        assert not session.step()
    judge(daemons)
    assert count(daemons, "text_signatures_recalled_total") == 6  # each turn asks twice: 0, 1 and 2 texts


def test_values_have_an_end(server, pair):
    one, = pair(server.url(), n=1)
    ready(one)
    Session(taking_turns([one])).run(1)
    keys = server.ask("DBSIZE")
    assert int(keys[1:]) >= 1
    name = server.ask("RANDOMKEY")
    assert name.startswith(b"$")
    # All have one: 30 days, as store.max_age is.
    assert server.ask("EVAL", "local n = 0; for _, k in ipairs(redis.call('KEYS', '*')) do "
                      "local t = redis.call('PTTL', k); if t > 0 and t <= 2592000000 then n = n + 1 end end return n",
                      "0") == keys


def test_killed_in_the_middle_and_back(server, pair):
    daemons = pair(server.url())
    ready(*daemons)
    session = Session(taking_turns(daemons), functions=20)
    session.run(4)
    server.kill()
    session.run(4)
    judge(daemons, stand_ins=True)  # what the other one knows is nobody's now, and no request fails of it
    assert count(daemons, "valkey_missed_total") > 0
    assert all("Valkey can not be used" in one.log() for one in daemons)
    server.start()
    for one in daemons:
        wait_for(lambda one=one: one.log().count("Valkey is there") == 2)
    recalled = count(daemons, "valkey_recalled_total")
    again = Session(taking_turns(daemons))
    again.run(4)
    judge(daemons, stand_ins=True)
    assert count(daemons, "valkey_recalled_total") > recalled


def test_a_wrong_password(server, pair):
    daemons = pair(server.url(password="n0t-it"))
    for one in daemons:
        wait_for(lambda one=one: "Valkey can not be used" in one.log())
        assert "n0t-it" not in one.log()
    session = Session(taking_turns(daemons[:1]))
    session.run(3)
    judge(daemons[:1])
    assert "WRONGPASS" in daemons[0].log() and daemons[0].log().count("Valkey can not be used") == 1


@pytest.mark.parametrize("command", ["mget", "set"])
def test_a_user_who_may_not(server, pair, command):
    """A refusal is no word that a value is nowhere: it is counted, and told once."""
    assert server.ask("ACL", "SETUSER", "half", "on", ">pw", "~*", "+@all", f"-{command}") == b"+OK"
    daemons = pair(server.url().replace(f":{QUOTED}", "half:pw"))
    ready(*daemons)
    Session(taking_turns(daemons)).run(4)
    judge(daemons, stand_ins=True)
    assert count(daemons, "valkey_missed_total") > 1
    for one in daemons:
        assert one.log().count("NOPERM") == 1 and "Valkey refuses" in one.log()


class Slow:
    """A server before the real one: what goes to it takes its time."""

    def __init__(self, to, delay_s):
        self.to, self.delay_s, self.sockets = to, delay_s, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.begin(self.accept)

    def begin(self, what, *args):
        threading.Thread(target=what, args=args, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, far = self.listener.accept()[0], socket.create_connection(("127.0.0.1", self.to))
                self.sockets += [near, far]
                self.begin(self.pump, near, far, self.delay_s)
                self.begin(self.pump, far, near, 0)

    def pump(self, source, to, delay_s):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                time.sleep(delay_s)
                to.sendall(data)

    def close(self):
        for one in [self.listener, *self.sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.mark.parametrize("delay_s", [0.02, 0.3])
def test_a_slow_one(server, pair, delay_s):
    """Nobody waits longer than 20 ms for it, nor twice while an answer is overdue."""
    slow = Slow(server.port, delay_s)
    daemons = pair(server.url(port=slow.port))
    ready(*daemons)
    session = Session(taking_turns(daemons))
    begin = time.monotonic()
    session.run(10)
    assert time.monotonic() - begin < 10  # a sanitizer build on a busy machine; seconds for each would be many more
    judge(daemons, stand_ins=True)
    assert count(daemons, "valkey_missed_total") > 0
    slow.close()


@pytest.mark.parametrize("url, why", [
    ("http://127.0.0.1:6379", "must begin with redis:// or rediss://"),
    ("redis://", "has no host"),
    ("redis://:6379", "has no host"),
    ("redis://h:0", "has a port that is none"),
    ("redis://h:99999", "has a port that is none"),
    ("redis://h/one", "has a database that is no number"),
    ("redis://user@h", "has a user without a password"),
    ("redis://:a%zz@h", "has a user or password that can not be read"),
])
def test_an_address_that_is_none(url, why):
    told = subprocess.run([BINARY, "check", "--set", f"store.valkey={url}"], capture_output=True, text=True,
                          env=environment(), check=False)
    assert told.returncode != 0 and why in told.stdout + told.stderr, told
