# SPDX-License-Identifier: Apache-2.0
"""The model list and each model of it. Both SDKs send the slash of an id as %2F."""

import openai
import pytest

SEEDS = ["google/gemini-2.0-flash-001", "google/gemini-2.0-flash", "google/gemini-2.5-flash"]


@pytest.mark.parametrize("place", ["/v1", "/v1beta1/projects/p/locations/global/endpoints/openapi", "/v1beta/openai"])
def test_list(daemon, connect, place):
    found = list(connect(daemon, place=place).models.list())
    assert len({model.id for model in found}) == len(found) > 3
    assert {"google/gemini-2.5-flash"} <= {model.id for model in found}
    for model in found:
        assert model.object == "model" and model.owned_by and isinstance(model.created, int)


def test_every_listed_model_is_there(client):
    for listed in client.models.list():
        assert client.models.retrieve(listed.id).id == listed.id


@pytest.mark.parametrize("model", SEEDS)
def test_retrieve(client, model):
    found = client.models.retrieve(model)
    assert (found.id, found.object) == (model, "model")


def test_retrieve_unknown(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("google/gemini-none")
    assert caught.value.code == "model_not_found"
