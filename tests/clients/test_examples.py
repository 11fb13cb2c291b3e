# SPDX-License-Identifier: Apache-2.0
"""examples/weather, as docs/TESTING.md shows it: the app's own suite, for Python and Node.js, and its CI file step by step."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import textwrap

import pytest
from dragoman import BINARY, ROOT, environment, free_port

EXAMPLE = ROOT / "examples/weather"
MODULES = pathlib.Path(os.environ.get("NODE_FOLDER", ROOT / "build/node")) / "node_modules"
LOCKED = MODULES / f"node-linux-{ {'x86_64': 'x64', 'aarch64': 'arm64'}.get(platform.machine(), 'none') }/bin/node"


@pytest.fixture
def app(tmp_path):
    """The example in a folder of its own, with what "pip install" and "npm install" would have brought, and the programs."""
    folder, programs = tmp_path / "weather", tmp_path / "bin"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "node_modules").symlink_to(MODULES)
    programs.mkdir()
    (programs / "dragoman").symlink_to(BINARY)
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python").chmod(0o755)
    if LOCKED.exists():
        (programs / "node").symlink_to(LOCKED)
    return folder


def run(app, *command, **env):
    env = environment(PATH=f"{app.parent / 'bin'}:{os.environ['PATH']}", PYTHONDONTWRITEBYTECODE="1", **env)
    done = subprocess.run(command, cwd=app, env=env, timeout=100, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


# What a step says when all tests of its suite have passed.
SUITES = {"Python": ("test_app.py", r"^def test_", "{} passed"), "Node.js": ("app.test.mjs", r'^test\("', "pass {}")}


def steps():
    """The steps of the CI file that run something, as (name, variables, script), but for those that install."""
    text = (EXAMPLE / "ci.yml").read_text()
    found = re.findall(r"^      - name: (.+)\n(?:        env:\n((?:          .+\n)+))?        run: \|\n((?:          .+\n)+)", text, re.M)
    assert len(found) == text.count("run: |")
    return [(name, dict(re.findall(r"(\w+): (.+)", env)), textwrap.dedent(script)) for name, env, script in found
            if not name.startswith(("Build", "Install"))]


@pytest.mark.parametrize("name, env, script", steps(), ids=[name.replace(" ", "-") for name, _, _ in steps()])
def test_the_ci_file(app, name, env, script):
    port = str(free_port())
    said = run(app, "bash", "-e", "-c", script.replace("8123", port), **{k: v.replace("8123", port) for k, v in env.items()})
    if name in SUITES:
        file, begin, passed = SUITES[name]
        tests = len(re.findall(begin, (app / file).read_text(), re.M))
        assert tests != 0 and passed.format(tests) in said, said


def test_each_suite_is_a_step():
    assert set(SUITES) <= {name for name, _, _ in steps()}


def test_the_recordings_are_as_they_were():
    """An answer of another version would surprise whoever copies the example."""
    done = subprocess.run([BINARY, "replay", EXAMPLE / "recordings"], capture_output=True, text=True, timeout=20, env=environment())
    assert (done.returncode, done.stdout) == (0, "2 recordings: 2 the same, 0 changed, 0 not run\n")
