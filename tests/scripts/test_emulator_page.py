# SPDX-License-Identifier: Apache-2.0
"""docs/EMULATOR.md is what scripts/gen-emulator makes of the emulator's tables, and promises nothing for the future."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = "src/emulate"
PAGE = ROOT / "docs/EMULATOR.md"


def made(root=ROOT):
    return subprocess.run([ROOT / "scripts/gen-emulator", root], capture_output=True, text=True, check=True).stdout


class EmulatorPage(unittest.TestCase):
    def test_checked_in_as_made(self):
        self.assertEqual(PAGE.read_text(), made(), "run `make docs`")

    def test_every_rule_has_its_row_and_its_text(self):
        ids = re.findall(r"^RULE\((\w+),", (ROOT / FOLDER / "rules.def").read_text(), re.M)
        self.assertGreaterEqual(len(ids), 60)
        rows = re.findall(r"^\| `(\w+)` \| (?:400|404|warning) \| [^|]+ \| (?:LIVE|DOC|INFERRED): [^|]+ \| (.+) \|$", made(), re.M)
        self.assertEqual([row[0] for row in rows], ids)
        for _, text in rows:
            self.assertNotRegex(text, r"MORE|RANGE|BOTH|NULL")

    def test_every_answer_and_fault_says_how_sure_we_are(self):
        page, found = made(), 0
        for file, macros in (("responders.def", "RESPONDER|FINISH_REASON|USAGE_SHAPE"), ("faults.def", "REFUSES|BREAKS")):
            for line in re.findall(rf"^(?:{macros})\((.*)", (ROOT / FOLDER / file).read_text(), re.M):
                name, found = re.search(r'"([^"]+)"', line)[1], found + 1
                self.assertRegex(page, rf"(?m)^\| `{name}` \|(?:.*\|)? (?:LIVE|DOC|INFERRED|SSE)\b[^|]* \|")
        self.assertGreaterEqual(found, 60)

    def test_a_changed_text_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "src", pathlib.Path(folder, "src"))
            rules = pathlib.Path(folder, FOLDER, "rules.def")
            rules.write_text(rules.read_text().replace("Corrupted thought signature.", "Spoilt."))
            self.assertIn("**Gemini API** Spoilt.", made(folder))

    def test_nothing_is_put_off(self):
        self.assertNotRegex(PAGE.read_text().lower(), r"\blater\b|\bnot yet\b|\btodo\b")


if __name__ == "__main__":
    unittest.main()
