# SPDX-License-Identifier: Apache-2.0
"""Every block of docs/UPSTREAMS.md, and README.md's short forms, run as they stand there: names lead to one server that
speaks whatever it is asked for, through a proxy, and so do the addresses of this machine."""

import json
import re
import shlex

import googles as google
import pki
import pytest
import servers
import upstream
import wire
from dragoman import ROOT
from upstream import Upstream

PAGE, README = ROOT / "docs/UPSTREAMS.md", ROOT / "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
ENDPOINT = "/v1/projects/my-project/locations/us-central1/endpoints/{}/chat/completions"
# What only somebody else's network has.
ELSEWHERE = {"http://me:secret@proxy.internal:3128": None, "internal-ca.pem": None, "api.example": google.DEDICATED}


def blocks(file, language):
    return [text for found, text in BLOCK.findall(file.read_text()) if found == language]


RECIPES = blocks(PAGE, "yaml")
COMMANDS = [line.strip() for page in (PAGE, README) for text in blocks(page, "") for line in text.splitlines()
            if re.search(r"dragoman serve --upstream", line)]


@pytest.fixture
def there():
    """A server at all of Google's names, one of one's own on this machine, and the road to the first."""
    def answer(peer):
        openai = servers.answerer("openai")
        while request := peer.request():
            peer.send(openai(request) if request.path.endswith("/chat/completions") else upstream.answer(request))
    far, near = google.Google(answer), Upstream(answer)
    road = google.Road(far)
    yield far, near, road
    for server in (road, near, far):
        server.close()


def here(text, near, road):
    for word, instead in ELSEWHERE.items():
        text = text.replace(word, instead or (road.url if word.startswith("http") else str(pki.authority())))
    return re.sub(r"http://127.0.0.1:800\d", near.url, text)


def works(daemon, path, model):
    headers = {"Authorization": "Bearer ya29.mine"}
    for stream in (False, True):
        answer = daemon.ask(wire.chat(path=path, model=model, stream=stream, headers=headers))
        assert answer.status == 200, (path, model, answer.body)
        if stream:
            assert answer.events[-1] == "[DONE]", answer.events
        else:
            assert answer.json["choices"][0]["message"]["content"], answer.body


def names(text):
    """What can be asked for: by the rows' own patterns, or by any name."""
    found = re.findall(r"match: \"?([^\s,\"}]+)", text)
    return [name.replace("google/*", wire.MODEL).replace("*", "other/any") for name in found] or [wire.MODEL]


def test_there_are_recipes_of_every_kind():
    text = "".join(RECIPES)
    for kind in ("vertex", "gemini", "vllm", "tgi", "openai", "emulator"):
        assert f"kind: {kind}" in text
    assert len(RECIPES) >= 20 and len(COMMANDS) >= 7, COMMANDS


PARTS = re.findall(r'^PART\("([\w.]+)",\s*\w+,\s*gw_upstream,\s*\w+,\s*(?:NULL|"([^"]*)")', (ROOT / "src/gateway/settings.def").read_text(), re.M)


def test_there_are_as_many_settings_of_an_upstream_as_the_daemon_has():
    assert {"kind", "cold_start.max_wait", "merge_system", "alternate", "content"} <= {key for key, _ in PARTS} and len(PARTS) >= 15


@pytest.mark.parametrize("key, words", PARTS, ids=[key for key, _ in PARTS])
def test_each_setting_of_an_upstream_is_on_the_page(key, words):
    """With each of its words; in a recipe, or where it is explained."""
    page = PAGE.read_text()
    assert re.search(rf"[`{{\s]{key.split('.')[0]}(`|: )", page), key
    for word in words.split("|") if "|" in words and key != "dialect" else []:  # that one is gemini unless it is set
        assert re.search(rf"^\| `{key}` .*`{word}`|\b{key}: {word}\b", page, re.M), (key, word)


@pytest.mark.parametrize("recipe", RECIPES, ids=range(len(RECIPES)))
def test_recipe(recipe, there, start, tmp_path):
    far, near, road = there
    file = tmp_path / "dragoman.yaml"
    file.write_text(here(recipe, near, road))
    daemon = start(args=("--config", str(file)), env={"HTTPS_PROXY": road.url, "SSL_CERT_FILE": str(pki.authority())})
    for name in names(recipe):
        works(daemon, ENDPOINT.format("openapi"), name)
    for endpoint in re.findall(r"^  \"(\d+)\": \{upstream", recipe, re.M):
        works(daemon, ENDPOINT.format(endpoint), "any")
    hosts = set(re.findall(r"https://([^/\"\s}]+)", here(recipe, near, road)))
    asked = set(far.asked)
    assert hosts <= asked and (far.requests or near.requests or "emulator" in recipe)
    assert bool(near.requests) == (near.url in here(recipe, near, road))


def test_templates_get_what_their_upstreams_say(there, start, tmp_path):
    """What the recipe of chat templates sends to a server of each sort, at once."""
    far, near, road = there
    [recipe] = [recipe for recipe in RECIPES if "merge_system" in recipe]
    (tmp_path / "dragoman.yaml").write_text(here(recipe, near, road))
    daemon = start(args=("--config", str(tmp_path / "dragoman.yaml")))
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": [{"type": "text", "text": "Hi."}]},
                {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]
    sent = {}
    for model in ("mistral-7b", "gemma"):
        assert daemon.ask(wire.chat(model=model, messages=messages)).status == 200
        sent[model] = json.loads(near.requests[-1].body)["messages"]
    assert [message["role"] for message in sent["mistral-7b"]] == ["system", "user"]
    assert [message["role"] for message in sent["gemma"]] == ["user"] and isinstance(sent["gemma"][0]["content"], str)
    for text in ("Be kind.", "Be brief.", "Hi.", "Who?"):
        assert text in json.dumps(sent["mistral-7b"]) and text in sent["gemma"][0]["content"]


@pytest.mark.parametrize("command", COMMANDS, ids=range(len(COMMANDS)))
def test_command(command, there, start):
    far, near, road = there
    words = shlex.split(here(command, near, road))
    env = dict(word.split("=", 1) for word in words[:words.index("serve") - 1])
    args = words[words.index("serve") + 1:]
    daemon = start(args=args, env={"HTTPS_PROXY": road.url, "SSL_CERT_FILE": str(pki.authority()), **env})
    works(daemon, ENDPOINT.format("openapi"), wire.MODEL)
    assert bool(near.requests) != bool(far.requests)
