# SPDX-License-Identifier: Apache-2.0
"""Native bodies, golden and generated, before judges that are not ours: Google's message classes, and the emulator."""

import json

import pytest
from dragoman import ROOT

pytestmark = pytest.mark.timeout(600)  # all of them, under sanitizers, on a busy machine

KINDS = ("request", "history", "pruning", "growing")


GOLDEN = {"gemini.json": "request", "cached.json": "request", "cache.json": "cache"}


def golden_bodies():
    """Whole ones, what is kept of those that mark something, and what goes then."""
    for folder in sorted((ROOT / "tests/golden/request").iterdir()):
        options = (folder / "options").read_text().split() if (folder / "options").exists() else []
        for file, kind in GOLDEN.items():
            if (folder / file).exists():
                yield folder.name, "gemini" if "gemini" in options else "vertex", kind, json.loads((folder / file).read_text())


def judged(judges, outcome):
    """What Google's classes find wrong with an outcome's body, and with its good answers; asked once."""
    if outcome.judged is None:
        judge = judges[outcome.case.surface].judge
        answers = outcome.answers if outcome.emulator_status == 200 else []
        outcome.judged = {"request": [what for what in [judge("request", outcome.native)] if what],
                          "response": [what for answer in answers if (what := judge("response", answer))]}
    return outcome.judged


def test_golden(judges, found):
    bodies = list(golden_bodies())
    assert {kind for _, _, kind, _ in bodies} == set(GOLDEN.values())
    for name, surface, kind, body in bodies:
        if what := judges[surface].judge(kind, body):
            found.add(what, f"{name}: {json.dumps(body)[:1500]}")
    found.verdict(len(bodies))


@pytest.mark.parametrize("kind", KINDS)
def test_google_parses_the_request(kind, outcomes, judges, found):
    good = [o for o in outcomes[kind] if not o.refused]
    for o in good:
        for what in judged(judges, o)["request"]:
            found.add(what, o.show())
    found.verdict(len(good))


@pytest.mark.parametrize("kind", KINDS)
def test_google_parses_the_answer(kind, outcomes, judges, found):
    """The emulator's answers, whole ones and each event of a stream."""
    good = [o for o in outcomes[kind] if not o.refused and o.emulator_status == 200]
    assert any(o.case.body.get("stream") for o in good) and any(not o.case.body.get("stream") for o in good)
    for o in good:
        for what in judged(judges, o)["response"]:
            found.add(what, o.show())
    found.verdict(len(good))


@pytest.mark.parametrize("kind", KINDS)
def test_refused_only_where_it_is_odd(kind, outcomes, found):
    """The translator's own 400s: for what the case is odd in, and nothing else."""
    for o in outcomes[kind]:
        if o.refused and not o.case.forgives(o.refused["param"]):
            found.add(f"{o.refused['param']}: {o.refused['message']}", o.show())
    found.verdict(len(outcomes[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_emulator_never_refuses(kind, outcomes, found):
    good = [o for o in outcomes[kind] if not o.refused]
    for o in good:
        if o.emulator_status != 200:
            found.add(json.loads(o.told["emulator"]["body"].strip("[]"))["error"]["message"], o.show())
    found.verdict(len(good))


@pytest.mark.parametrize("kind", KINDS)
def test_client_gets_an_answer(kind, outcomes, found):
    good = [o for o in outcomes[kind] if not o.refused and o.emulator_status == 200]
    for o in good:
        if o.told["reply"]["status"] != 200:
            found.add(o.told["reply"]["body"], o.show())
    found.verdict(len(good))


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_same(kind, outcomes, found):
    good = [o for o in outcomes[kind] if not o.refused]
    for o in good:
        if not o.told["same"]:
            found.add("another body", o.show())
    found.verdict(len(good))


def test_newer_members_are_needed(outcomes, judges):
    """What newer.txt lists was met in some body or answer, and the package does not know it."""
    for kind in KINDS:
        for o in outcomes[kind]:
            if not o.refused:
                judged(judges, o)
    for _, surface, kind, body in golden_bodies():
        judges[surface].judge(kind, body)
    for judge in judges.values():
        assert judge.unneeded() == [], f"{judge.surface}: not needed in newer.txt"
