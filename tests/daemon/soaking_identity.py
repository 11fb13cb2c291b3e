# SPDX-License-Identifier: Apache-2.0
"""A day of an hour's tokens at sixty times its speed, with revocations and a token server that is away now and then, under
load: no 401 reaches a client (user-pain H2, H3).

Run as a program it is the long form, 24 minutes: python3 tests/daemon/soaking_identity.py --seconds 1440
"""

import argparse
import dataclasses
import pathlib
import random
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support_py"))

import results  # noqa: E402
import tokens  # noqa: E402
import wire  # noqa: E402
from dragoman import Daemon  # noqa: E402
from upstream import Upstream, configuration  # noqa: E402

SPEED = 60
LIFE_S = 3600 // SPEED  # of a token
AWAY_S = 30 / SPEED  # the token server, at a time
REVOKED_EVERY_S = (2, 20)  # minutes of the day, from and to
AWAY_EVERY_S = (5, 15)
LEAST_A_SECOND = 20  # answers, on any machine


@dataclasses.dataclass
class Soaked:
    statuses: dict  # and "lost", "cut": connections and streams that broke off
    tokens: int  # issued
    revoked: int
    away: int
    refused: int  # by the upstream: what no client saw
    slowest_s: float
    log: str = ""

    def good(self, least):
        """Each request was answered, whole; and there were enough of them."""
        return set(self.statuses) == {200} and self.statuses[200] >= least


class Clients:
    """Each asks all the time on a connection of its own, every other one for a stream."""

    def __init__(self, front, n, every_s):
        self.front, self.every_s, self.ended, self.lock = front, every_s, threading.Event(), threading.Lock()
        self.statuses, self.slowest_s = {}, 0.0
        self.threads = [threading.Thread(target=self._ask, args=(i % 2 == 1,)) for i in range(n)]
        for thread in self.threads:
            thread.start()

    def _ask(self, stream):
        while not self.ended.is_set():
            try:
                with self.front.connect(60) as connection:
                    while not self.ended.wait(self.every_s):
                        began = time.monotonic()
                        connection.send(wire.chat(stream=stream))
                        answer = connection.answer()
                        cut = stream and answer.status == 200 and answer.events[-1] != "[DONE]"
                        self._count("cut" if cut else answer.status, time.monotonic() - began)
            except (OSError, wire.Closed, AssertionError):
                self._count("lost", 0)
                time.sleep(self.every_s)

    def _count(self, what, seconds):
        with self.lock:
            self.statuses[what] = self.statuses.get(what, 0) + 1
            self.slowest_s = max(self.slowest_s, seconds)

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def disturb(issuer, seconds, seed):
    """Revokes all tokens, and takes the token server away, at random; never both at once. Returns how often each."""
    dice, end = random.Random(seed), time.monotonic() + seconds
    revoke_at, away_at = time.monotonic() + dice.uniform(*REVOKED_EVERY_S), time.monotonic() + dice.uniform(*AWAY_EVERY_S)
    revoked = away = 0
    while time.monotonic() < end:
        time.sleep(0.05)
        now = time.monotonic()
        if now >= away_at:
            issuer.down = True
            time.sleep(AWAY_S)
            issuer.down = False
            away += 1
            away_at = time.monotonic() + dice.uniform(*AWAY_EVERY_S)
        elif now >= revoke_at:
            issuer.revoke()
            revoked += 1
            revoke_at = now + dice.uniform(*REVOKED_EVERY_S)
    return revoked, away


def soak(seconds, clients=8, every_s=0.02, workers=2, seed=1):
    with tempfile.TemporaryDirectory(prefix="dragoman-soak-") as name:
        folder = pathlib.Path(name)
        issuer = tokens.Issuer(life=LIFE_S)
        upstream = Upstream(tokens.guarded(issuer))
        config = configuration(folder, upstream.url, credentials={"file": str(tokens.user(folder, issuer.url))}, project="p",
                               locations=["us-central1"])
        front = Daemon(args=("--config", str(config)), workers=workers).wait_ready()
        try:
            asking = Clients(front, clients, every_s)
            revoked, away = disturb(issuer, seconds, seed)
            asking.end()
            found = Soaked(asking.statuses, issuer.issued, revoked, away, getattr(upstream, "refused", 0), asking.slowest_s, front.log())
        finally:
            front.stop()
        upstream.close()
        issuer.close()
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=24 * 3600 / SPEED)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = soak(options.seconds, options.clients, seed=options.seed)
    told = {k: v for k, v in dataclasses.asdict(found).items() if k != "log"}
    results.append("soak-identity", f"make soak-identity SOAK_IDENTITY_SECONDS={options.seconds:g}", told)
    return 0 if found.good(least=options.seconds * LEAST_A_SECOND) else 1


if __name__ == "__main__":
    sys.exit(main())
