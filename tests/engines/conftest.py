# SPDX-License-Identifier: Apache-2.0
"""llama.cpp's server with a model of random weights, and a Dragoman before it."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "daemon"), str(HERE.parent / "seeds")]

import make_model
import openai
import pytest
from dragoman import Daemon, free_port

SERVER = pathlib.Path(os.environ["ENGINE"])
ENDPOINT = "4815162342"


class Engine:
    def __init__(self, folder, *options):
        model = folder / "tiny-random.gguf"
        model.write_bytes(make_model.model())
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(folder / "engine.log", "w+")
        self.process = subprocess.Popen(
            [SERVER, "--model", model, "--host", "127.0.0.1", "--port", str(self.port), "--ctx-size", "8192", "--parallel", "2",
             "--threads", "1", "--seed", "1", "--alias", "tiny-random", "--slots", "--jinja", *options],
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
        self.process.kill()  # asked to end it would first say all that nobody waits for any more
        self.process.wait(10)
        self.log.close()


@contextlib.contextmanager
def running(folder, *options):
    one = Engine(folder, *options)
    try:
        one.wait_ready()
        yield one
    finally:
        one.stop()


@contextlib.contextmanager
def before(engine, folder, *settings):
    file = folder / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": {"llama": {"kind": "openai", "base_url": engine.url + "/v1"}},
                                "endpoints": {ENDPOINT: {"upstream": "llama"}}}))
    daemon = Daemon(*settings, args=("--config", str(file))).wait_ready()
    yield daemon
    daemon.stop()


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    with running(tmp_path_factory.mktemp("engine")) as one:
        yield one


@pytest.fixture(scope="session")
def front(engine, tmp_path_factory):
    with before(engine, tmp_path_factory.mktemp("front")) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def brief(tmp_path_factory):
    """The same for requests that say no max_tokens, as this model would not end by itself, from whoever has got a token here."""
    with running(tmp_path_factory.mktemp("brief"), "--predict", "40") as one, \
            before(one, tmp_path_factory.mktemp("brief-front"), "auth.google=emulated") as daemon:
        yield daemon


@pytest.fixture
def client(front):
    """The SDK, pointed at a numeric endpoint id as Google's samples point it."""
    place = f"/v1/projects/p/locations/us-central1/endpoints/{ENDPOINT}"
    with openai.OpenAI(base_url=front.url + place, api_key="anything", max_retries=0, timeout=60) as one:
        yield one
