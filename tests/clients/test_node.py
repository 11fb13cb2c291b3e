# SPDX-License-Identifier: Apache-2.0
"""openai-node, unmodified: each node/*.test.mjs is run by node's own test runner against the shared daemon."""

import os
import pathlib
import platform
import subprocess

import pytest
from dragoman import ROOT, environment

HERE = pathlib.Path(__file__).resolve().parent / "node"
MODULES = pathlib.Path(os.environ.get("NODE_FOLDER", ROOT / "build/node")) / "node_modules"
ARCH = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "none")
LOCKED = MODULES / f"node-linux-{ARCH}/bin/node"


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_node(daemon, file):
    node = str(LOCKED) if LOCKED.exists() else "node"
    env = environment(BASE_URL=daemon.url, NODE_MODULES=str(MODULES))
    done = subprocess.run([node, "--test", "--test-reporter=tap", str(file)], env=env, timeout=100,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and "\nok 1" in "\n" + done.stdout, done.stdout
