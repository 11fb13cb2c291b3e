# SPDX-License-Identifier: Apache-2.0
"""Every sample that what is built so far must serve runs, with nothing changed but host and credentials."""

import dataclasses
import json
import re

import pytest
import identity
import samples
import servers
from upstream import Upstream

DOCUMENTS, INDEX = samples.read_index()
DUE = [sample for sample in INDEX if sample.due]
ENDPOINTS = [sample for sample in DUE if "endpoint" in sample.needs]
CURL = [sample for sample in DUE if "curl" in sample.needs]


def test_index_has_every_file():
    files = {str(path.relative_to(samples.FOLDER)) for folder in DOCUMENTS for path in (samples.FOLDER / folder).iterdir()}
    assert files == {sample.file for sample in INDEX}
    assert len(INDEX) == 45


def test_what_runs_now_says_what_must_come_out():
    assert [sample.file for sample in DUE if not sample.expect] == []


@pytest.mark.parametrize("sample", DUE, ids=lambda sample: sample.file)
def test_sample(sample, daemon, tmp_path):
    check(sample, samples.run(sample, daemon.url, tmp_path))


@pytest.mark.parametrize("sample", DUE, ids=lambda sample: sample.file)
def test_sample_through_two(sample, chain, tmp_path):
    check(sample, samples.run(sample, chain.url, tmp_path))


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
@pytest.mark.parametrize("sample", CURL, ids=lambda sample: sample.file)
def test_curl_on_both_versions(sample, version, daemon, tmp_path):
    check(sample, samples.run(sample, daemon.url, tmp_path, version))


@pytest.mark.parametrize("kind", ["vllm", "tgi", "openai"])
@pytest.mark.parametrize("sample", ENDPOINTS, ids=lambda sample: sample.file)
def test_sample_before_a_server_of_ones_own(sample, kind, start, tmp_path):
    server = Upstream(servers.serve(kind))
    file = tmp_path / "dragoman.yaml"
    file.write_text(json.dumps({"upstreams": {"lab": {"kind": kind, "base_url": server.url}},
                                "endpoints": {samples.FILLED["ENDPOINT_ID"]: {"upstream": "lab"}}}))
    daemon = start("auth.google=emulated", args=("--config", str(file)))
    check(dataclasses.replace(sample, expect="^Hello there\\.$"), samples.run(sample, daemon.url, tmp_path))
    assert [request.path for request in server.requests] == ["/v1/chat/completions"]
    server.close()


def test_refresher_through_an_expiry(start, tmp_path):
    """google-auth takes a token for ended 225 s before it is: one of 230 s serves for five (google.md 7.2)."""
    daemon = start("auth.google=emulated", "emulator.token_life=230s")
    sample = next(sample for sample in DUE if sample.file == "authentication/5-refresher.py")
    done = samples.run(dataclasses.replace(sample, after="expiry"), daemon.url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^issued: (\d+)$", done.stdout, re.M) == ["1", "1", "2", "2"]
    assert identity.issued(daemon) == 2


def check(sample, done):
    assert done.returncode == 0, done.stderr
    if not {"text", "endpoint"} & set(sample.needs):
        assert re.search(sample.expect, done.stdout), done.stdout
        return
    text, pieces = samples.said(done.stdout)
    assert re.search(sample.expect, text), done.stdout
    assert (pieces > 1) == sample.stream, f"{pieces} pieces"
