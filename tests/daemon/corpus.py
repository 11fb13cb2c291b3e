# SPDX-License-Identifier: Apache-2.0
"""The requests nobody should send, tests/http/corpus, as its README says to read them."""

import dataclasses
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "http/corpus"
ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|\*(\d+)\{([^{}]*)\}|p\{(\d+)\}|([rnt\\]))")
PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


@dataclasses.dataclass
class Case:
    name: str
    answers: list  # for each answer the statuses that it may have
    then: str
    why: str

    def sent(self):
        """Bytes, and numbers of seconds to wait, in order."""
        text = (FOLDER / f"{self.name}.http").read_bytes().replace(b"\r\n", b"").replace(b"\n", b"")
        return _spell_out(text)


def _spell_out(text):
    parts, at = [b""], 0
    for found in ESCAPE.finditer(text):
        parts[-1] += text[at:found.start()]
        at = found.end()
        byte, times, repeated, pause, plain = found.groups()
        if pause:
            parts += [int(pause) / 1000, b""]
        elif times:
            parts[-1] += int(times) * b"".join(_spell_out(repeated))
        else:
            parts[-1] += bytes([int(byte, 16)]) if byte else PLAIN[plain]
    parts[-1] += text[at:]
    return [part for part in parts if part]


def read():
    cases = []
    for line in (FOLDER / "index").read_text().splitlines():
        line = line.split("#", 1)[0].strip() if line.startswith("#") else line.strip()
        if not line:
            continue
        name, answers, then, _, why = line.split(None, 4)
        wanted = [] if answers == "-" else [[int(n) for n in one.split("|")] for one in answers.split(",")]
        cases.append(Case(name, wanted, then, why))
    return cases
