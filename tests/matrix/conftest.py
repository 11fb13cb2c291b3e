# SPDX-License-Identifier: Apache-2.0
"""Runs every client through its cells, each in a process of its own, and keeps what it said and what went by."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from dragoman import ROOT, Daemon, environment

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cells  # noqa: E402
import clients  # noqa: E402
import tap  # noqa: E402

PLACE = "/v1/projects/my-project/locations/global/endpoints/openapi"
NODE = pathlib.Path(os.environ.get("MATRIX_NODE", ROOT / "build/matrix-node"))
PYTHONS = {"openai": sys.executable, "matrix": os.environ.get("MATRIX_PYTHON", ROOT / "build/matrix/bin/python")}
TIMEOUT_S = 240  # of a client, most of it the start of Python packages on a busy machine


def command(client):
    if client.home == "node":
        return [NODE / "node_modules/.bin/node", NODE / client.driver]  # beside node_modules, where its imports are found
    return [PYTHONS[client.home], HERE / "python" / client.driver]


class Run:
    """What one client did. said: by cell and mode, what its driver told; versions: of the client's packages."""

    def __init__(self, client, url):
        asked = {"base_url": url + PLACE, "packages": client.packages,
                 "cells": cells.asked_of(client, clients.ALL.index(client))}
        done = subprocess.run(command(client), input=json.dumps(asked), env=environment(), timeout=TIMEOUT_S, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        versions, *said = [json.loads(line) for line in done.stdout.splitlines()] or [{}]
        self.versions = versions.get("versions", {})
        self.said = {(told["cell"], told["stream"]): told for told in said}
        self.ended = f"exit {done.returncode}\n{done.stderr[-3000:]}"


class Matrix:
    """runs: by client; exchanges: all that went by; stats: of the daemon behind it. The slowest clients begin."""

    def __init__(self):
        for file in (HERE / "node").glob("*.mjs"):
            shutil.copy(file, NODE)
        daemon = Daemon("timeouts.comment=1500ms", f"emulator.scenario={HERE / 'scenario.yaml'}")
        try:
            daemon.wait_ready()
            with tap.Tap(daemon.port) as between, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                order = clients.ALL[::-1]
                self.runs = dict(zip(order, pool.map(lambda client: Run(client, between.url), order)))
            self.exchanges = between.exchanges()
            self.stats = daemon.stats()
        except BaseException:
            daemon.kill()
            raise
        daemon.stop()

    def judge(self, client, cell, stream, judge=None):
        """AssertionError where the cell is not as it should be, or not as another judge wants it."""
        run, label = self.runs[client], cells.label(client, cell, stream)
        said = run.said.get((cell.name, stream))
        assert said is not None, f"the driver told nothing of it: {run.ended}"
        exchanges = [exchange for exchange in self.exchanges if exchange.cell == label]
        assert exchanges, f"no request came: {said}"
        assert all(bool(exchange.request.get("stream")) == stream for exchange in exchanges), "streamed as the cell says"
        try:
            (judge or cell.judge)(said, exchanges)
        except (KeyError, ValueError) as error:
            raise AssertionError(f"{error!r} of {said}") from None

    def fault(self, client, cell, stream):
        """What is wrong in a cell; None: nothing."""
        try:
            self.judge(client, cell, stream)
        except AssertionError as error:
            return str(error) or "it is not as it should be"


@pytest.fixture(scope="session")
def matrix():
    return Matrix()
