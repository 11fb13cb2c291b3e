# SPDX-License-Identifier: Apache-2.0
"""OpenAI's published shapes, as openai-python's models carry them: types strictly, and no member that they do not have,
but those that are Google's or everybody's (EXTRA)."""

import json
import typing

import pydantic
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.chat_completion_message import Annotation
from openai.types.shared.error_object import ErrorObject

class Suspect(pydantic.BaseModel, extra="forbid"):
    """What a bare 400 may have been caused by, the likeliest first."""

    id: str
    likelihood: typing.Literal["high", "medium", "low"]
    param: str | None
    message: str
    probe: typing.Literal["accepted", "refused", "unclear"] = "unclear"  # what became of a request without it, where one was sent


# member -> where it may stand beside OpenAI's own, by the name of the model there (None: anywhere), and what it is
EXTRA = {
    "extra_content": (None, dict[str, dict]),
    # as OpenAI's own search models stream them; the models know them of messages alone
    "annotations": ({"ChoiceDelta"}, list[Annotation]),
    "image_tokens": ({"CompletionTokensDetails"}, int),
    "images": ({"ChatCompletionMessage", "ChoiceDelta"}, list[dict]),
    "reasoning_content": ({"ChatCompletionMessage", "ChoiceDelta"}, str),
    "reasoning": ({"ChatCompletionMessage", "ChoiceDelta"}, str),
    "extra_properties": ({"CompletionUsage"}, dict[str, dict]),
    "status": ({"ErrorObject"}, str),
    "details": ({"ErrorObject"}, list[dict]),
    "google_message": ({"ErrorObject"}, str),  # Google's own words, where ours stand in message
    "suspects": ({"ErrorObject"}, typing.Annotated[list[Suspect], pydantic.Field(min_length=1)]),
}
KINDS = {"chat.completion": ChatCompletion, "chat.completion.chunk": ChatCompletionChunk}


def check(text):
    """text: the JSON of a completion, a chunk or an error. Returns the model; AssertionError tells what is wrong."""
    whole = json.loads(text)
    if "error" in whole:
        assert set(whole) == {"error"}, f"beside the error: {sorted(whole)}"
        assert {"message", "type", "param", "code"} <= set(whole["error"]), f"an error without all members: {text}"
        kind, value = ErrorObject, whole["error"]
    else:
        assert whole.get("object") in KINDS, f"no object of a kind that is known: {text}"
        kind, value = KINDS[whole["object"]], whole
    try:
        found = kind.model_validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        raise AssertionError(f"{error}\nin {text}") from None
    alien = list(_alien(found, kind.__name__))
    assert not alien, f"{', '.join(alien)} in {text}"
    return found


def _alien(value, path):
    """The paths of members that no model has and EXTRA does not allow, there or as they are."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _alien(item, f"{path}[{i}]")
    if not isinstance(value, pydantic.BaseModel):
        return
    for key, extra in (value.model_extra or {}).items():
        places, kind = EXTRA.get(key, (set(), None))
        if places is not None and type(value).__name__ not in places:
            yield f"{path}.{key}"
            continue
        try:
            pydantic.TypeAdapter(kind).validate_python(extra, strict=True)
        except pydantic.ValidationError as error:
            yield f"{path}.{key} ({error.errors()[0]['msg']})"
    for key in type(value).model_fields:
        yield from _alien(getattr(value, key), f"{path}.{key}")
