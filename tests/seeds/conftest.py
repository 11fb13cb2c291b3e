# SPDX-License-Identifier: Apache-2.0
"""Lets `import samples` find its module, has a chain of two, and prints the index of the seeds with a verdict for each at the end of the run."""

import json
import pathlib
import re
import sys

import pytest
import upstream
from dragoman import Daemon

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import samples  # noqa: E402


@pytest.fixture(scope="session")
def daemon():
    """One that asks for tokens, and hands them out."""
    running = Daemon("auth.google=emulated")
    try:
        running.wait_ready()
    except BaseException:
        running.kill()
        raise
    yield running
    running.stop()


@pytest.fixture(scope="session")
def chain(daemon, tmp_path_factory):
    """A Dragoman whose upstream, over the network, is `daemon`, its Gemini and its endpoint. Both know a token by the seed,
    and the caller's goes on from the first to the second."""
    file = upstream.configuration(tmp_path_factory.mktemp("chain"), daemon.url, credentials="caller")
    endpoints = {samples.FILLED["ENDPOINT_ID"]: {"upstream": "back"}}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"endpoints": endpoints}))
    running = Daemon("auth.google=emulated", args=("--config", str(file)))
    try:
        running.wait_ready()
    except BaseException:
        running.kill()
        raise
    yield running
    running.stop()


def pytest_terminal_summary(terminalreporter):
    verdicts = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            if found := re.search(r"::test_sample\[(.*)\]$", report.nodeid):
                verdicts[found[1]] = outcome if outcome == "passed" else outcome.upper()
    if not verdicts:
        return
    documents, index = samples.read_index()
    say = terminalreporter.write_line
    terminalreporter.section("samples of the seed documents")
    for sample in index:
        verdict = verdicts.get(sample.file, "NOT RUN") if sample.due else f"comes with issue {sample.issue}"
        say(f"{sample.file:42} {verdict:20} {', '.join(sample.needs)}")
    passed, due = sum(verdict == "passed" for verdict in verdicts.values()), sum(sample.due for sample in index)
    say(f"{len(index)} samples of {len(documents)} documents: {passed} of {due} that are due passed, "
        f"{len(index) - due} come with later issues")
