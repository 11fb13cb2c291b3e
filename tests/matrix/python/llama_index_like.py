# SPDX-License-Identifier: Apache-2.0
"""LlamaIndex: OpenAILike with chat, tools and structured_predict."""

import base64

import driver
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, ImageBlock, TextBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike


def model(cell):
    return OpenAILike(model=cell.model, api_base=driver.BASE_URL, api_key="anything", default_headers=cell.headers,
                      max_retries=cell.retries, timeout=20, is_chat_model=True, is_function_calling_model=True,
                      should_use_structured_outputs=True, context_window=1000000)


def said(response):
    raw = response.raw.choices[0] if response.raw.choices else None
    return {"text": response.message.content or "", "finish": raw and raw.finish_reason}


def ask(cell):
    blocks = [TextBlock(text=cell.text)]
    if cell.image:
        blocks.append(ImageBlock(image=cell.image.encode(), image_mimetype="image/png"))
    if cell.audio:
        blocks.append(AudioBlock(audio=cell.audio.encode(), format="wav"))
    messages = [ChatMessage(role="user", blocks=blocks)]
    if not cell.stream:
        return said(model(cell).chat(messages))
    *_, last = model(cell).stream_chat(messages)
    return said(last)


def tools(cell):
    def made(tool):
        def answer(city: str) -> str:
            return tool["result"]
        return FunctionTool.from_defaults(answer, name=tool["name"], description=tool["description"])

    known = {tool["name"]: made(tool) for tool in cell.tools}
    llm, history = model(cell), [ChatMessage(role="user", content=cell.text)]

    def round_():
        options = {"chat_history": history, "allow_parallel_tool_calls": True}
        if not cell.stream:
            return llm.chat_with_tools(list(known.values()), **options)
        *_, last = llm.stream_chat_with_tools(list(known.values()), **options)
        return last

    made_calls = []
    while calls := llm.get_tool_calls_from_response(response := round_(), error_on_no_tool_call=False):
        history.append(response.message)
        history.extend(ChatMessage(role="tool", content=known[call.tool_name](**call.tool_kwargs).content,
                                   additional_kwargs={"tool_call_id": call.tool_id}) for call in calls)
        made_calls += [[call.tool_name, call.tool_kwargs] for call in calls]
    return {"calls": made_calls, **said(response)}


def schema(cell):
    prompt = PromptTemplate("{text}")
    if cell.stream:
        *_, trip = model(cell).stream_structured_predict(driver.Trip, prompt, text=cell.text)
    else:
        trip = model(cell).structured_predict(driver.Trip, prompt, text=cell.text)
    assert isinstance(trip, driver.Trip)
    return {"parsed": trip.model_dump()}


driver.drive(ask=ask, tools=tools, schema=schema)
