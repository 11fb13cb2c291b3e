# SPDX-License-Identifier: Apache-2.0
"""Stands in for Google's package of this name, which the samples only initialise: init() remembers two names and
asks nobody. As the real one does, importing it brings google.auth.transport.requests along; the samples need that."""

import google.auth.transport.requests  # noqa: F401


def init(*, project, location):
    assert project and location
