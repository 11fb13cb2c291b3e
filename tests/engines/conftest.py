# SPDX-License-Identifier: Apache-2.0
"""llama.cpp's server with a model of random weights, and a Dragoman before it."""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent / "daemon")]

import make_model
import openai
import pytest
from dragoman import Daemon, free_port

SERVER = pathlib.Path(os.environ["ENGINE"])
ENDPOINT = "4815162342"


class Engine:
    def __init__(self, folder):
        model = folder / "tiny-random.gguf"
        model.write_bytes(make_model.model())
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(folder / "engine.log", "w+")
        self.process = subprocess.Popen(
            [SERVER, "--model", model, "--host", "127.0.0.1", "--port", str(self.port), "--ctx-size", "8192", "--parallel", "2",
             "--threads", "1", "--seed", "1", "--alias", "tiny-random", "--slots", "--jinja"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)

    def wait_ready(self):
        for _ in range(300):
            try:
                return self.get("/health")
            except OSError:
                assert self.process.poll() is None, pathlib.Path(self.log.name).read_text()[-3000:]
                time.sleep(0.1)
        raise AssertionError("the engine is not ready after 30 s")

    def busy(self):
        return sum(slot["is_processing"] for slot in self.get("/slots"))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    running = Engine(tmp_path_factory.mktemp("engine"))
    try:
        running.wait_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def front(engine, tmp_path_factory):
    file = tmp_path_factory.mktemp("front") / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": {"llama": {"kind": "openai", "base_url": engine.url + "/v1"}},
                                "endpoints": {ENDPOINT: {"upstream": "llama"}}}))
    daemon = Daemon(args=("--config", str(file))).wait_ready()
    yield daemon
    daemon.stop()


@pytest.fixture
def client(front):
    """The SDK, pointed at a numeric endpoint id as Google's samples point it."""
    place = f"/v1/projects/p/locations/us-central1/endpoints/{ENDPOINT}"
    with openai.OpenAI(base_url=front.url + place, api_key="anything", max_retries=0, timeout=60) as one:
        yield one
