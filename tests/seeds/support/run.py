# SPDX-License-Identifier: Apache-2.0
"""Runs a Python sample as `python SAMPLE` would: run.py SAMPLE [ask|expiry]

With "ask", the sample only makes a `client`; it is then asked one question, so that there is an answer to look at. With
"expiry" the client is asked on until its first token has to be replaced; the tokens that were issued are counted at their
server.
"""

import datetime
import json
import os
import runpy
import sys
import time
import urllib.request


def ask(names):
    print(names["client"].chat.completions.create(
        model="google/" + names.get("MODEL_ID", os.environ["MODEL_ID"]),
        messages=[{"role": "user", "content": "Why is the sky blue?"}],
    ))


def tell_issued():
    with urllib.request.urlopen(f"http://{os.environ['GCE_METADATA_HOST']}/_dragoman/identity") as page:
        print("issued:", json.load(page)["/computeMetadata/v1/{id+}"]["issued"])


def outlast_a_token(names):
    """Four seconds are before google-auth's time to refresh, six behind it; counted from the token's own time."""
    began = names["client"].creds.expiry.replace(tzinfo=datetime.timezone.utc).timestamp() - 230
    tell_issued()
    while time.time() < began + 3.5:
        ask(names)
        time.sleep(0.5)
    tell_issued()
    time.sleep(max(0, began + 6 - time.time()))
    for _ in range(2):
        ask(names)
        tell_issued()


names = runpy.run_path(sys.argv[1], run_name="__main__")
if sys.argv[2:] == ["ask"]:
    ask(names)
elif sys.argv[2:] == ["expiry"]:
    outlast_a_token(names)
