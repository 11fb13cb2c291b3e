# SPDX-License-Identifier: Apache-2.0
"""The emulated identity servers as tests use them, and what Google's libraries want to find in their environment."""

import base64
import json
import time
import urllib.parse

import wire

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ACCOUNT = "dragoman@my-project.iam.gserviceaccount.com"
METADATA = "/computeMetadata/v1/"
TOKEN = METADATA + "instance/service-accounts/default/token"
PAGE = "/_dragoman/identity"
FLAVOR = {"Metadata-Flavor": "Google"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def variables(daemon, folder, **more):
    """For Google's libraries on a machine whose metadata server is the daemon, with nothing of gcloud's in its home."""
    at = f"127.0.0.1:{daemon.port}"
    return {"GCE_METADATA_HOST": at, "GCE_METADATA_IP": at, "CLOUDSDK_CONFIG": str(folder), "HOME": str(folder), **more}


def subject(head=None, **claims):
    """A JWT of some issuer's, all in order but for its signature, which nobody here can check. A claim that is None is left out."""
    now = int(time.time())
    whole = {"iss": "https://ci.example", "aud": "https://gateway.example", "iat": now - 10, "exp": now + 600, "sub": "somebody"} | claims
    parts = ({"alg": "RS256", "typ": "JWT", "kid": "k1"} | (head or {}), {k: v for k, v in whole.items() if v is not None})
    return ".".join([base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts] + ["c2lnbmVk"])


def form(daemon, path, headers=None, **members):
    """Posts a form, as token servers want it."""
    body = urllib.parse.urlencode(members).encode()
    return daemon.ask(wire.request("POST", path, body, FORM | (headers or {})))


def metadata(daemon, path, **headers):
    return daemon.ask(wire.request("GET", METADATA + path, headers=FLAVOR | headers))


def token(daemon, scopes=None):
    """An access token of the machine's account."""
    query = f"?scopes={scopes}" if scopes is not None else ""
    return metadata(daemon, "instance/service-accounts/default/token" + query).json["access_token"]


def bearer(value):
    return {"Authorization": f"Bearer {value}"}


def revoke(daemon, **what):
    answer = daemon.ask(wire.request("POST", PAGE + "/revoke", json.dumps(what).encode()))
    assert answer.status == 204, answer.body


def issued(daemon, server="/computeMetadata/v1/{id+}"):
    """How many tokens a server has handed out."""
    return daemon.get(PAGE).json[server]["issued"]
