# SPDX-License-Identifier: Apache-2.0
"""Runs a Python sample as `python SAMPLE` would, on a machine that has Google credentials: run.py SAMPLE [ask]

The one thing that is not real is google.auth.default: it gives credentials whose refresh() yields the token in
SEED_TOKEN, until the emulator has identity servers for the real one to ask. With "ask", the sample only makes a
`client`; it is then asked one question, so that there is an answer to look at.
"""

import os
import runpy
import sys

import google.auth
import google.auth.credentials


class StaticCredentials(google.auth.credentials.Credentials):
    def refresh(self, request):
        self.token = os.environ["SEED_TOKEN"]


def default(scopes=None, **_):
    return StaticCredentials(), os.environ["PROJECT_ID"]


google.auth.default = default
names = runpy.run_path(sys.argv[1], run_name="__main__")
if sys.argv[2:] == ["ask"]:
    print(names["client"].chat.completions.create(
        model="google/" + names.get("MODEL_ID", os.environ["MODEL_ID"]),
        messages=[{"role": "user", "content": "Why is the sky blue?"}],
    ))
