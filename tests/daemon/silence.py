# SPDX-License-Identifier: Apache-2.0
"""An upstream that says nothing for three minutes, before its first byte or in mid-stream, and then answers: no client may be lost (F3).

Run as a program it is the long form, at full length and with the settings as they are unless set: python3 tests/daemon/silence.py
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support_py"))

import upstream  # noqa: E402
import wire  # noqa: E402
from dragoman import Daemon  # noqa: E402

SILENT_S, COMMENT_S = 180, 15  # of the pain, and timeouts.comment unless it is set
PLACES = ("before its first byte", "before its first event", "in mid-stream")
TEXT = "Hello there."


@dataclasses.dataclass
class Seen:
    """What a client saw of one answer."""

    status: int
    first_s: float  # until the head was there
    gap_s: float  # the longest time without a byte
    comments: int
    text: str
    done: bool


def silent(place, seconds):
    """A server that is silent there, and whole else."""
    first, last = upstream.chunk(upstream.event("Hello ")), upstream.chunk(upstream.event("there.", "STOP")) + upstream.LAST_CHUNK
    says = [upstream.STREAM_HEAD, first, last] if place == PLACES[2] else [upstream.STREAM_HEAD, first + last]

    def behave(peer):
        peer.socket.settimeout(seconds + 20)
        while peer.request():
            for at, piece in enumerate(says):
                if at == PLACES.index(place):
                    time.sleep(seconds)
                peer.send(piece)
    return behave


def watch(daemon, within_s):
    """Asks for a stream and notes when what came."""
    with wire.Connection(daemon.port, timeout=within_s) as client:
        client.send(wire.chat(model=upstream.MODEL, stream=True))
        at = began = time.monotonic()
        head, body, gap, first = client.head(), b"", 0.0, time.monotonic() - began
        while piece := client.chunk():
            now = time.monotonic()
            gap, at, body = max(gap, now - at), now, body + piece
    events = [event for event in wire.events(body) if event != "[DONE]"]
    choices = [choice for event in events for choice in json.loads(event).get("choices", [])]  # an error has none
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    return Seen(head.status, first, gap, body.count(b"\n: ") + body.startswith(b": "), text, b"data: [DONE]" in body)


def run(place, scale=1.0, settings=()):
    """One silence, with all times shortened by `scale`."""
    server = upstream.Upstream(silent(place, SILENT_S * scale))
    with tempfile.TemporaryDirectory() as folder:
        file = upstream.configuration(pathlib.Path(folder), server.url)
        daemon = Daemon(*settings, args=("--config", str(file))).wait_ready()
        try:
            return watch(daemon, SILENT_S * scale + 60)
        finally:
            daemon.stop()
            server.close()


def fault(seen, scale=1.0, late_s=5.0):
    """What is wrong with it; None: nothing. late_s: how late a busy machine may be."""
    comments = int(SILENT_S / COMMENT_S)
    if (seen.status, seen.text, seen.done) != (200, TEXT, True):
        return f"the client was lost: {seen}"
    if seen.gap_s > COMMENT_S * scale + late_s or seen.first_s > COMMENT_S * scale + late_s:
        return f"it heard nothing for too long: {seen}"
    # The last may meet the answer; where the machine is late there are fewer.
    if not comments // 2 <= seen.comments <= comments:
        return f"not {comments} comments: {seen}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="1 is three minutes")
    scale = parser.parse_args().scale
    found = {}

    def one(place):
        # An answer that has begun may be silent for timeouts.idle, which is two minutes unless it is set.
        settings = ["timeouts.idle=10m"] if place == PLACES[2] else []
        if scale != 1:
            settings.append(f"timeouts.comment={int(COMMENT_S * scale * 1000)}ms")
        found[place] = run(place, scale, settings)

    threads = [threading.Thread(target=one, args=(place,)) for place in PLACES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place in PLACES:
        trouble = "it ended in an exception" if place not in found else fault(found[place], scale)
        print(f"silent {place}: {trouble or found[place]}")
    return any(place not in found or fault(found[place], scale) for place in PLACES)


if __name__ == "__main__":
    sys.exit(main())
