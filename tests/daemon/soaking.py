# SPDX-License-Identifier: Apache-2.0
"""Many streams at once through an upstream over the network, with slow, dead and leaving clients; each checks its own text.

Run as a program it is the long form: python3 tests/daemon/soaking.py --streams 2000 --seconds 600
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support_py"))

import results  # noqa: E402
import upstream  # noqa: E402
import wire  # noqa: E402
from chunks import check_chunks, check_completion  # noqa: E402
from dragoman import Daemon  # noqa: E402

# What each client does; a stream's number chooses. Those that do not read to the end are checked as far as they came.
READS, SLOW, HALF, FIN, RST, DEAD, CUT, SILENT = "reads", "slow", "half", "fin", "rst", "dead", "cut", "silent"
USUAL = [READS] * 12 + [SLOW, SLOW, HALF, FIN, RST, DEAD, CUT, SILENT]
SLOW_BYTES, SLOW_S = 4096, 0.1  # what a slow client takes at a time, and its rest before the next
LARGE = 24000  # characters of a piece where the client does not keep up: more than sockets and gateway hold
KEPT_S = 1  # the upstream closes a connection that is idle for so long
ONE_S = 120  # longer than any stream should take, on a machine that has others to serve
SETTINGS = ("limits.connections=20000", "limits.upstream_connections=20000", "timeouts.idle=10s", "timeouts.comment=2s",
            "log.level=error")


def piece(number, i, size):
    """What stream `number` says at its turn `i`: no other stream says it at any."""
    said = f"<{number}.{i}>"
    return (said * (size // len(said) + 1))[:max(size, len(said))]


def text(ask):
    return "".join(piece(ask["number"], i, ask["size"]) for i in range(ask["pieces"]))


# --- The upstream ---------------------------------------------------------------------------------


class Peer(asyncio.Protocol):
    """Answers as the request's own text asks: {"number", "pieces", "every_ms", "size", "end"}."""

    def connection_made(self, transport):
        self.transport, self.kept, self.paused, self.timer = transport, b"", False, None
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, error):
        if self.timer:
            self.timer.cancel()

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False

    def data_received(self, data):
        self.kept += data
        head, found, body = self.kept.partition(b"\r\n\r\n")
        if not found:
            return
        request = upstream.Request(head, b"")
        size = int(request.headers["content-length"])
        if len(body) < size:
            return
        if self.timer:
            self.timer.cancel()
        self.kept = body[size:]
        self.ask, self.i = json.loads(json.loads(body[:size])["contents"][-1]["parts"][0]["text"]), 0
        if request.streams:
            self.transport.write(upstream.STREAM_HEAD)
            self._later()
        else:
            self.timer = asyncio.get_running_loop().call_later(self.ask["pieces"] * self.ask["every_ms"] / 1000, self._whole)

    def _later(self):
        self.timer = asyncio.get_running_loop().call_later(self.ask["every_ms"] / 1000, self._turn)

    def _whole(self):
        self.transport.write(upstream.sized(upstream.native(text(self.ask))))
        self._keep()

    def _end(self):
        self.transport.write(upstream.LAST_CHUNK)
        self._keep()

    def _keep(self):
        self.timer = asyncio.get_running_loop().call_later(KEPT_S, self.transport.close)

    def _turn(self):
        ask = self.ask
        if not self.paused:
            last = self.i + 1 == ask["pieces"]
            said = piece(ask["number"], self.i, ask["size"])
            self.transport.write(upstream.chunk(upstream.event(said, "STOP" if last and ask["end"] == "stop" else None)))
            self.i += 1
            if last:
                {"stop": self._end, "cut": self.transport.abort, "silence": lambda: None}[ask["end"]]()
                return
        self._later()


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Peer, "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Upstream:
    """That server in a process of its own, so that it can be killed; `port` stays."""

    def __init__(self):
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", str(self.port)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


# --- The clients ----------------------------------------------------------------------------------


@dataclasses.dataclass
class Seen:
    """What came of one stream."""
    began: float
    ended: float = 0
    model: str = ""
    kind: str = READS
    whole: bool = False  # all of its text arrived, and that it ended well
    honest: bool = False  # it was told that it did not
    wrong: str = ""


class Clients:
    """Keeps `at_once` streams open until `stop`; what came of each is in `seen`."""

    def __init__(self, port, kinds, models=("a",), pieces=12, every_ms=400):
        self.port, self.kinds, self.models, self.pieces, self.every_ms = port, kinds, models, pieces, every_ms
        self.seen, self.begun, self.open, self.events, self.ending = [], 0, 0, 0, False

    async def run(self, at_once, seconds):
        self.ending = False
        end = time.monotonic() + seconds
        workers = [asyncio.create_task(self._worker(i / at_once * min(2, seconds / 4), end)) for i in range(at_once)]
        await asyncio.gather(*workers)

    async def _worker(self, delay, end):
        await asyncio.sleep(delay)
        while time.monotonic() < end and not self.ending:
            number, self.begun = self.begun, self.begun + 1
            seen = Seen(time.monotonic(), model=self.models[number % len(self.models)],
                        kind=self.kinds[number // len(self.models) % len(self.kinds)])
            self.open += 1
            try:
                await asyncio.wait_for(self._stream(number, seen), ONE_S)
            except TimeoutError:
                seen.wrong = "it never ended"
            except (OSError, asyncio.IncompleteReadError) as error:
                seen.wrong = f"the connection ended without a word: {error!r}"
            except AssertionError as error:
                seen.wrong = f"{error}"[:500] or "an assertion"
            self.open -= 1
            seen.ended = time.monotonic()
            self.seen.append(seen)

    async def _stream(self, number, seen):
        ends = {CUT: "cut", SILENT: "silence"}.get(seen.kind, "stop")
        slow = seen.kind in (SLOW, DEAD)
        ask = {"number": number, "pieces": self.pieces, "every_ms": self.every_ms, "size": LARGE if slow else 40, "end": ends}
        streams = seen.kind != "whole"
        connection = socket.socket()
        connection.setblocking(False)
        if slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=connection, limit=SLOW_BYTES if slow else 1 << 16)
        try:
            more = {"stream": True, "stream_options": {"include_usage": True}} if streams else {}
            writer.write(wire.request("POST", wire.CHAT, wire.body(json.dumps(ask), **{"model": f"google/{seen.model}", **more})))
            if seen.kind == HALF:
                writer.write_eof()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            if not streams or not head.startswith("http/1.1 200"):
                size = int(head.partition("content-length: ")[2].split("\r\n")[0])
                self._judge_whole(head, await reader.readexactly(size), ask, seen)
            else:
                await self._read(reader, writer, ask, seen)
        finally:
            writer.transport.abort() if seen.kind == RST else writer.close()

    def _judge_whole(self, head, body, ask, seen):
        status, found = int(head.split(" ")[1]), json.loads(body)
        if status == 200:
            said = check_completion(found, f"google/{seen.model}")
            assert said.texts == [text(ask)], "not its own text"
            seen.whole = True
            return
        assert status in (502, 503, 504) and found["error"]["code"], (status, body)
        seen.honest = True

    async def _read(self, reader, writer, ask, seen):
        chunks, said, done, error, rest = [], 0, False, None, b""
        wanted = text(ask)
        leaves_at = {FIN: 3, RST: 5, DEAD: 2}.get(seen.kind)
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            data = (await self._slowly(reader, size) if seen.kind == SLOW else await reader.readexactly(size))
            await reader.readexactly(2)
            if size == 0:
                break
            rest += data
            *events, rest = rest.split(b"\n\n")
            for event in events:
                if event.startswith(b":"):
                    continue
                assert event.startswith(b"data: ") and not done and error is None, event[:200]
                self.events += 1
                if event == b"data: [DONE]":
                    done = True
                    continue
                found = json.loads(event[6:])
                error = found.get("error")
                if error is not None:
                    continue
                for choice in found["choices"]:
                    content = choice["delta"].get("content") or ""
                    assert wanted.startswith(content, said), f"not its own text at {said}: {content[:100]!r}"
                    said += len(content)
                chunks.append(found)
            if leaves_at and len(chunks) >= leaves_at:
                if seen.kind == DEAD:
                    await asyncio.sleep(self.pieces * self.every_ms / 1000)
                return
        assert rest == b"", rest
        if done:
            assert error is None and ask["end"] == "stop", "it ended well, which it did not"
            said_all = check_chunks(chunks, f"google/{seen.model}", usage=True)
            assert said_all.texts == [wanted] and said_all.finishes == ["stop"], "a text that ended early"
            seen.whole = True
        else:
            assert error and error["code"], "no word of how it ended"
            assert not any(choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]), "finished, and an error"
            seen.honest = True

    @staticmethod
    async def _slowly(reader, size):
        data = b""
        while len(data) < size:
            data += await reader.readexactly(min(SLOW_BYTES, size - len(data)))
            await asyncio.sleep(SLOW_S)
        return data

    def bad(self):
        """What went otherwise than it had to, where nothing was killed."""
        ends = {CUT: "honest", SILENT: "honest", FIN: None, RST: None, DEAD: None}
        return [seen for seen in self.seen if seen.wrong or not getattr(seen, ends.get(seen.kind, "whole") or "began")]


# --- The soak -------------------------------------------------------------------------------------


@dataclasses.dataclass
class Soaked:
    at_once: int
    seconds: float
    streams: int
    whole: int
    honest: int  # cut or silent upstreams, told so
    left: int
    bad: int
    events: int
    most_open: int  # as the daemon counted
    rss_before_kib: int
    rss_after_kib: int
    rss_most_kib: list  # in each quarter
    held_most_bytes: int
    stats_before: dict
    stats_after: dict
    files_before: int
    files_after: int
    settled_s: float


@contextlib.contextmanager
def gateway(ports, *settings, **options):
    """A Dragoman with an upstream for each model: ports {"a": 1234}."""
    upstreams = {name: {"kind": "vertex", "base_url": f"http://127.0.0.1:{port}", "credentials": "none"}
                 for name, port in ports.items()}
    models = [{"match": f"google/{name}", "upstream": name} for name in ports]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"upstreams": upstreams, "models": models}, file)
        file.flush()
        daemon = Daemon(*SETTINGS, *settings, args=("--config", file.name), **options).wait_ready()
        try:
            yield daemon
        except BaseException:
            daemon.kill()
            raise
        daemon.stop()


def _open(stats):
    return {key: stats[key] for key in ("connections", "exchanges", "calls", "streams", "held_bytes")}


async def _idle(daemon, seconds=30):
    """Waits until nothing is open but the connection that asks; the seconds that took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if _open(daemon.stats())["exchanges"] <= 1 and daemon.stats()["upstream_connections"] == 0:
            break
        await asyncio.sleep(0.2)
    return time.monotonic() - began


async def _watch(daemon, samples):
    while True:
        stats = await asyncio.to_thread(daemon.stats)
        samples.append((stats["streams"], stats["held_bytes"], daemon.rss_kib()))
        await asyncio.sleep(1)


async def soak(daemon, at_once, seconds, warm_s, **how):
    """`warm_s` of the same load come before: arenas, pools and the C library's heap get their size by it."""
    await Clients(daemon.port, USUAL, **how).run(at_once, warm_s)
    await _idle(daemon)
    before, rss, files, samples = daemon.stats(), daemon.rss_kib(), daemon.open_files(), []
    clients = Clients(daemon.port, USUAL, **how)
    watch = asyncio.create_task(_watch(daemon, samples))
    began = time.monotonic()
    await clients.run(at_once, seconds)
    took = time.monotonic() - began
    watch.cancel()
    settled = await _idle(daemon)
    after, bad = daemon.stats(), clients.bad()
    for seen in bad[:10]:
        print(f"{seen.kind}: {seen}", file=sys.stderr)
    quarter = max(1, len(samples) // 4)
    return Soaked(at_once, round(took, 1), len(clients.seen), sum(seen.whole for seen in clients.seen),
                  sum(seen.honest for seen in clients.seen), sum(seen.kind in (FIN, RST, DEAD) for seen in clients.seen),
                  len(bad), clients.events, max(sample[0] for sample in samples), rss, daemon.rss_kib(),
                  [max(sample[2] for sample in samples[i:i + quarter]) for i in range(0, quarter * 4, quarter)
                   if samples[i:i + quarter]],
                  max(sample[1] for sample in samples), _open(before), _open(after), files, daemon.open_files(),
                  round(settled, 2))


def good(soaked, grown_kib):
    return (soaked.bad == 0 and soaked.stats_before == soaked.stats_after and soaked.files_before == soaked.files_after and
            soaked.rss_after_kib - soaked.rss_before_kib < grown_kib)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=2000, help="at once")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results/soak.jsonl")
    parser.add_argument("--serve", type=int, metavar="PORT", help="be the upstream")
    args = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if args.serve is not None:
        return asyncio.run(serve(args.serve))

    server = Upstream()
    try:
        with gateway({"a": server.port}) as daemon:
            soaked = asyncio.run(soak(daemon, args.streams, args.seconds, max(10, args.seconds / 10), pieces=24, every_ms=500))
    finally:
        server.kill()
    results.append("soak", f"make soak STREAMS={args.streams} SOAK_SECONDS={args.seconds:g}", dataclasses.asdict(soaked), args.out)
    fine = good(soaked, grown_kib=1024 + args.streams * 2)
    print(f"{soaked.streams} streams, {soaked.at_once} at once, {soaked.bad} bad: memory {soaked.rss_before_kib} -> "
          f"{soaked.rss_after_kib} KiB, {'as it was' if fine else 'NOT as it was'}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
