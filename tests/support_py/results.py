# SPDX-License-Identifier: Apache-2.0
"""Figures of long runs: a JSON line each in bench/results, so that those of two commits can be compared."""

import datetime
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "bench/results"


def append(bench, command, found, out=None):
    """Of what `command` found, a dict; into bench/results/BENCH.jsonl, or `out`. It is printed too."""
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    line = json.dumps({"bench": bench, "commit": head.stdout.strip(), "date": datetime.date.today().isoformat(),
                       "command": command, **found})
    out = out or FOLDER / f"{bench}.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a") as file:
        file.write(line + "\n")
    print(line, flush=True)
