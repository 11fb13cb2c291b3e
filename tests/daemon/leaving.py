# SPDX-License-Identifier: Apache-2.0
"""Many requests with every tenth client gone in mid-stream: what is left in the daemon afterwards.

Run as a program it is the long form: python3 tests/daemon/leaving.py --requests 10000 [--out bench/results/memory.jsonl]
"""

import argparse
import dataclasses
import pathlib
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support_py"))

import results  # noqa: E402
import wire  # noqa: E402
from dragoman import Daemon  # noqa: E402

CLIENTS = 8
PACE = (1, 2)  # ms: an answer takes long enough to be left in its midst
WARM = 400  # requests until arenas, pools and the C library's heap have the size that the load gives them


@dataclasses.dataclass
class Left:
    requests: int
    gone: int
    wrong: int
    left_total: int  # as the daemon counts them: gone before their answer's end
    rss_before_kib: int
    rss_after_kib: int
    settled_s: float
    stats_before: dict
    stats_after: dict
    files_before: int
    files_after: int


def measure(daemon, requests):
    _run(daemon, WARM)
    _settle(daemon, daemon.stats())
    idle, rss, files = daemon.stats(), daemon.rss_kib(), daemon.open_files()
    gone, wrong = _run(daemon, requests)
    settled = _settle(daemon, idle)
    after = daemon.stats()
    return Left(requests, gone, wrong, after["left_total"] - idle["left_total"], rss, daemon.rss_kib(),
                round(settled, 3), _open(idle), _open(after), files, daemon.open_files())


def _open(stats):
    return {key: stats[key] for key in ("connections", "exchanges", "calls", "streams", "held_bytes")}


def _settle(daemon, idle):
    began = time.monotonic()
    while _open(daemon.stats()) != _open(idle) and time.monotonic() - began < 5:
        time.sleep(0.01)
    return time.monotonic() - began


def _run(daemon, requests):
    """CLIENTS threads; each request whose number ends in 7 is left after its first event. Returns (gone, wrong)."""
    numbers, lock, counts = iter(range(requests)), threading.Lock(), [0, 0]

    def client():
        connection = None
        while True:
            with lock:
                i = next(numbers, None)
            if i is None:
                break
            connection = connection or daemon.connect(30)
            leaves = i % 10 == 7
            connection.send(wire.chat(f"Question {i}?", stream=i % 2 == 1, max_tokens=None if leaves else 20))
            if leaves:
                connection.head()
                connection.chunk()
                connection.reset() if i % 20 == 7 else connection.socket.close()
                connection = None
                with lock:
                    counts[0] += 1
            elif connection.answer().status != 200:
                with lock:
                    counts[1] += 1
        if connection:
            connection.socket.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def main():
    parser = argparse.ArgumentParser(description="What many requests, every tenth client gone in mid-stream, leave behind.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results/memory.jsonl")
    args = parser.parse_args()
    daemon = Daemon(pace=PACE).wait_ready()
    left = measure(daemon, args.requests)
    daemon.stop()
    results.append("memory", "make soak", dataclasses.asdict(left), args.out)
    grown = left.rss_after_kib - left.rss_before_kib
    good = (left.wrong == 0 and left.left_total == left.gone and left.stats_before == left.stats_after and left.files_before == left.files_after
            and grown < 1024)
    print(f"{left.requests} requests, {left.gone} gone in mid-stream: memory {left.rss_before_kib} -> "
          f"{left.rss_after_kib} KiB, {'as it was' if good else 'NOT as it was'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
