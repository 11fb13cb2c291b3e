# SPDX-License-Identifier: Apache-2.0
"""The columns: what is asked in every cell, and what has to come of it, whoever asks."""

import base64
import dataclasses
import io
import struct
import wave
import zlib

THINKS = "google/gemini-2.5-flash"
SIGNS = "google/gemini-3-flash-preview"  # wants the signatures of its calls back, which most clients lose

RETRIES = 1  # how often a client may try again, said in its own way


def png(width, height):
    """A sound PNG of one grey."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def wav(seconds, rate=8000):
    """A sound WAV of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\0\0" * int(seconds * rate))
    return out.getvalue()


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
TOOLS = [
    {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY, "result": "18 degrees, light rain"},
    {"name": "get_time", "description": "The local time in a city.", "parameters": CITY, "result": "half past four"},
]

STEPS = [{"name": f"step_{letter}", "description": "A step of the work, in a city.", "parameters": CITY,
          "result": f"step {letter} is done"} for letter in "abcdefghij"]


# ---- what has to come of it: of what the client said, and of the exchanges that went by ------------------------

BLOCKED = "The prompt was blocked"
BROKEN = "broke off before the answer was complete"


def heard(*words):
    def judge(said, exchanges):
        assert all(word in said["text"] for word in words), said["text"]
        assert said["finish"] == "stop"
        assert [exchange.status for exchange in exchanges] == [200]
    return judge


def called_and_told(said, exchanges):
    calls = {name: arguments for name, arguments in said["calls"]}
    assert len(said["calls"]) == 2 and set(calls) == {tool["name"] for tool in TOOLS}, said["calls"]
    assert all(arguments == {"city": "Paris"} for arguments in calls.values()), calls
    assert all(tool["result"] in said["text"] for tool in TOOLS), said["text"]
    assert said["finish"] == "stop"
    assert len(exchanges) == 2, "one round that calls, one that tells"
    history = exchanges[1].request["messages"]
    asked = [call["id"] for message in history for call in message.get("tool_calls") or []]
    assert asked == [message["tool_call_id"] for message in history if message["role"] == "tool"], "the ids came back"


def went_on(said, exchanges):
    """Ten calls one after the other, each with its signature back, which Gemini 3 refuses to go on without."""
    assert sorted(name for name, _ in said["calls"]) == sorted(tool["name"] for tool in STEPS), said["calls"]
    assert [exchange.status for exchange in exchanges] == [200] * 11
    assert said["finish"] == "stop"


def planned(said, exchanges):
    assert [exchange.request["response_format"]["type"] for exchange in exchanges] == ["json_schema"], "as a schema"
    trip = said["parsed"]
    assert isinstance(trip["city"], str) and 1 <= trip["days"] <= 14 and trip["season"] in ("spring", "autumn"), trip
    assert trip["stops"] and all(isinstance(stop["name"], str) for stop in trip["stops"]), trip


def heard_late(said, exchanges):
    """The model thinks for a while: comments keep the stream alive, and nobody takes them for anything else (user-pain F3)."""
    heard("Here I am.")(said, exchanges)
    assert said["text"] == "Here I am.", said
    assert not exchanges[0].streams or exchanges[0].answer.count(b": still waiting") >= 2, exchanges[0].answer


def blocked(said, exchanges):
    """Told by the finish_reason, or as the client's error for it; at most the refusal's own words are taken for an answer."""
    told = said.get("finish") or said["raised"].split()[0]
    assert told.lower().replace("-", "").replace("_", "").startswith("contentfilter"), said
    assert not said.get("text") or said["text"].startswith(BLOCKED), said
    assert [exchange.status for exchange in exchanges] == [200]
    assert BLOCKED in exchanges[0].answer.decode()


def waited(said, exchanges):
    assert "text" in said, said
    assert "sky" in said["text"] and said["finish"] == "stop", said
    first, second = exchanges
    assert (first.status, second.status) == (429, 200)
    assert second.began - first.ended >= 0.99, f"asked again after {second.began - first.ended:.2f} s, and was told 1 s"


def gave_up(said, exchanges):
    assert said.get("status") == 429, said
    assert "exceeded your current quota" in said["message"], said
    assert [exchange.status for exchange in exchanges] == [429], "asked again for nothing"


def broke(said, exchanges):
    """A whole answer that broke off is a 502, which may be asked for once more. A stream has begun: it must not be."""
    assert BROKEN in said.get("message", ""), said
    if exchanges[0].streams:
        (only,) = exchanges
        *pieces, last = only.events
        assert pieces and BROKEN in last, "pieces, then the error, and no [DONE]"
    else:
        assert {exchange.status for exchange in exchanges} == {502} and len(exchanges) <= 1 + RETRIES


# ---- the cells -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """kind: of the driver's functions, the one that is asked: "ask", "tools" or "schema". fault: of a stream and, where a
    second one stands, of a whole answer."""
    name: str
    title: str
    judge: object
    kind: str = "ask"
    model: str = THINKS
    text: str = "Why is the sky blue?"
    image: bytes = b""
    audio: bytes = b""
    emulate: str = ""
    fault: tuple = ()
    tools: tuple = tuple(TOOLS)

    def headers(self, client, stream, number):
        headers = {"x-matrix-cell": label(client, self, stream)}
        if self.emulate:
            headers["x-dragoman-emulate"] = self.emulate
        if self.fault:
            # Requests with the very same text are counted together: a fault that never happens makes each cell's its own.
            headers["x-dragoman-fault"] = f"{self.fault[0 if stream else -1]}; 503={number}*0"
        return headers


ALL = (
    Cell("plain", "plain", heard("Sunlight", "(An emulated answer: no model was asked.)")),
    Cell("tools", "tools", called_and_told, kind="tools", model=SIGNS,
         text="What are the weather and the time in Paris? Ask for both at once."),
    Cell("session", "ten rounds", went_on, kind="tools", model=SIGNS, text="Do all steps in Paris.", emulate="tools",
         tools=tuple(STEPS)),
    Cell("schema", "schema", planned, kind="schema", text="Plan a trip to Rome."),
    Cell("image", "image", heard("image/png of 64 x 48 pixels"), text="What is in this picture?", image=png(64, 48)),
    Cell("audio", "audio", heard("audio/wav of 1.5 seconds"), text="What is said here?", audio=wav(1.5)),
    Cell("silence", "silence", heard_late, text="Take your time."),
    Cell("blocked", "blocked", blocked, emulate="blocked"),
    Cell("retried", "429, a second", waited, fault=("429-retry=1*1",)),
    Cell("refused", "429, the day", gave_up, fault=("429-day",)),
    Cell("broken", "broken off", broke, fault=("cut-event=2", "cut-byte=100")),
)
MODES = (False, True)  # stream


def label(client, cell, stream):
    return f"{client.name}/{cell.name}/{'stream' if stream else 'whole'}"


def asked_of(client, number):
    """What the driver of the client with this number gets: all cells, as plain data."""
    return [{"cell": cell.name, "kind": cell.kind, "stream": stream, "model": cell.model, "text": cell.text,
             "headers": cell.headers(client, stream, 100 * number + 2 * i + stream), "retries": RETRIES,
             "image": base64.b64encode(cell.image).decode(), "audio": base64.b64encode(cell.audio).decode(), "tools": cell.tools}
            for i, cell in enumerate(ALL) for stream in MODES]
