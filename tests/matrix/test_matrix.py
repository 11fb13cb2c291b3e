# SPDX-License-Identifier: Apache-2.0
"""Every client in every cell, streamed and not; every answer that went by; the table."""

import json
import os

import cells
import clients
import pytest
import shapes
import table
from chunks import check_chunks, check_completion
from dragoman import ROOT

pytestmark = pytest.mark.timeout(400)  # the first test waits for all clients


CELLS = [pytest.param(client, cell, stream, id=cells.label(client, cell, stream))
         for client in clients.ALL for cell in cells.ALL for stream in cells.MODES]


@pytest.mark.parametrize("client, cell, stream", CELLS)
def test_cell(matrix, client, cell, stream):
    cannot = client.cannot.get(cell.name)
    if not cannot:
        matrix.judge(client, cell, stream)
        return
    assert matrix.fault(client, cell, stream), f"it can: {cannot.why}"
    matrix.judge(client, cell, stream, cannot.judge)


@pytest.mark.parametrize("client", clients.ALL, ids=lambda client: client.name)
def test_all_answers_are_openais(matrix, client):
    """Completions, chunks and errors: each by itself as OpenAI publishes it, and together as dragoman.h promises."""
    names = {cells.label(client, cell, stream) for cell in cells.ALL for stream in cells.MODES}
    exchanges = [exchange for exchange in matrix.exchanges if exchange.cell in names]
    assert {exchange.cell for exchange in exchanges} == names
    for exchange in exchanges:
        assert exchange.whole, f"{exchange.cell}: the client did not read to the end"
        texts = exchange.events if exchange.streams else [exchange.answer.decode()]
        if done := texts[-1] == "[DONE]":
            texts.pop()
        for text in texts:
            shapes.check(text)
        asked, found = exchange.request, [json.loads(text) for text in texts]
        if "error" in found[-1]:
            assert not done
        elif exchange.streams:
            assert done
            check_chunks(found, asked["model"], usage=(asked.get("stream_options") or {}).get("include_usage", False))
        else:
            check_completion(found[0], asked["model"])


def test_no_stand_in(matrix):
    """Of all sessions each call had its own signature back."""
    assert matrix.stats["signatures_recalled_total"] >= 2 * 55 * len(clients.ALL)
    assert matrix.stats["stand_ins_total"] == matrix.stats["signatures_lost_total"] == 0


def test_table(matrix):
    """What README.md shows is what this run has found; MATRIX=write writes it."""
    readme, made = ROOT / "README.md", table.made(matrix)
    text = readme.read_text()
    assert len(table.SECTION.findall(text)) == 1
    if os.environ.get("MATRIX") == "write":
        readme.write_text(table.SECTION.sub(lambda _: table.FIRST + made + table.LAST, text))
        return
    assert table.SECTION.search(text)[1] == made, "`make matrix` writes it anew"
