# SPDX-License-Identifier: Apache-2.0
"""Lets `import leaving` find its module."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
