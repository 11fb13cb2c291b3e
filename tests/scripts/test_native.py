# SPDX-License-Identifier: Apache-2.0
"""src/emulate/native.def is what scripts/gen-native makes of native-fields.json, and the check sees when it is not."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = "src/emulate"


def check(root):
    return subprocess.run([ROOT / "scripts/gen-native", "--check", root], capture_output=True, text=True)


class Native(unittest.TestCase):
    def test_checked_in_as_made(self):
        done = check(ROOT)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_changed_fact_is_seen_and_made(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, FOLDER)
            copy.mkdir(parents=True)
            for name in ("native-fields.json", "native.def"):
                shutil.copy(ROOT / FOLDER / name, copy / name)
            facts = copy / "native-fields.json"
            facts.write_text(facts.read_text().replace('"seed int32', '"sead int32'))
            self.assertNotEqual(check(folder).returncode, 0)
            subprocess.run([ROOT / "scripts/gen-native", folder], check=True)
            self.assertEqual(check(folder).returncode, 0)
            self.assertIn('FIELD("sead", "sead", INT32', (copy / "native.def").read_text())


if __name__ == "__main__":
    unittest.main()
