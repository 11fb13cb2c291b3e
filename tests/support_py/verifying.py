# SPDX-License-Identifier: Apache-2.0
"""Google as a test wants it, for a gateway with auth.google=verify: keys of ID tokens, and whose access tokens are; it counts."""

import base64
import hashlib
import hmac
import json
import threading
import time

import jwt
import upstream
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ISSUER = "https://accounts.google.com"
AUDIENCE = "https://gateway.example"
CLIENT = "1234-web.apps.googleusercontent.com"
JANE = "jane@example.com"
ROBOT = "robot@my-project.iam.gserviceaccount.com"
HEAD = b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n"
KEYS = {}


def key(kid):
    """Made once in a run: it takes a while."""
    if kid not in KEYS:
        KEYS[kid] = rsa.generate_private_key(65537, 2048)
    return KEYS[kid]


def part(value):
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=").decode()


def claims(**more):
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": AUDIENCE, "azp": CLIENT, "sub": "1067", "email": JANE, "email_verified": True, "hd": "example.com",
             "iat": now - 5, "exp": now + 600}
    return {name: value for name, value in (whole | more).items() if value is not None}


def id_token(kid="one", alg="RS256", signer=None, **more):
    return jwt.encode(claims(**more), signer or key(kid), alg, {"kid": kid})


def unsigned(**more):
    return ".".join((part({"alg": "none", "kid": "one"}), part(claims(**more)), ""))


def confused(**more):
    """HS256, with the public key's text as the secret."""
    pem = key("one").public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = part({"alg": "HS256", "typ": "JWT", "kid": "one"}) + "." + part(claims(**more))
    return text + "." + part(hmac.new(pem, text.encode(), hashlib.sha256).digest())


class Google:
    """kids: of the keys it has. down: it breaks off; status: it answers with that instead; wait_s: it takes so long; said: instead
    of what it knows."""

    def __init__(self, tls=None):
        self.kids, self.cache, self.down, self.status, self.wait_s, self.said = ["one"], "public, max-age=3600", False, None, 0, None
        self.tokens, self.asked, self.requests, self.lock, self.busy, self.most = {}, {"/certs": 0, "/tokeninfo": 0}, [], threading.Lock(), 0, 0
        self.server = upstream.Upstream(self._serve, tls=tls)

    def _serve(self, peer):
        while request := peer.request():
            path = request.path.split("?")[0]
            with self.lock:
                self.asked[path] = self.asked.get(path, 0) + 1
                self.requests.append(request)
                self.busy += 1
                self.most = max(self.most, self.busy)
            time.sleep(self.wait_s)
            with self.lock:
                self.busy -= 1
            if self.down:
                return
            status, said = self._certs() if path == "/certs" else self._info(request)
            head = HEAD % (self.status or status)
            if path == "/certs" and self.cache:
                head += b"Cache-Control: " + self.cache.encode() + b"\r\n"
            peer.send(upstream.sized((self.said or json.dumps(said)).encode(), head))

    def _certs(self):
        keys = [json.loads(RSAAlgorithm.to_jwk(key(kid).public_key())) | {"kid": kid, "use": "sig", "alg": "RS256"} for kid in self.kids]
        return 200, {"keys": [{name: value for name, value in one.items() if name != "key_ops"} for one in keys]}

    def _info(self, request):
        info = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if info is None or info["exp"] <= time.time():
            return 400, {"error": "invalid_token", "error_description": "Invalid Value"}
        return 200, {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in info.items()}

    def access_token(self, life=600, **more):
        with self.lock:
            token = f"ya29.shown-{len(self.tokens)}-{time.time_ns():x}"
        whole = {"azp": CLIENT, "aud": CLIENT, "sub": "1067", "scope": f"openid {SCOPE}", "exp": int(time.time() + life), "expires_in": life,
                 "email": JANE, "email_verified": True, "access_type": "online"}
        self.tokens[token] = {name: value for name, value in (whole | more).items() if value is not None}
        return token

    def settings(self, **rules):
        """For a gateway; a rule is a text, "a,b"."""
        at = {"jwks_url": self.server.url + "/certs", "tokeninfo_url": self.server.url + "/tokeninfo"} | rules
        return ["auth.google=verify", *(f"auth.verify.{name}={value}" for name, value in at.items())]

    def close(self):
        self.server.close()
