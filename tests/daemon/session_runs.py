# SPDX-License-Identifier: Apache-2.0
"""The table of README.md that shows what becomes of sessions, made by running them: make sessions (SEEDS, TURNS)."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BEGIN, END = "<!-- made by make sessions -->\n", "<!-- until here -->"
# What is run, and which tests do it: the file, and what their names have.
RUNS = [
    ("ten rounds one after the other", "test_sessions.py", "test_ten_rounds"),
    ("three rounds of parallel calls", "test_sessions.py", "test_three_parallel_rounds"),
    ("ten rounds, killed (`kill -9`, all processes) between each call and its result", "test_sessions.py",
     "test_killed_between"),
    ("four workers", "test_sessions.py", "test_four_workers"),
    ("the store deleted, damaged, a byte of it wrong, read-only, full", "test_sessions.py",
     "test_deleted or test_damaged or test_a_byte or test_read_only or test_full or test_nowhere"),
    ("signatures altered, ids cut and changed", "test_sessions.py", "alters or altered or test_ids"),
    ("the model switched, a foreign history, the token renewed", "test_sessions.py",
     "test_another or test_a_foreign or test_what_one_keeps"),
    ("texts and images, of which the client sends back what it saw", "test_texts.py", "test"),
    ("100 rounds over two gateways behind nginx that share a Valkey", "test_valkey.py", "test_a_hundred"),
    ("Valkey killed and back, slow, refusing the password", "test_valkey.py", "test_killed or test_a_slow or test_a_wrong"),
    ("{seeds} random agents of {turns} turns: tools, parallel calls, images, streams left, history cut, ids changed",
     "test_agents.py", "test_agent"),
]


def run(file, names, options):
    """How many passed and failed, and how long they took."""
    report = ROOT / "build" / "sessions.xml"
    env = os.environ | {"AGENT_SEEDS": str(options.seeds), "AGENT_TURNS": str(options.turns)}
    report.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "pytest", "-q", ROOT / "tests/daemon" / file, "-k", names, f"--junitxml={report}"],
                   env=env, check=False, stdout=subprocess.DEVNULL)
    suite = next(ElementTree.parse(report).getroot().iter("testsuite")).attrib
    failed = int(suite["failures"]) + int(suite["errors"]) + int(suite["skipped"])
    return int(suite["tests"]) - failed, failed, float(suite["time"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--turns", type=int, default=50)
    options = parser.parse_args()
    rows, bad = ["| what | sessions | |\n", "|---|---|---|\n"], 0
    for what, file, names in RUNS:
        passed, failed, seconds = run(file, names, options)
        bad += failed + (passed == 0)
        verdict = "all went on" if failed == 0 and passed else f"**{failed} did not**"
        rows.append(f"| {what.format(seeds=options.seeds, turns=options.turns)} | {passed + failed} | {verdict} |\n")
        print(f"{rows[-1].strip()} {seconds:.0f} s", flush=True)
    readme = ROOT / "README.md"
    made, places = re.subn(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: BEGIN + "".join(rows) + END,
                           readme.read_text(), flags=re.S)
    if places != 1:
        sys.exit(f"README.md has {places} places for the table of sessions")
    readme.write_text(made)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
