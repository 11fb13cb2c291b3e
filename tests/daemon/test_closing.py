# SPDX-License-Identifier: Apache-2.0
"""A server that closes after every answer: a tenth of `make soak`'s requests (user-pain J7)."""

import asyncio

import closing


def test_each_request_is_answered_once():
    wrong, server, stats = asyncio.run(closing.run(1000))
    assert closing.good(1000, wrong, server, stats), (wrong[:5], server.answered.most_common(3), stats)
    assert server.connections >= 1000
