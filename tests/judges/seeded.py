# SPDX-License-Identifier: Apache-2.0
"""Randomness out of seeds, and JSON values of it: the same seed makes the same value on every machine."""

import random
import string


class Source(random.Random):
    """random.Random with what the generators keep asking for."""

    def maybe(self, share):
        return self.random() < share

    def word(self):
        return "".join(self.choice(string.ascii_lowercase) for _ in range(self.randint(1, 9)))

    def text(self):
        kind = self.randrange(12)
        if kind == 0:
            return self.choice(["", " ", "\n", "\t \n"])
        if kind == 1:
            return self.choice(["naïve – 東京 🦊", "\ud83d", "a\udc00b", "\u0000", "\u2028", '"\\/\b', "{}", "null", "[1"])
        return " ".join(self.word() for _ in range(self.randint(1, 12)))

    def some(self, items, share=0.5):
        return [item for item in items if self.maybe(share)]


def source(kind, seed, number):
    return Source(f"{kind}/{seed}/{number}")


def value(rng, depth=3):
    """Any JSON value, the odd numbers among them."""
    kind = rng.randrange(9 if depth else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice([0, -1, 1, 2512292042121000001, 10**30, -(2**63)])
    if kind == 2:
        return rng.choice([0.5, -0.0, 1e-7, 5.0, 1e21])
    if kind <= 5:
        return rng.text()
    if kind == 6:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return json_object(rng, depth - 1)


def json_object(rng, depth=2):
    return {rng.word(): value(rng, depth) for _ in range(rng.randrange(4))}
