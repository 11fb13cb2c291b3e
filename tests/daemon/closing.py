# SPDX-License-Identifier: Apache-2.0
"""A server that closes after every answer and never says so: is each request answered, and none twice?

Run as a program it is the long form: python3 tests/daemon/closing.py --requests 10000
"""

import argparse
import asyncio
import collections
import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support_py"))

import wire  # noqa: E402
from dragoman import Daemon  # noqa: E402
from upstream import STREAM_HEAD, LAST_CHUNK, chunk, event, sized, native  # noqa: E402

CLIENTS = 8
LATE_MS = [0, 0.2, 1, 3]  # until it closes: at once, or about when the next request is on its way


class Server:
    """Answers with the number that is asked, then closes."""

    def __init__(self):
        self.answered, self.connections = collections.Counter(), 0

    async def __call__(self, reader, writer):
        late_ms = LATE_MS[self.connections % len(LATE_MS)]
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            body = await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
            asked = json.loads(body)["contents"][-1]["parts"][0]["text"]
            self.answered[asked] += 1
            streamed = STREAM_HEAD + chunk(event("Said ")) + chunk(event(asked, "STOP")) + LAST_CHUNK
            writer.write(streamed if ":streamgeneratecontent" in head.split("\r\n")[0] else sized(native("Said " + asked)))
            await writer.drain()
            await asyncio.sleep(late_ms / 1000)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


async def _answer(reader):
    """The status, and what was said."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    if "transfer-encoding: chunked" in head:
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        chunks = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
        said = "".join(choice["delta"].get("content") or "" for each in chunks for choice in each.get("choices", []))
        return int(head[9:12]), said if b"[DONE]" in body else "cut"
    whole = json.loads(await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0])))
    return int(head[9:12]), whole["choices"][0]["message"]["content"] if "choices" in whole else str(whole)


async def _client(port, numbers, wrong):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for i in numbers:
        writer.write(wire.chat(f"number {i}", stream=i % 2 == 1))
        status, said = await _answer(reader)
        if (status, said) != (200, f"Said number {i}"):
            wrong.append((i, status, said))
    writer.close()


async def run(requests):
    """(what was wrong, the server, the daemon's numbers)"""
    server, wrong, numbers = Server(), [], iter(range(requests))
    listening = await asyncio.start_server(server, "127.0.0.1", 0, backlog=1000)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "dragoman.yaml")
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        file.write_text(json.dumps({"upstreams": {"g": {"kind": "gemini", "base_url": url, "credentials": "none"}}}))
        daemon = Daemon(args=("--config", str(file))).wait_ready()
        await asyncio.gather(*(_client(daemon.port, numbers, wrong) for _ in range(CLIENTS)))
        stats = await asyncio.to_thread(daemon.stats)
        await asyncio.to_thread(daemon.stop)
    listening.close()
    return wrong, server, stats


def good(requests, wrong, server, stats):
    return not wrong and len(server.answered) == requests and set(server.answered.values()) == {1} and stats["calls"] == 0


def main():
    parser = argparse.ArgumentParser(description="Requests to a server that closes after every answer.")
    parser.add_argument("--requests", type=int, default=10_000)
    requests = parser.parse_args().requests
    wrong, server, stats = asyncio.run(run(requests))
    print(f"{requests - len(wrong)} of {requests} answered over {server.connections} connections, "
          f"{stats['replayed_total']} asked again because the connection was gone; wrong: {wrong[:5]}")
    sys.exit(0 if good(requests, wrong, server, stats) else 1)


if __name__ == "__main__":
    main()
