# SPDX-License-Identifier: Apache-2.0
"""What no log, page or report may have, whatever a test does."""

import re

# Keys of ours, Google's tokens and keys, private keys, what stands behind "Bearer" (the banner's own "test" apart).
SECRETS = re.compile(r"sk-dgm-[\w-]{20}|ya29\.\S{12}|AIza[\w-]{12}|eyJ[\w-]{20,}\.[\w-]{20,}|PRIVATE KEY|(?i:bearer) (?!test\b)\S{12}")
