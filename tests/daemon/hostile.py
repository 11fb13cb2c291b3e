# SPDX-License-Identifier: Apache-2.0
"""Names that want to be more than a name: of a model, a project, a location, an endpoint (user-pain J17)."""

import itertools

GOOD = "gemini-2.5-flash"
WAYS_UP = ("..", "../x", "../../x", "../../../../v1/projects/other", "./x", "x/../y", "x/..", "..\\x", "x\\..\\y", "....//x",
           ".", "...", ".x", "x..y", "/", "//", "/x", "x/", "x//y", "///x")
AS_IT_IS = ("x y", " x", "x ", "\tx", "x\ty", "x\r\nHost: other.example", "x\nX-Goog-User-Project: other", "\r\n\r\nGET / HTTP/1.1",
            "x\0y", "\0", "x\x7f", "\x1b[31m", "x?alt=media", "?key=stolen", "x#y", "#", "x&y=z", "x;y", "x=y", "x+y", "x,y", "x*",
            "x|y", "x`id`", "$(id)", "${HOME}", "{x}", "[x]", "<x>", '"x"', "'x'", "x!y", "x%y", "%", "%%", "x~y", "x^y")
ADDRESSES = ("http://other.example/x", "https://other.example/x", "//other.example/x", "file:///etc/passwd", "ftp://x/y",
             "user:pass@other.example/x", "other.example:443/x", "[::1]/x", "169.254.169.254/latest/meta-data/x",
             "metadata.google.internal/computeMetadata/v1/x", "javascript:alert(1)/x", "data:text/plain,x/y")
UNICODE = ("é", "模型", "x\u200by", "\u202ex", "x\u2028y", "\ufeffx", "．．／x", "。。", "\u2215x", "x\u2044y", "\uff0e\uff0e",
           "\U0001f600", "x\u0301", "\u0000", "İ", "ß", "\uffff")
LONG = ("x" * 129, "x" * 513, "x" * 1025, "x" * 4096, "x" * 9000, "." * 300, "../" * 300, "a/" * 200 + "b", "é" * 300)
NATIVE = (":generateContent", "x:generateContent/../y", "models/../../x", "models/../" + GOOD, "publishers/google/models/../x",
          "publishers/../google/models/x", "google/../x", "google//x", "google/x/y/z", "projects/p/locations/../publishers/google/models/x",
          "projects/../locations/l/publishers/google/models/x", "tunedModels/../x", "models/", "google/", "gemini/", "")
OPENERS = ("", "google/", "models/", "publishers/google/models/", "gemini/")


def encoded(name):
    return "".join(f"%{byte:02x}" for byte in name.encode("utf-8", "surrogatepass"))


def percented(names):
    """As they stand in a URL: all of it, all but letters and digits, and twice."""
    for name in names:
        yield encoded(name)
        yield "".join(c if c.isascii() and c.isalnum() else encoded(c).upper() for c in name)
        yield encoded(name).replace("%", "%25")


def models():
    """For a body. Each is a name that no upstream must see."""
    plain = [*WAYS_UP, *AS_IT_IS, *ADDRESSES, *UNICODE, *LONG]
    texts = [opener + name for opener, name in itertools.product(OPENERS, plain)]
    return list(dict.fromkeys([*texts, *NATIVE, *percented([*WAYS_UP[:8], *ADDRESSES[:4]])]))


def segments():
    """For one segment of a path, as bytes can stand in a request line."""
    names = [*WAYS_UP, *AS_IT_IS, *ADDRESSES, *UNICODE, *LONG[:3]]
    texts = [name for name in percented(names) if name]
    return list(dict.fromkeys(text.encode("utf-8", "surrogatepass").decode("latin-1") for text in texts))
