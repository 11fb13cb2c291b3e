# SPDX-License-Identifier: Apache-2.0
"""google-genai, unmodified, in all its modes: the Gemini API (v1, its default, and v1beta), Vertex AI with credentials, and with
an express key."""

import asyncio
import functools

import pydantic
import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

MODEL = "gemini-3.8-flash"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000003000000020806000000")
MODES = {
    "gemini-v1": {"api_key": "k"},
    "gemini-v1beta": {"api_key": "k", "http_options": {"api_version": "v1beta"}},
    "vertex": {"vertexai": True, "project": "p", "location": "us-central1", "credentials": Credentials("token")},
    "vertex-v1": {"vertexai": True, "project": "p", "location": "global", "credentials": Credentials("token"),
                  "http_options": {"api_version": "v1"}},
    "express": {"vertexai": True, "api_key": "k"},
}


def connect(daemon, mode, headers=None, **options):
    settings = dict(MODES[mode])
    more = {"base_url": daemon.url, "timeout": 20000, "headers": headers, **settings.pop("http_options", {}), **options}
    return genai.Client(**settings, http_options=types.HttpOptions(**more))


@pytest.fixture(params=MODES)
def mode(request, monkeypatch):
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_GENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    return request.param


@pytest.fixture(scope="module")
def clients(daemon):
    """One for each mode: to make one takes longer than most tests."""
    make = functools.cache(lambda mode: connect(daemon, mode))
    yield make
    for mode in MODES:
        make(mode).close()


@pytest.fixture
def client(clients, mode):
    return clients(mode)


def get_weather(location: str, days: int = 1) -> dict:
    """The weather of a place.

    Args:
        location: A city.
        days: How many days.
    """
    return {"location": location, "sky": "purple", "days": days}


class Event(pydantic.BaseModel):
    name: str
    date: str
    participants: list[str]


# ---- texts ----


def test_text(client):
    answer = client.models.generate_content(model=MODEL, contents="Why is the sky blue?")
    assert "Rayleigh" in answer.text and answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage.total_token_count == (usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count)
    assert answer.model_version == MODEL and answer.response_id


def test_stream(client):
    whole = client.models.generate_content(model=MODEL, contents="Why is the sky blue?").text
    pieces = list(client.models.generate_content_stream(model=MODEL, contents="Why is the sky blue?"))
    assert len(pieces) > 3 and "".join(piece.text or "" for piece in pieces) == whole
    assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP and pieces[-1].usage_metadata.candidates_token_count


def test_async(client):
    async def ask():
        stream = await client.aio.models.generate_content_stream(model=MODEL, contents="Why is the sky blue?")
        return "".join([piece.text or "" async for piece in stream])
    assert "Rayleigh" in asyncio.run(ask())


def test_chats(client):
    chat = client.chats.create(model=MODEL, config=types.GenerateContentConfig(system_instruction="Be kind."))
    assert "How can I help" in chat.send_message("Hello!").text
    assert "".join(piece.text or "" for piece in chat.send_message_stream("Why is the sky blue?"))
    history = chat.get_history()
    assert [content.role for content in history[:3]] == ["user", "model", "user"] and history[-1].role == "model"
    assert f"This request has {len(history) + 1} turns" in chat.send_message("What did I ask?").text


def test_settings_are_taken(client):
    config = types.GenerateContentConfig(
        system_instruction="Be kind.", max_output_tokens=400, stop_sequences=["Physicists"], seed=5,
        safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HATE_SPEECH", threshold="BLOCK_NONE")])
    answer = client.models.generate_content(model=MODEL, contents="Why is the sky blue?", config=config)
    assert answer.text and "Physicists" not in answer.text


def test_thinking(client):
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level="low"))
    answer = client.models.generate_content(model=MODEL, contents="Why is the sky blue?", config=config)
    parts = answer.candidates[0].content.parts
    assert [part.thought for part in parts] == [True, None] and answer.usage_metadata.thoughts_token_count > 0
    assert parts[-1].thought_signature
    parts = [part for piece in client.models.generate_content_stream(model=MODEL, contents="Why is the sky blue?", config=config)
             for part in piece.candidates[0].content.parts or []]
    assert parts[0].thought and not parts[-1].thought


# ---- tools ----


def test_functions_are_called_automatically(client):
    chat = client.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=[get_weather]))
    answer = chat.send_message("What is the weather in Boston?")
    assert "get_weather" in answer.text and "purple" in answer.text and "Boston" in answer.text
    kinds = [(content.role, bool(content.parts[0].function_call), bool(content.parts[0].function_response))
             for content in chat.get_history()]
    assert kinds == [("user", False, False), ("model", True, False), ("user", False, True), ("model", False, False)]
    assert chat.send_message("Thanks!").text, "and its signatures come back in the next turn"


def test_functions_are_called_automatically_in_streams(client):
    chat = client.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=[get_weather]))
    text = "".join(piece.text or "" for piece in chat.send_message_stream("What is the weather in Boston?"))
    assert "purple" in text


def test_functions_called_by_hand(client):
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(
        name="get_weather", description="The weather of a place", parameters_json_schema={
            "type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]})])
    config = types.GenerateContentConfig(tools=[tool], tool_config=types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode="ANY", allowed_function_names=["get_weather"])))
    ask = types.Content(role="user", parts=[types.Part(text="The weather in Chicago and New York?")])
    answer = client.models.generate_content(model=MODEL, contents=ask, config=config)
    calls = answer.function_calls
    assert [call.name for call in calls] == ["get_weather"] * 2
    assert [call.args["location"] for call in calls] == ["Chicago", "New York"]
    results = [types.Part.from_function_response(name=call.name, response={"sky": "grey"}) for call in calls]
    contents = [ask, answer.candidates[0].content, types.Content(role="user", parts=results)]
    last = client.models.generate_content(model=MODEL, contents=contents, config=types.GenerateContentConfig(tools=[tool]))
    assert last.text.count("grey") == 2
    contents[1] = types.Content(role="model", parts=[part.model_copy(update={"thought_signature": None})
                                                     for part in answer.candidates[0].content.parts])
    with pytest.raises(errors.ClientError, match="thought_signature"):
        client.models.generate_content(model=MODEL, contents=contents, config=types.GenerateContentConfig(tools=[tool]))


# ---- shapes and media ----


def test_json_by_schema(client):
    prompt = "Alice and Bob are going to a science fair on Friday."
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Event)
    parsed = client.models.generate_content(model=MODEL, contents=prompt, config=config).parsed
    assert isinstance(parsed, Event) and parsed.participants == ["Alice", "Bob"]
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=Event.model_json_schema())
    assert Event.model_validate_json(client.models.generate_content(model=MODEL, contents=prompt, config=config).text)


def test_images(client):
    seen = client.models.generate_content(model=MODEL, contents=[types.Part.from_bytes(data=PNG, mime_type="image/png"), "What is it?"])
    assert "image/png" in seen.text and "3" in seen.text
    config = types.GenerateContentConfig(response_modalities=["IMAGE", "TEXT"])
    made = client.models.generate_content(model="gemini-2.5-flash-image", contents="A cat", config=config)
    pictures = [part.inline_data for part in made.candidates[0].content.parts if part.inline_data]
    assert pictures[0].mime_type == "image/png" and pictures[0].data.startswith(b"\x89PNG\r\n")


def test_tokens_are_counted(client):
    counted = client.models.count_tokens(model=MODEL, contents="Why is the sky blue?")
    answer = client.models.generate_content(model=MODEL, contents="Why is the sky blue?")
    assert counted.total_tokens == answer.usage_metadata.prompt_token_count


def test_models(client, mode):
    prefix = "models/" if mode.startswith("gemini") else "publishers/google/models/"
    assert client.models.get(model=MODEL).name == f"{prefix}{MODEL}"
    if mode == "vertex-v1":
        with pytest.raises(errors.ClientError):
            client.models.list()
        return
    models = list(client.models.list(config={"page_size": 5}))
    assert f"{prefix}{MODEL}" in [model.name for model in models] and len(models) > 10


# ---- errors ----


def test_errors(client, mode):
    with pytest.raises(errors.ClientError) as unknown:
        client.models.generate_content(model="gemini-9-none", contents="Hi")
    assert (unknown.value.code, unknown.value.status) == (404, "NOT_FOUND")
    with pytest.raises(errors.ClientError) as bad:
        client.models.generate_content(model=MODEL, contents="Hi", config={"http_options": {"extra_body": {"generationConfig": {"x": 1}}}})
    assert (bad.value.code, bad.value.status) == (400, "INVALID_ARGUMENT")
    assert "Unknown name \"x\" at 'generation_config'" in bad.value.message and bad.value.details["error"]["details"]
    with pytest.raises(errors.ClientError) as range_of:
        list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hi", config={"temperature": 3}))
    assert range_of.value.code == 400 and "temperature" in range_of.value.message
    with pytest.raises(errors.ServerError) as unserved:
        client.models.embed_content(model="gemini-embedding-001", contents="Hi")
    assert (unserved.value.code, unserved.value.status) == (501, "UNIMPLEMENTED")
    chat = client.chats.create(model=MODEL, config={"http_options": {"headers": {"x-dragoman-emulate": "blocked:SAFETY"}}})
    assert chat.send_message("Hi").prompt_feedback.block_reason == types.BlockedReason.SAFETY


def test_faults_on_request(daemon, mode):
    again = connect(daemon, mode, {"x-dragoman-fault": "503"},
                    retry_options=types.HttpRetryOptions(attempts=2, initial_delay=0.01, max_delay=0.02))
    with pytest.raises(errors.ServerError) as gone:
        again.models.generate_content(model=MODEL, contents="Hi")
    assert gone.value.status == "UNAVAILABLE"
    cut = connect(daemon, mode, {"x-dragoman-fault": "tail-event=2"})
    got = []
    with pytest.raises(errors.ClientError) as told:
        for piece in cut.models.generate_content_stream(model=MODEL, contents="Why is the sky blue?"):
            got.append(piece.text)
    assert told.value.code == 499 and got


def test_retries(start, mode):
    daemon = start()
    client = connect(daemon, mode, {"x-dragoman-fault": "429*2"},
                     retry_options=types.HttpRetryOptions(attempts=4, initial_delay=0.01, max_delay=0.02))
    assert client.models.generate_content(model=MODEL, contents="Hello!").text
    seen = daemon.get("/_dragoman/emulator").json
    assert seen["counts"]["status"] == {"429": 2, "200": 1}
    assert seen["requests"][-1]["body"]["contents"][0]["parts"] == [{"text": "Hello!"}]
