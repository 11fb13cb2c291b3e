# SPDX-License-Identifier: Apache-2.0
"""Lets tests here import corpus, leaving and waiting."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
