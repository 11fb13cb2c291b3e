# SPDX-License-Identifier: Apache-2.0
"""What a growing conversation must keep: the body of one more turn begins with the former body (user-pain K3, A7)."""

import dataclasses

import many
import pytest

pytestmark = pytest.mark.timeout(600)  # all of them, under sanitizers, on a busy machine

# The stand-in for a signature that nobody knows belongs to the current turn alone (user-pain D8), so it goes when that
# turn is over. A signature that is known stays.
STAND_IN = ',"thoughtSignature":"skip_thought_signature_validator"'


def test_one_more_turn_is_a_prefix(outcomes, found):
    before = [o for o in outcomes["growing"] if not o.refused]
    longer = [dataclasses.replace(o.case, body=o.case.body | {"messages": o.case.body["messages"] + o.case.tail}) for o in before]
    for old, new in zip(before, many.translate(longer), strict=True):
        assert not new.refused, new.show()
        opened, whole = (o.told["native"].replace(STAND_IN, "") for o in (old, new))
        opened = opened.rstrip("]}")
        if not whole.startswith(opened):
            same = next(i for i, (a, b) in enumerate(zip(opened, whole + "\0")) if a != b)
            found.add(f"another byte behind {opened[same - 20:same]!r}", f"{old.show()}\n  longer, from there: {whole[same:same + 300]}")
    found.verdict(len(before))
