# SPDX-License-Identifier: Apache-2.0
"""Many requests through build/dev/translate_many, on all cores."""

import concurrent.futures
import dataclasses
import json
import os
import subprocess

import wire
from dragoman import ROOT

PROGRAM = ROOT / "build/dev/translate_many"
A_RUN = 500  # requests for one process


@dataclasses.dataclass
class Outcome:
    """What became of one case; translate_many.c says what `told` has."""
    case: object
    told: dict
    judged: dict = None  # test_bodies.judged

    @property
    def refused(self):
        """The translator's error object, or None."""
        return self.told["error"]["error"] if "error" in self.told else None

    @property
    def native(self):
        return json.loads(self.told["native"])

    @property
    def emulator_status(self):
        return self.told["emulator"]["status"]

    @property
    def answers(self):
        """The emulator's answer, or each event of its stream."""
        told = self.told["emulator"]
        if told["type"] == "text/event-stream":
            return [json.loads(event) for event in wire.events(told["body"].replace("\r\n", "\n").encode())]
        return [json.loads(told["body"])]

    def show(self):
        """For a test's message: what to look at, in this order."""
        told = self.told
        lines = [f"{self.case.name} ({self.case.surface})", "  request: " + json.dumps(self.case.body)[:1500]]
        if self.refused:
            return "\n".join([*lines, f"  refused: {self.refused}"])
        return "\n".join([*lines, f"  native: {told['native'][:1500]}", f"  ignored: {told['ignored']}; schema: {told['schema']}",
                          f"  emulator: {told['emulator']['body'][:300]}"])


def _run(cases):
    text = "".join(case.line() + "\n" for case in cases)
    done = subprocess.run([PROGRAM], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    lines = done.stdout.decode().split("\n")[:-1]  # not splitlines: a text may have U+2028
    assert done.returncode == 0, f"it died at {cases[len(lines)].line()[:2000]}\n{done.stderr.decode()[-3000:]}"
    return [Outcome(case, json.loads(line)) for case, line in zip(cases, lines, strict=True)]


def translate(cases):
    """The outcome of each case, in their order."""
    cases = list(cases)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(_run, [cases[i:i + A_RUN] for i in range(0, len(cases), A_RUN)])
        return [outcome for run in runs for outcome in run]
