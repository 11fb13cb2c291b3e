# SPDX-License-Identifier: Apache-2.0
"""An hour of the day that `make soak-identity` is: a minute."""

import os

import pytest
import soaking_identity

pytestmark = pytest.mark.alone

SECONDS = float(os.environ.get("SOAK_IDENTITY_SECONDS", 60))


def test_no_401_reaches_a_client():
    found = soaking_identity.soak(SECONDS)
    assert found.good(SECONDS * soaking_identity.LEAST_A_SECOND), (found.statuses, found.log[-4000:])
    assert found.revoked >= SECONDS / 25 and found.away >= SECONDS / 30 and found.refused >= found.revoked
    assert found.tokens <= 3 + found.revoked + SECONDS / (soaking_identity.LIFE_S / 2) and found.slowest_s < 5, found
