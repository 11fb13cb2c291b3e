# SPDX-License-Identifier: Apache-2.0
"""LiteLLM as a client: its openai/ provider with an api_base."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it would fetch one

import driver  # noqa: E402
import litellm  # noqa: E402

litellm.suppress_debug_info = True


def answered(cell, messages, **members):
    answer = litellm.completion(model="openai/" + cell.model, api_base=driver.BASE_URL, api_key="anything", messages=messages,
                                extra_headers=cell.headers, max_retries=cell.retries, timeout=20, stream=cell.stream, **members)
    if cell.stream:
        answer = litellm.stream_chunk_builder(list(answer), messages=messages)
    return answer.choices[0]


def ask(cell):
    choice = answered(cell, [{"role": "user", "content": driver.content(cell)}])
    return {"text": choice.message.content, "finish": choice.finish_reason}


def tools(cell):
    return driver.loop(cell, answered)


def schema(cell):
    choice = answered(cell, [{"role": "user", "content": cell.text}], response_format=driver.Trip)
    return {"parsed": driver.Trip.model_validate_json(choice.message.content).model_dump(), "finish": choice.finish_reason}


driver.drive(ask=ask, tools=tools, schema=schema)
