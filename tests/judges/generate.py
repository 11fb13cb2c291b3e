# SPDX-License-Identifier: Apache-2.0
"""Makes requests out of seeds: the same seed makes the same request on every machine.

A Case says in `odd` where it is odd on purpose: places (`tools[0]`, `temperature`) that the translator may refuse. A
refusal of any other place is a defect, and so is any refusal of the emulator's.
"""

import base64
import dataclasses
import json

from schema_maker import broken_schema, schema
from seeded import json_object, source, value

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    generation: int  # ten times the version
    candidates: int = 8
    thinks: str = ""  # "", "budget" or "level"
    budget_min: int = 128
    levels: tuple = ()


MODELS = (
    Model("gemini-2.0-flash-001", 20),
    Model("gemini-2.0-flash", 20),
    Model("gemini-2.5-flash", 25, thinks="budget"),
    Model("gemini-2.5-flash-lite", 25, thinks="budget", budget_min=512),
    Model("gemini-2.5-pro", 25, thinks="budget"),
    Model("gemini-3-flash-preview", 30, thinks="level", levels=("MINIMAL", "LOW", "MEDIUM", "HIGH")),
    Model("gemini-3.1-pro-preview", 31, thinks="level", levels=("LOW", "MEDIUM", "HIGH")),
    Model("gemini-3.5-flash", 35, thinks="level", levels=("LOW", "MEDIUM", "HIGH")),
    Model("gemini-3.8-flash", 38, candidates=1, thinks="level", levels=("LOW", "MEDIUM", "HIGH")),
)
SUBSET_MODEL, JSON_SCHEMA_MODELS = MODELS[0], (MODELS[2], MODELS[5])


@dataclasses.dataclass
class Case:
    body: dict
    surface: str = "vertex"
    odd: set = dataclasses.field(default_factory=set)
    name: str = ""
    tail: list = dataclasses.field(default_factory=list)  # messages of one more turn

    def line(self):
        return f"{self.surface} global {json.dumps(self.body)}"

    def forgives(self, param):
        """Whether a refusal with this `param` is one that the case was made for."""
        return any((param or "").startswith(place) for place in self.odd)


# --- Tools ----------------------------------------------------------------------------------------------------


def tool_name(rng):
    if rng.maybe(0.7):
        return rng.word()
    return rng.choice(["mcp.server/read-file", "1st", "a" * 90, "mit leer", "große_straße", "a:b", "-x", "a.b.c", "東京", "x/y"]) + rng.word()


def tools(rng, odd, place="tools"):
    found = {}
    for number in range(rng.randint(1, 5)):
        name = tool_name(rng)
        function = {"name": name}
        if rng.maybe(0.8):
            function["description"] = rng.text()
        kind = rng.randrange(12)
        if kind == 0:
            function["parameters"] = rng.choice([{}, None, {"type": "object"}, {"type": "object", "properties": {}}])
        elif kind != 1:
            function["parameters"] = schema(rng)
        if rng.maybe(0.2):
            function["strict"] = rng.choice([True, False, None])
        found[name] = function
    if rng.maybe(0.02):
        next(iter(found.values()))["parameters"] = broken_schema(rng)
        odd.add(f"{place}[0]")
    return list(found.values())


def tool_choice(rng, names, odd):
    named = {"type": "function", "function": {"name": rng.choice(names)}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": rng.choice(["auto", "required"]), "tools": [named]}}
    if rng.maybe(0.05):
        odd.add("tool_choice")
        return rng.choice([5, "perhaps", {"type": "custom", "custom": {"name": "x"}}, {"type": "function"},
                           {"type": "function", "function": {"name": "not_there"}}])
    return rng.choice(["none", "auto", "required", "validated", named, allowed, None])


# --- Messages -------------------------------------------------------------------------------------------------


def media(rng):
    """A part that is no text; all of its MIME types can be known."""
    data = rng.choice([f"data:image/png;base64,{PIXEL}", "gs://bucket/a.png", "https://example.com/a.jpg?x=1", "gs://bucket/noext"])
    detail = rng.choice([{}, {}, {"detail": "low"}, {"detail": "high"}, {"detail": "auto"}])
    return rng.choice([
        {"type": "image_url", "image_url": {"url": data} | detail},
        {"type": "image_url", "image_url": data},
        {"type": "image_url", "image_url": {"url": f"data:application/pdf;base64,{PIXEL}"}},
        {"type": "input_audio", "input_audio": {"data": PIXEL, "format": rng.choice(["wav", "mp3", "audio/ogg", "video/mp4"])}},
        {"type": "input_audio", "input_audio": {"data": "gs://bucket/a.mp3", "format": "audio/mp3"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PIXEL}", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": PIXEL, "filename": "notes.txt"}},
    ])


def content(rng, parts_too=True, media_too=False):
    kind = rng.randrange(10)
    if kind == 0:
        return None
    if kind == 1:
        return rng.choice(["", [], [{"type": "text", "text": ""}]])
    if kind <= 6 or not parts_too:
        return rng.text()
    parts = [{"type": "text", "text": rng.text()} for _ in range(rng.randint(1, 3))]
    if media_too and rng.maybe(0.5):
        parts.insert(rng.randrange(len(parts) + 1), media(rng))
    return parts


def arguments(rng):
    if rng.maybe(0.85):
        return json.dumps(json_object(rng))
    return rng.choice(["", "null", "{", '{"a":1}{"b":2}', "[]", "12", "   ", '{"a":"\\ud800"}', "not json"])


def call(rng, number, names):
    return {"id": f"call_{number}", "type": "function", "function": {"name": rng.choice(names), "arguments": arguments(rng)}}


def result(rng, call_id, name=None):
    text = rng.choice([rng.text(), json.dumps(value(rng)), json.dumps(json_object(rng)), "", '{"error":"no"}'])
    message = {"role": "tool", "tool_call_id": call_id, "content": text if rng.maybe(0.9) else [{"type": "text", "text": text}]}
    if name and rng.maybe(0.3):
        message["name"] = name
    return message


def step(rng, counter, names):
    """An assistant's calls and all of their results, the latter perhaps in another order."""
    calls = [call(rng, next(counter), names) for _ in range(rng.randint(1, 4))]
    results = [result(rng, one["id"], one["function"]["name"]) for one in calls]
    if rng.maybe(0.4):
        rng.shuffle(results)
    return [{"role": "assistant", "content": rng.choice([None, "", rng.text()]), "tool_calls": calls}, *results]


def count():
    number = 0
    while True:
        number += 1
        yield number


NAMES = ("get_weather", "read-file", "a.b", "mcp.server/x", "find")


def transcript(rng, turns=None):
    """A history without a fault: whole turns, each with tool steps in it or without."""
    counter, messages = count(), []
    if rng.maybe(0.5):
        messages.append({"role": rng.choice(["system", "developer"]), "content": "Be " + rng.word()})
    for _ in range(turns or rng.randint(1, 4)):
        messages.append({"role": "user", "content": "Ask " + rng.text()})
        for _ in range(rng.randrange(3)):
            messages += step(rng, counter, NAMES)
        messages.append({"role": "assistant", "content": "Say " + rng.text()})
    messages.append({"role": "user", "content": "Ask " + rng.text()})
    for _ in range(rng.randrange(3)):
        messages += step(rng, counter, NAMES)
    return messages


def pruned(rng):
    """A transcript from which something was lost: messages, calls, results, what a compaction leaves."""
    messages = transcript(rng)
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(4)
        if kind == 0 and len(messages) > 1:
            del messages[rng.randrange(len(messages))]
        elif kind == 1 and len(messages) > 2:
            start = rng.randrange(len(messages) - 1)
            del messages[start:start + rng.randint(1, 3)]
        elif kind == 2:
            callers = [m for m in messages if len(m.get("tool_calls") or ()) > 1]
            if callers:
                del rng.choice(callers)["tool_calls"][0]
        elif len(messages) > 1:
            del messages[rng.randint(1, len(messages) - 1):]
    return messages or [{"role": "user", "content": "What is left?"}]


def history(rng):
    """Messages of any roles in any order: orphans, repeats, empty ones."""
    counter, messages, open_calls = count(), [], []
    for _ in range(rng.randint(1, 9)):
        role = rng.choice(["system", "developer", "user", "user", "user", "assistant", "assistant", "model", "tool", "tool", "function", "calls", "step"])
        if role == "step":
            messages += step(rng, counter, NAMES)
        elif role == "calls":
            calls = [call(rng, next(counter), NAMES) for _ in range(rng.randint(1, 3))]
            open_calls += calls
            messages.append({"role": "assistant", "content": content(rng), "tool_calls": calls})
        elif role == "tool":
            known = [one["id"] for one in open_calls] or ["call_nowhere"]
            messages.append(result(rng, rng.choice(known) if rng.maybe(0.8) else "call_nowhere"))
        elif role == "function":
            messages.append({"role": "function", "name": rng.choice(NAMES), "content": rng.text()})
        else:
            messages.append({"role": role, "content": content(rng, media_too=role == "user")})
        if role in ("assistant", "model") and rng.maybe(0.1):
            messages[-1]["refusal"] = rng.text()
        if rng.maybe(0.05):
            messages.append(json.loads(json.dumps(messages[-1])))  # sent twice
    return messages


# --- Requests -------------------------------------------------------------------------------------------------


def google_fields(rng, model, body, odd, place):
    """Google's own members, valid for the model; they may stand in three places (google.md 3.1)."""
    made = {}
    if rng.maybe(0.3):
        made["safety_settings"] = [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_ONLY_HIGH"}]
    if rng.maybe(0.4) and model.thinks and "reasoning_effort" not in body:
        config = {"include_thoughts": rng.maybe(0.5)}
        if model.thinks == "level":
            config["thinking_level"] = rng.choice(model.levels)
        else:
            config["thinking_budget"] = rng.choice([-1, 1024, 8192])
        made["thinking_config"] = config
    if rng.maybe(0.2):
        made["thought_tag_marker"] = "think"
    if rng.maybe(0.2):
        made["media_resolution"] = rng.choice(["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH"])
    if rng.maybe(0.2):
        made["labels"] = {"team": "a-b_1"}
    if rng.maybe(0.15):
        older = [[{"googleSearch": {}}], [{"google_search": {}}], [{"codeExecution": {}}]]
        made["tools"] = rng.choice(older + ([[{"url_context": {}}]] if model.thinks else []))
    if rng.maybe(0.1):
        made["stream_function_call_arguments"] = rng.maybe(0.5)
    if rng.maybe(0.4):
        made = {camel(name): one for name, one in made.items()}
    if rng.maybe(0.04):
        made["no_such_member"] = 1
        odd.add(place)
    return made


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def valid_members(rng, model):
    """name -> value that OpenAI's schema 2.3.0 allows, of all its members but model, messages and those of tools."""
    thinking = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
    return {
        "temperature": rng.choice([0, 1, 0.7, 2, 1.0]), "top_p": rng.choice([0, 0.9, 1]), "n": rng.randint(1, min(2, model.candidates)),
        "max_tokens": rng.choice([1, 16, 4096, 1000000]), "max_completion_tokens": rng.choice([1, 16, 4096]),
        "frequency_penalty": rng.choice([0, 0.5, -1.5]), "presence_penalty": rng.choice([0, 0.5, -1.5]),
        "stop": rng.choice(["END", ["a"], ["a", "b", "c", "d"], [str(i) for i in range(10)], [], None]),
        "seed": rng.choice([0, 7, -3, 2**31, 2**63 - 1]), "stream": rng.maybe(0.5), "stream_options": {"include_usage": rng.maybe(0.5)},
        "reasoning_effort": rng.choice(thinking), "verbosity": rng.choice(["low", "medium", "high"]),
        "response_format": rng.choice([{"type": "text"}, {"type": "json_object"}, {"type": "application/json"}, {
            "type": "json_schema", "json_schema": {"name": "made", "strict": rng.maybe(0.5), "schema": schema(rng)}}]),
        "logprobs": rng.maybe(0.5), "logit_bias": {"50256": -100}, "user": rng.word(), "safety_identifier": rng.word(),
        "store": rng.maybe(0.5), "metadata": {"a": "b"}, "service_tier": rng.choice(["auto", "default", "flex", "priority"]),
        "modalities": ["text"], "prediction": {"type": "content", "content": "x"}, "prompt_cache_key": rng.word(),
        "prompt_cache_retention": "24h", "prompt_cache_options": {"mode": "implicit"}, "moderation": {"model": "omni"},
        "web_search_options": {}, "parallel_tool_calls": rng.maybe(0.5),
    }


WRONG = {
    "temperature": [-0.1, 2.1, "hot", True, []], "top_p": [-1, 1.1, "x"], "n": [0, 9, 129, 1.5, "2"], "max_tokens": [0, -1, 1.5, "9", 2**31],
    "max_completion_tokens": [0, -1, "9"], "frequency_penalty": [-2.5, 3, "x"], "presence_penalty": [-2.5, 3, {}],
    "stop": [5, [5], {}], "seed": [1.5, "x"], "stream": ["yes", 1], "stream_options": [5, {"include_usage": 3}],
    "reasoning_effort": ["enormous", 3], "response_format": ["json", {"type": 5}, {}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {}}],
    "modalities": [["audio", "text"], ["smell"], "text"], "audio": [{"voice": "alloy", "format": "wav"}], "top_logprobs": [5, 21, -1, "x"],
    "logprobs": ["x"], "parallel_tool_calls": ["x"], "tools": [5, [5], [{"type": "magic"}], [{"type": "custom", "custom": {"name": "x"}}], [{"type": "function"}]],
    "tool_choice": [5, "perhaps"], "functions": [5, [5]], "function_call": [5], "service_tier": [5, "gold"], "web_search_options": [5],
    "google": [5], "extra_body": [5, {"google": 5}], "logit_bias": [5], "metadata": [5], "user": [{}], "store": [[]], "verbosity": ["loud", 3],
}


def request(rng):
    """A request over every member of OpenAI's schema and Google's own, with a valid or an odd value each."""
    model, odd = rng.choice(MODELS), set()
    body = {"model": rng.choice(["google/", "", "models/", "publishers/google/models/"]) + model.name}
    members = valid_members(rng, model)
    share = rng.choice([0.05, 0.15, 0.5])
    for name in rng.some(list(members), share):
        body[name] = members[name]
    if rng.maybe(0.5):
        functions = tools(rng, odd)
        body["tools"] = [{"type": "function", "function": one} for one in functions]
        if rng.maybe(0.5):
            body["tool_choice"] = tool_choice(rng, [one["name"] for one in functions], odd)
    elif rng.maybe(0.1):
        body["functions"] = tools(rng, odd, "functions")
        body["function_call"] = rng.choice(["auto", "none", {"name": body["functions"][0]["name"]}])
    elif rng.maybe(0.1):
        body["tool_choice"] = rng.choice(["auto", "none", "required"])
    if rng.maybe(0.3):
        place = rng.choice(["google", "extra_body.google", "extra_body.extra_body.google"])
        inside = google_fields(rng, model, body, odd, place)
        for name in reversed(place.split(".")):
            inside = {name: inside}
        body |= inside
    if rng.maybe(0.1):
        body[rng.choice(["foo", "top_k", "thinking", "x-" + rng.word()])] = value(rng)
    if rng.maybe(0.15):
        name = rng.choice(list(WRONG))
        body[name] = rng.choice(WRONG[name])
        odd.add(name)
    if rng.maybe(0.05):
        name = rng.choice(list(body))
        if name != "model":
            body[name] = None
    body["messages"] = rng.choice([history, transcript, pruned, simple])(rng)
    body = shuffled(rng, body)
    if body.get("logprobs") or "top_logprobs" in body:
        odd |= {"logprobs", "top_logprobs"}  # a contract that few models keep (user-pain A11)
    # More than one member has a say here: which of them is refused is the translator's choice.
    if "reasoning_effort" in body and "thinking" in json.dumps([body.get("google"), body.get("extra_body")]):
        odd |= {"reasoning_effort", "google", "extra_body"}
    return Case(body, surface(rng, body), odd)


def simple(rng):
    return [{"role": "user", "content": content(rng, media_too=True)}]


def shuffled(rng, members):
    names = list(members)
    rng.shuffle(names)
    return {name: members[name] for name in names}


def of_messages(rng, messages, tail=()):
    model = rng.choice(MODELS)
    body = {"model": "google/" + model.name, "messages": messages, "stream": rng.maybe(0.3)}
    return Case(body, surface(rng, body), tail=list(tail))


def surface(rng, body):
    """Either, but for buckets, which the Gemini API does not read (google.md 6.9)."""
    text = json.dumps(body)
    older = any(name in text for name in ("gemini-1", "gemini-2.0"))  # the Gemini API reads no web for them
    if "gs://" in text or (older and "https://" in text):
        return "vertex"
    return rng.choice(["vertex", "gemini"])


def growing(rng):
    """A sound conversation that waits for an answer, and in `tail` that answer with what follows on it."""
    counter = count()
    for _ in range(1000):
        next(counter)  # ids that the history has not used
    messages = transcript(rng)
    if rng.maybe(0.5):
        tail = step(rng, counter, NAMES)
    else:
        tail = [{"role": "assistant", "content": "Say " + rng.word()},
                {"role": rng.choice(["user", "user", "developer"]), "content": "And " + rng.word()}]
    return of_messages(rng, messages, tail)


MAKERS = {
    "request": request,
    "history": lambda rng: of_messages(rng, history(rng)),
    "pruning": lambda rng: of_messages(rng, pruned(rng)),
    "growing": growing,
}


def cases(kind, number, seed=1):
    for i in range(number):
        case = MAKERS[kind](source(kind, seed, i))
        case.name = f"{kind}/{seed}/{i}"
        yield case


if __name__ == "__main__":  # generate.py KIND/SEED/NUMBER: prints that one, for a look
    import sys
    kind, seed, number = sys.argv[1].split("/")
    print(json.dumps(MAKERS[kind](source(kind, seed, number)).body, indent=1))
