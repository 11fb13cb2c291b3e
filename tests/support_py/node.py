# SPDX-License-Identifier: Apache-2.0
"""Node.js for tests: the locked one where it was set up, else the system's; and the packages it finds."""

import os
import pathlib
import platform

from dragoman import ROOT

MODULES = pathlib.Path(os.environ.get("NODE_FOLDER", ROOT / "build/node")) / "node_modules"
_ARCH = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "none")
_LOCKED = MODULES / f"node-linux-{_ARCH}/bin/node"
NODE = str(_LOCKED) if _LOCKED.exists() else "node"
