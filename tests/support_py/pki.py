# SPDX-License-Identifier: Apache-2.0
"""Certificates of a private authority, made by the openssl command when a test first wants one."""

import functools
import pathlib
import ssl
import subprocess
import tempfile

_folder = tempfile.TemporaryDirectory(prefix="dragoman-pki-")
FOLDER = pathlib.Path(_folder.name)

CONFIG = """
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:false
subjectAltName = {names}
"""


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def _key(name):
    key = FOLDER / f"{name}.key"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    return key


def _config(name, names):
    file = FOLDER / f"{name}.cnf"
    file.write_text(CONFIG.format(names=names))
    return file


def authority(name="ca"):
    """The path of an authority's certificate; its key stands beside it."""
    cert = FOLDER / f"{name}.pem"
    if cert.exists():
        return cert
    openssl("req", "-x509", "-new", "-key", _key(name), "-subj", f"/CN=Test Authority {name}", "-days", 30,
            "-config", _config(name, "DNS:unused"), "-extensions", "ca", "-out", cert)
    return cert


@functools.cache
def certificate(name="good", names="DNS:localhost,DNS:upstream.test,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1", days=(-1, 30),
                by="ca"):
    """(chain file, key file) of a server's certificate. days: from and to, counted from now. by=None: self-signed."""
    key, cert, config = _key(name), FOLDER / f"{name}.pem", _config(name, names)
    subject = f"/O=Tests/CN={name}"
    if by is None:
        openssl("req", "-x509", "-new", "-key", key, "-subj", subject, "-days", days[1], "-config", config,
                "-extensions", "leaf", "-out", cert)
        return cert, key
    request, ca = FOLDER / f"{name}.csr", authority(by)
    openssl("req", "-new", "-key", key, "-subj", subject, "-config", config, "-out", request)
    if days[1] > 0:
        openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca.with_suffix(".key"), "-set_serial",
                abs(hash(name)) % 10**9 + 1, "-days", days[1], "-extfile", config, "-extensions", "leaf", "-out", cert)
    else:
        database = FOLDER / f"{name}.db"
        database.write_text("")
        settings = FOLDER / f"{name}.ca.cnf"
        settings.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={FOLDER}\ndefault_md=sha256\n"
                            f"rand_serial=yes\npolicy=p\nemail_in_dn=no\n[p]\ncommonName=supplied\n"
                            "organizationName=optional\n")
        openssl("ca", "-batch", "-notext", "-config", settings, "-in", request, "-out", cert, "-cert", ca, "-keyfile",
                ca.with_suffix(".key"), "-startdate", "20200101000000Z", "-enddate", "20200201000000Z",
                "-extfile", config, "-extensions", "leaf")
    return cert, key


def server(cert=None, **options):
    """A server's ssl context; options are set on it: maximum_version=..."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*(cert or certificate()))
    for name, value in options.items():
        setattr(context, name, value)
    return context
