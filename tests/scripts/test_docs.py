# SPDX-License-Identifier: Apache-2.0
"""docs/COMPAT.md, docs/TESTING.md and docs/PAINS.md say what the tables say, and the tables know every member that there is."""

import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# The members of CreateChatCompletionRequest in OpenAI's published schema 2.3.0.
MEMBERS = """audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages
    metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key
    prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop
    store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options"""

# What Google's documents list for extra_body.google in chat completions, and labels.
GOOGLE = """aspect_ratio cached_content generation_config labels media_resolution safety_settings
    stream_function_call_arguments thinking_config thought_tag_marker tools"""


class Compat(unittest.TestCase):
    def setUp(self):
        self.page = (ROOT / "docs/COMPAT.md").read_text()

    def section(self, title):
        return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", self.page, flags=re.M | re.S).group(1)

    def test_is_made_of_the_tables(self):
        made = subprocess.run([ROOT / "docs/make-COMPAT.md"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(self.page, made, "run: make docs")

    def test_has_every_member(self):
        for title, names in [("Members of the request", MEMBERS), ("Google's own members", GOOGLE)]:
            lines = self.section(title)
            for name in names.split():
                with self.subTest(name=name):
                    self.assertRegex(lines, rf"(?m)^\| `{name}` \|")

    def test_promises_nothing(self):
        self.assertNotRegex(self.page, r"(?i)\b(later|not yet|todo|will be)\b")

    def test_says_what_becomes_of_each(self):
        for line in re.findall(r"^\| `.*$", self.section("Members of the request"), flags=re.M):
            with self.subTest(line=line[:40]):
                self.assertNotEqual(line.split(" | ")[2].strip(), "")


class Testing(unittest.TestCase):
    def test_is_made_of_the_examples_and_the_tables(self):
        made = subprocess.run([ROOT / "docs/make-TESTING.md"], capture_output=True, text=True, check=True).stdout
        self.assertEqual((ROOT / "docs/TESTING.md").read_text(), made, "run: make docs")
        self.assertNotRegex(made, r"\|\s*\|\n", "a row without a reason")


class Pains(unittest.TestCase):
    def test_is_made_of_the_tests(self):
        made = subprocess.run([ROOT / "docs/make-PAINS.md"], capture_output=True, text=True, check=True).stdout
        self.assertEqual((ROOT / "docs/PAINS.md").read_text(), made, "run: make docs")


if __name__ == "__main__":
    unittest.main()
