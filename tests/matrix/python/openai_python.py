# SPDX-License-Identifier: Apache-2.0
"""openai-python: create, parse with pydantic, and the stream helper."""


import driver
import openai

CLIENT = openai.OpenAI(base_url=driver.BASE_URL, api_key="anything", timeout=20)


def answered(cell, messages, **members):
    """One round: a parsed completion, however it came."""
    completions = CLIENT.with_options(max_retries=cell.retries, default_headers=cell.headers).chat.completions
    if not cell.stream:
        make = completions.parse if "response_format" in members else completions.create
        return make(model=cell.model, messages=messages, **members).choices[0]
    text = ""
    with completions.stream(model=cell.model, messages=messages, **members) as events:
        for event in events:
            text += event.delta if event.type == "content.delta" else ""
        final = events.get_final_completion().choices[0]
    assert (final.message.content or "") == text
    return final


def ask(cell):
    choice = answered(cell, [{"role": "user", "content": driver.content(cell)}])
    return {"text": choice.message.content, "finish": choice.finish_reason, "refusal": choice.message.refusal}


def tools(cell):
    return driver.loop(cell, answered)


def schema(cell):
    choice = answered(cell, [{"role": "user", "content": cell.text}], response_format=driver.Trip)
    assert isinstance(choice.message.parsed, driver.Trip)
    return {"parsed": choice.message.parsed.model_dump(), "finish": choice.finish_reason}


driver.drive(ask=ask, tools=tools, schema=schema)
