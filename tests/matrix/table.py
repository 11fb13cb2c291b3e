# SPDX-License-Identifier: Apache-2.0
"""The table of README.md, made of a run."""

import re

import cells
import clients

FIRST, LAST = "<!-- made by make matrix -->\n", "<!-- until here -->\n"
SECTION = re.compile(re.escape(FIRST) + "(.*?)" + re.escape(LAST), re.S)


def made(matrix):
    """Its lines between the marks. A cell is good when the whole answer and the stream are."""
    notes = []
    lines = ["| client | " + " | ".join(cell.title for cell in cells.ALL) + " |",
             "| --- |" + " :---: |" * len(cells.ALL)]
    for client in clients.ALL:
        row = []
        for cell in cells.ALL:
            if cannot := client.cannot.get(cell.name):
                notes.append(f"{client.name}: {cannot.why}.")
                row.append(f"- ({len(notes)})")
            else:
                row.append("no" if any(matrix.fault(client, cell, stream) for stream in cells.MODES) else "yes")
        versions = ", ".join(f"{name} {version}" for name, version in matrix.runs[client].versions.items())
        lines.append(f"| **{client.name}**: {versions} | " + " | ".join(row) + " |")
    return "\n".join(lines + [""] + [f"{i}. {note}" for i, note in enumerate(notes, 1)]) + "\n"
