# SPDX-License-Identifier: Apache-2.0
"""What the judges share: how many requests there are, their outcomes, and Google's classes."""

import collections
import os
import pathlib
import re
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402
import google_types  # noqa: E402
import many  # noqa: E402
from dragoman import ROOT  # noqa: E402


def amount(whole):
    """Of so many cases, those that this run makes: all of them in CI and `make judges`, else a tenth."""
    return whole if os.environ.get("JUDGES") == "all" or os.environ.get("CI") == "true" else whole // 10


class Node:
    """What scripts/setup-node made of node/package.json: a Node and packages for it."""

    folder = pathlib.Path(os.environ.get("JUDGES_NODE", ROOT / "build/judges-node"))
    program = str(folder / "node_modules/.bin/node")

    def loaded(self, name):
        """A module of printed/, put where it finds the packages that it imports."""
        made = self.folder / "printed"
        shutil.copytree(HERE / "printed", made, dirs_exist_ok=True, ignore=shutil.ignore_patterns("go", "*.py"))
        return str(made / name)


NODE = Node()
PYTHONS = pathlib.Path(os.environ.get("JUDGES_MCP", ROOT / "build/judges-mcp")) / "bin"


@pytest.fixture(scope="session")
def judges():
    return google_types.judges()


class Outcomes:
    """Outcomes by kind, made once."""

    WHOLE = {"request": 10000, "history": 10000, "pruning": 1000, "growing": 2000}

    def __init__(self):
        self.made = {}

    def __getitem__(self, kind):
        if kind not in self.made:
            self.made[kind] = many.translate(generate.cases(kind, amount(self.WHOLE[kind])))
        return self.made[kind]


@pytest.fixture(scope="session")
def outcomes():
    return Outcomes()


class Found(list):
    """Defects: add(why, text). verdict() fails with their number by reason, and the shortest of each."""

    def add(self, why, text):
        self.append((re.sub(r"\d+", "_", why), text))

    def verdict(self, looked_at):
        assert looked_at > 0, "nothing was looked at"
        groups = collections.defaultdict(list)
        for why, text in self:
            groups[why].append(text)
        shown = [f"{len(texts)} times: {why}\n{min(texts, key=len)}" for why, texts in groups.items()]
        pytest.fail(f"{len(self)} of {looked_at}, in {len(groups)} ways\n\n" + "\n\n".join(shown[:12]), pytrace=False) if self else None


@pytest.fixture
def found():
    return Found()
