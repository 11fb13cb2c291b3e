# SPDX-License-Identifier: Apache-2.0
"""The rows: every client, where it runs, and what it cannot do itself."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Cannot:
    """A cell that fails for a reason of the client's own. It is run all the same, has to fail, and in this very way."""
    why: str
    judge: object


@dataclasses.dataclass(frozen=True, eq=False)
class Client:
    """packages: whose versions the table shows, the client's own first. home: "openai" (the tests' own venv), "matrix"
    (requirements.txt) or "node". cannot: Cannot by the cell's name."""
    name: str
    home: str
    driver: str
    packages: tuple
    cannot: dict = dataclasses.field(default_factory=dict)


def raises_429(requests):
    def judge(said, exchanges):
        assert said.get("status") == 429, said
        assert [exchange.status for exchange in exchanges] == [429] * requests
    return judge


ALL = (
    Client("openai-python", "openai", "openai_python.py", ("openai",)),
    Client("openai-python 2", "matrix", "openai_python.py", ("openai",)),
    Client("openai-node", "node", "openai_node.mjs", ("openai", "zod")),
    Client("AI SDK", "node", "ai_sdk.mjs", ("@ai-sdk/openai-compatible", "ai", "zod"), {"refused": Cannot(
        "it tries again after every 429, and knows neither `x-should-retry` nor `insufficient_quota`; then it raises",
        raises_429(requests=2))}),
    Client("LangChain Python", "matrix", "langchain_python.py", ("langchain-openai", "langchain-core", "openai")),
    Client("LangChain JS", "node", "langchain_js.mjs", ("@langchain/openai", "@langchain/core", "openai", "zod")),
    Client("LlamaIndex OpenAILike", "matrix", "llama_index_like.py",
           ("llama-index-llms-openai-like", "llama-index-core", "openai")),
    Client("LiteLLM", "matrix", "litellm_client.py", ("litellm", "openai")),
)
