# SPDX-License-Identifier: Apache-2.0
"""Credentials for a gateway's upstream, and servers of a test's own: one that hands out tokens, one that asks for them."""

import json
import subprocess
import threading
import time
import urllib.parse

import upstream
from dragoman import BINARY, environment

POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci"
TYPE = "urn:ietf:params:oauth:token-type:"
IAM = "/v1/projects/-/serviceAccounts/robot@my-project.iam.gserviceaccount.com:generateAccessToken"
ROBOT = "robot@my-project.iam.gserviceaccount.com"


def create(url, folder, name="robot", *options):
    """A file of `dragoman credentials create`; the daemon at `url` has the same store."""
    file = folder / f"{name}.json"
    subprocess.run([BINARY, "credentials", "create", name, "--token-uri", url + "/token", "--out", file,
                    "--set", f"store.path={folder / 'store'}", *options], check=True, env=environment(), capture_output=True)
    return file


def write(file, **members):
    file.write_text(json.dumps(members))
    return file


def federated(url, source, impersonated=False, **more):
    members = {"type": "external_account", "audience": POOL, "subject_token_type": TYPE + "jwt", "token_url": url + "/v1/token",
               "credential_source": source, **more}
    return members | ({"service_account_impersonation_url": url + IAM} if impersonated else {})


class Issuer:
    """A token server that counts, and does what a test wants: `down` breaks off, `refusal` is (status, members). Each token
    is good until it is revoked or its time is over. ends: the expireTime of those of a service account that is impersonated."""

    def __init__(self, life=3600, tls=None):
        self.life, self.down, self.refusal, self.wait_s, self.good, self.forms = life, False, None, 0, {}, []
        self.ends, self.paths, self.lock = None, [], threading.Lock()
        self.server = upstream.Upstream(self._serve, tls=tls)

    def _serve(self, peer):
        while request := peer.request():
            with self.lock:
                self.paths.append(request.path)
                self.forms.append(dict(urllib.parse.parse_qsl(request.body.decode())))
            time.sleep(self.wait_s)
            if self.down:
                return
            if request.path.endswith("info"):
                peer.send(upstream.sized(b'{"email": "told@example.com"}'))
                continue
            status, said = self.refusal or (200, self._grant(request.path == IAM))
            peer.send(upstream.sized(json.dumps(said).encode(), b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n" % status))

    def _grant(self, impersonated):
        if impersonated:
            return {"accessToken": self.issue(), "expireTime": self.ends}
        return {"access_token": self.issue(), "expires_in": self.life, "token_type": "Bearer"}

    def issue(self):
        with self.lock:
            token = f"ya29.issued-{len(self.good)}-{time.time_ns():x}"
            self.good[token] = time.monotonic() + self.life
        return token

    def revoke(self):
        with self.lock:
            self.good = dict.fromkeys(self.good, 0)

    def knows(self, token):
        return self.good.get(token, 0) > time.monotonic()

    @property
    def issued(self):
        return len(self.good)

    @property
    def url(self):
        return self.server.url

    def close(self):
        self.server.close()


def guarded(issuer):
    """behave() of an upstream that answers whoever has a good token, and 401 to others."""
    refusal = json.dumps([{"error": {"code": 401, "message": "Request had invalid authentication credentials.",
                                     "status": "UNAUTHENTICATED"}}]).encode()

    def behave(peer):
        while request := peer.request():
            known = issuer.knows(request.headers.get("authorization", "").removeprefix("Bearer "))
            peer.server.refused = getattr(peer.server, "refused", 0) + (not known)
            peer.send(upstream.answer(request) if known else upstream.sized(refusal, b"HTTP/1.1 401 Unauthorized\r\n"))
    return behave


def user(folder, url, **more):
    """A user's credentials, whose token server is at `url`."""
    return write(folder / "user.json", type="authorized_user", client_id="me", client_secret="GOCSPX-a-secret-of-mine",
                 refresh_token="1//a-refresh-token-of-mine-that-is-long", token_uri=url + "/token", account="me@example.com", **more)
