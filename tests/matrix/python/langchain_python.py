# SPDX-License-Identifier: Apache-2.0
"""LangChain for Python: ChatOpenAI, bind_tools, with_structured_output."""

import driver
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI


def model(cell):
    return ChatOpenAI(model=cell.model, base_url=driver.BASE_URL, api_key="anything", default_headers=cell.headers,
                      max_retries=cell.retries, timeout=20)


def answered(cell, runnable, messages):
    if not cell.stream:
        return runnable.invoke(messages)
    whole = None
    for chunk in runnable.stream(messages):
        whole = chunk if whole is None else whole + chunk
    return whole


def said(message):
    return {"text": message.text, "finish": message.response_metadata.get("finish_reason")}


def ask(cell):
    return said(answered(cell, model(cell), [HumanMessage(content=driver.content(cell))]))


def tools(cell):
    runnable, messages, calls = model(cell).bind_tools(driver.tools(cell)), [HumanMessage(content=cell.text)], []
    while (message := answered(cell, runnable, messages)).tool_calls:
        messages += [message, *(ToolMessage(content=driver.result(cell, call["name"]), tool_call_id=call["id"])
                                for call in message.tool_calls)]
        calls += [[call["name"], call["args"]] for call in message.tool_calls]
    return {"calls": calls, **said(message)}


def schema(cell):
    runnable = model(cell).with_structured_output(driver.Trip, method="json_schema")
    if cell.stream:
        *_, trip = runnable.stream(cell.text)
    else:
        trip = runnable.invoke(cell.text)
    assert isinstance(trip, driver.Trip)
    return {"parsed": trip.model_dump()}


driver.drive(ask=ask, tools=tools, schema=schema)
