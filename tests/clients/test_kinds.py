# SPDX-License-Identifier: Apache-2.0
"""The SDK's other ways to be pointed at a server: Azure's paths and headers, Vertex with a token provider."""

import openai
from chunks import check_chunks, check_completion
from openai.providers import vertex

FLASH = "gemini-2.0-flash-001"
SKY = [{"role": "user", "content": "Why is the sky blue?"}]
PLACE = "/v1/projects/my-project/locations/us-central1/endpoints/openapi"


def both_ways(client, model):
    whole = client.chat.completions.create(model=model, messages=SKY)
    stream = client.chat.completions.create(model=model, messages=SKY, stream=True)
    said = check_completion(whole.model_dump(), model)
    assert check_chunks([chunk.model_dump() for chunk in stream], model).texts == said.texts


def test_azure(daemon):
    with openai.AzureOpenAI(azure_endpoint=daemon.url, api_key="anything", api_version="2024-10-21",
                            max_retries=0, timeout=20) as client:
        both_ways(client, FLASH)


def test_azure_deployment(daemon):
    with openai.AzureOpenAI(azure_endpoint=daemon.url, azure_deployment=FLASH, api_key="anything",
                            api_version="2024-10-21", max_retries=0, timeout=20) as client:
        both_ways(client, FLASH)


def test_vertex_provider(daemon):
    provider = vertex(base_url=daemon.url + PLACE, token_provider=lambda: "anything")
    with openai.OpenAI(provider=provider, max_retries=0, timeout=20) as client:
        both_ways(client, f"google/{FLASH}")
