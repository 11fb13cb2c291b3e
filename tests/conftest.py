# SPDX-License-Identifier: Apache-2.0
"""Fixtures of every test that needs a running Dragoman."""

import pytest

from dragoman import Daemon


@pytest.fixture(scope="session")
def daemon():
    """One for all tests that leave it as it was: one worker, a fast emulator."""
    running = Daemon()
    try:
        running.wait_ready()
    except BaseException:
        running.kill()
        raise
    yield running
    running.stop()


@pytest.fixture
def start():
    """start("timeouts.head=300ms", workers=2): one of the test's own, held to a clean end like the shared one."""
    started = []

    def start_one(*settings, **options):
        running = Daemon(*settings, **options)
        started.append(running)
        return running.wait_ready()

    yield start_one
    bad = []
    for running in started:
        try:
            running.stop()
        except AssertionError as error:
            bad.append(str(error))
    assert not bad, "\n".join(bad)
