# SPDX-License-Identifier: Apache-2.0
"""The tool lists of real MCP servers (mcp.toml), as OpenAI tools, through the gateway to its emulator (user-pain B1)."""

import concurrent.futures
import json
import os
import queue
import subprocess
import threading
import tomllib

import chunks
import generate
import losses
import many
import pytest
import seeded
import wire
from conftest import HERE, NODE, PYTHONS

SERVERS = tomllib.loads((HERE / "mcp.toml").read_text())["server"]
MODELS = (generate.SUBSET_MODEL, *generate.JSON_SCHEMA_MODELS)
LEAST = 50  # servers
# Nobody answers where they would look, and where the kernel allows it there is no network at all.
NO_NETWORK = {name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
START_S = 60

pytestmark = pytest.mark.timeout(600)  # the first test of them waits for all servers, on a busy machine too


def nowhere():
    """What runs a program in a network of its own, with nothing in it but loopback; [] where that is not allowed."""
    alone = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up 2>/dev/null; exec "$@"', "sh"]
    try:
        return alone if subprocess.run([*alone, "true"], capture_output=True, timeout=10).returncode == 0 else []
    except OSError:
        return []


NOWHERE = nowhere()


def name_of(server):
    return server.get("npm") or server.get("node") or server["python"]


def program_of(server):
    modules = NODE.folder / "node_modules"
    if "python" in server:
        return [str(PYTHONS / server["python"])]
    if "node" in server:
        return [NODE.program, str(modules / ".bin" / server["node"])]
    # By its package, for several have a program of one name.
    bins = json.loads((modules / server["npm"] / "package.json").read_text())["bin"]
    chosen = bins if isinstance(bins, str) else bins[server["bin"]] if "bin" in server else next(iter(bins.values()))
    return [NODE.program, str(modules / server["npm"] / chosen)]


class Server:
    """One MCP server over stdio, asked for its tools, and ended."""

    def __init__(self, server, folder):
        args = [arg.format(folder=folder) for arg in server.get("args", ())]
        told = {"CI": "true", "DO_NOT_TRACK": "1", "HOME": str(folder), "NODE_COMPILE_CACHE": str(NODE.folder / "compiled")}
        self.process = subprocess.Popen([*NOWHERE, *program_of(server), *args], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=os.environ | NO_NETWORK | told | server.get("env", {}))
        self.lines, self.said = queue.Queue(), []
        self.threads = [threading.Thread(target=self._read), threading.Thread(target=self._listen)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _listen(self):
        for line in self.process.stderr:
            self.said.append(line.decode(errors="replace"))

    def ask(self, number, method, params):
        self.tell({"id": number, "method": method, "params": params})
        while True:
            try:
                line = self.lines.get(timeout=START_S)
            except queue.Empty:
                line = None
            assert line, f"no answer to {method}: {''.join(self.said[-20:])}"
            try:
                message = json.loads(line)
            except ValueError:
                continue  # what a server prints besides is not ours to judge
            if message.get("id") == number and "method" not in message:
                return message["result"]

    def tell(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def tools(self):
        self.ask(1, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "judge", "version": "1"}})
        self.tell({"method": "notifications/initialized"})
        found, params = [], {}
        for number in range(2, 20):
            page = self.ask(number, "tools/list", params)
            found += page["tools"]
            if not page.get("nextCursor"):
                break
            params = {"cursor": page["nextCursor"]}
        return found

    def end(self):
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("mcp")
    subprocess.run(["git", "init", "-q", made], check=True)
    return made


def ask_tools(server, folder):
    running = Server(server, folder)
    try:
        return running.tools()
    except AssertionError as error:
        return str(error)  # the tests of that server fail with it
    finally:
        running.end()


@pytest.fixture(scope="session")
def tool_lists(folder):
    """name -> its tools; each server is asked once."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return dict(zip(map(name_of, SERVERS), pool.map(lambda server: ask_tools(server, folder), SERVERS)))


def openai_tools(listed):
    """As every agent hands them on."""
    return [{"type": "function", "function": {"name": tool["name"], "description": tool.get("description", ""),
                                              "parameters": tool["inputSchema"]}} for tool in listed]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("server", SERVERS, ids=name_of)
def test_tool_list(server, model, daemon, tool_lists, judges):
    listed = tool_lists[name_of(server)]
    if isinstance(listed, str):
        pytest.fail(listed, pytrace=False)
    assert len(listed) >= server["tools"], [tool["name"] for tool in listed]
    body = {"model": "google/" + model.name, "messages": [{"role": "user", "content": "What is there?"}], "tools": openai_tools(listed)}

    for stream in (False, True):
        answer = daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body | {"stream": stream}).encode()))
        assert answer.status == 200, answer.body
        if stream:
            assert answer.events[-1] == "[DONE]"
            chunks.check_chunks([json.loads(event) for event in answer.events[:-1]], body["model"])
        else:
            chunks.check_completion(answer.json, body["model"])
        healed = "schemas are sent" in (answer["x-dragoman-warning"] or "")
        # A tool list is never without effect as a whole.
        assert "tools" not in (answer["x-dragoman-ignored"] or "").split(", ")

        case = generate.Case(body | {"stream": stream}, name=f"{name_of(server)} for {model.name}")
        (outcome,) = many.translate([case])
        if healed:  # Gemini 3 refuses such a list as it is (user-pain B2), and the gateway knew a way
            assert outcome.emulator_status == 400 and "invalid argument" in outcome.show(), outcome.show()
            continue
        assert outcome.emulator_status == 200, outcome.show()
        assert (answer["x-dragoman-schema-notes"] or "") == outcome.told["schema"]
        assert judges["vertex"].judge("request", outcome.native) is None
        lost = list(losses.of_outcome(seeded.source("mcp", 1, name_of(server)), outcome))
        assert lost == [], outcome.told["schema"]


def test_that_they_are_many():
    assert len({name_of(server) for server in SERVERS}) == len(SERVERS) >= LEAST


def test_all_at_once(daemon, tool_lists):
    """As many as Gemini takes: 128, of all servers, names made one's own by the server's, as agents do."""
    tools = [tool | {"name": f"mcp__{name}__{tool['name']}"} for name, listed in tool_lists.items() if isinstance(listed, list) for tool in listed]
    assert len(tools) > 128
    for model in MODELS:
        answer = daemon.chat(model="google/" + model.name, tools=openai_tools(tools[:128]))
        assert answer.status == 200, answer.body
        assert "tools" not in (answer["x-dragoman-ignored"] or "").split(", ")
