# SPDX-License-Identifier: Apache-2.0
"""A file of clients' keys, as `dragoman keys` makes it."""

import subprocess

from dragoman import BINARY, environment


class Keyring:
    """keys: the last one that was made for each name."""

    def __init__(self, folder):
        self.path, self.keys = folder / "dragoman.keys", {}

    @property
    def setting(self):
        return f"auth.keys={self.path}"

    def run(self, *words):
        return subprocess.run([str(BINARY), "keys", *words, "--file", str(self.path)], capture_output=True, text=True, timeout=30,
                              env=environment())

    def add(self, name, *options, **limits):
        words = [f"--{word.replace('_', '-')}={value}" for word, value in limits.items()]
        done = self.run("add", name, *options, *words)
        assert done.returncode == 0, done.stderr
        self.keys[name] = done.stdout.strip()
        return self.keys[name]

    def revoke(self, name, *options):
        done = self.run("revoke", name, *options)
        assert done.returncode == 0, done.stderr
