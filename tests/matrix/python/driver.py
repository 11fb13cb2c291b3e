# SPDX-License-Identifier: Apache-2.0
"""What every Python driver is: cells in on stdin, one JSON line for each on stdout. The judging is done elsewhere."""

import importlib.metadata
import json
import sys
import types
from typing import Literal

import pydantic

ASKED = json.load(sys.stdin)
BASE_URL = ASKED["base_url"]


class Stop(pydantic.BaseModel):
    name: str


class Trip(pydantic.BaseModel):
    """The schema of the "schema" cells."""
    city: str
    days: int = pydantic.Field(ge=1, le=14)
    season: Literal["spring", "autumn"]
    stops: list[Stop] = pydantic.Field(min_length=1)


def content(cell):
    """The user's message in OpenAI's own form."""
    text = {"type": "text", "text": cell.text}
    if cell.image:
        return [text, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + cell.image}}]
    if cell.audio:
        return [text, {"type": "input_audio", "input_audio": {"data": cell.audio, "format": "wav"}}]
    return cell.text


def tools(cell):
    """The tools in OpenAI's own form."""
    return [{"type": "function", "function": {key: tool[key] for key in ("name", "description", "parameters")}}
            for tool in cell.tools]


def result(cell, name):
    return next(tool["result"] for tool in cell.tools if tool["name"] == name)


def loop(cell, answered):
    """Calls and results until there is none left: answered(cell, messages, tools=...) gives a choice of OpenAI's shape."""
    messages, calls = [{"role": "user", "content": cell.text}], []
    while (choice := answered(cell, messages, tools=tools(cell))).message.tool_calls:
        assert choice.finish_reason == "tool_calls", choice
        messages.append(choice.message)
        messages += [{"role": "tool", "tool_call_id": call.id, "content": result(cell, call.function.name)}
                     for call in choice.message.tool_calls]
        calls += [[call.function.name, json.loads(call.function.arguments)] for call in choice.message.tool_calls]
    return {"calls": calls, "text": choice.message.content, "finish": choice.finish_reason}


def drive(**functions):
    """functions: ask(cell), tools(cell), schema(cell), each returning what the client said."""
    print(json.dumps({"versions": {name: importlib.metadata.version(name) for name in ASKED["packages"]}}), flush=True)
    for one in ASKED["cells"]:
        cell = types.SimpleNamespace(**one)
        try:
            said = functions[cell.kind](cell)
        except Exception as error:
            names = " ".join(kind.__name__ for kind in type(error).__mro__[:-2])
            said = {"raised": names, "status": getattr(error, "status_code", None), "message": str(error)[:1000]}
        print(json.dumps({"cell": cell.cell, "stream": cell.stream, **said}), flush=True)
