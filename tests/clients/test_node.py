# SPDX-License-Identifier: Apache-2.0
"""openai-node, unmodified: each node/*.test.mjs is run by node's own test runner against the shared daemon."""

import pathlib
import subprocess

import pytest
from dragoman import environment
from node import MODULES, NODE

HERE = pathlib.Path(__file__).resolve().parent / "node"


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_node(daemon, file):
    env = environment(BASE_URL=daemon.url, NODE_MODULES=str(MODULES))
    done = subprocess.run([NODE, "--test", "--test-reporter=tap", str(file)], env=env, timeout=100,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and "\nok 1" in "\n" + done.stdout, done.stdout
