# SPDX-License-Identifier: Apache-2.0
"""The runner must count as failed whatever failed, crashed, leaked, hung, stopped early or tested nothing."""

import importlib.util
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
spec = importlib.util.spec_from_file_location("runner", ROOT / "scripts/runner.py")
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)

BAD_PROGRAMS = {
    "leak": """
#include <stdlib.h>
int main(void)
{
    char *volatile lost = malloc(10);
    lost[0] = 1;
    lost = NULL;
    return 0;
}
""",
    "overflow": """
#include <limits.h>
int main(int argc, char **argv)
{
    volatile int x = INT_MAX;
    x += argc;
    return argv[0] == 0;
}
""",
}
# As CMakeLists.txt links with gcc.
SANITIZED = ["gcc", "-fsanitize=address,undefined", "-static-libasan", "-static-libubsan"]


class Programs(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_script(self, text, **options):
        """The (passed, failed, skipped) of a shell script in the place of a test program."""
        program = self.folder / "program"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        count, shown = runner.run_program(program, **options)
        self.assertEqual(bool(count.failed), "FAILED" in shown)
        return count.passed, count.failed, count.skipped

    def test_good(self):
        self.assertEqual(self.run_script("echo 1..2; echo ok 1 - a; echo ok 2 - b"), (2, 0, 0))

    def test_skipped(self):
        self.assertEqual(self.run_script("echo 1..2; echo ok 1 - a; echo 'not ok 2 # SKIP b'"), (1, 0, 1))

    def test_two_groups(self):
        self.assertEqual(self.run_script("echo 1..1; echo ok 1 - a; echo 1..1; echo ok 1 - b"), (2, 0, 0))

    def test_failing(self):
        self.assertEqual(self.run_script("echo 1..2; echo ok 1 - a; echo not ok 2 - b; exit 1"), (1, 1, 0))

    def test_failing_but_exit_0(self):
        self.assertEqual(self.run_script("echo 1..1; echo not ok 1 - b"), (0, 1, 0))

    def test_passing_but_exit_1(self):
        self.assertEqual(self.run_script("echo 1..1; echo ok 1 - b; exit 1"), (1, 1, 0))

    def test_crash(self):
        self.assertEqual(self.run_script("echo 1..3; echo ok 1 - a; kill -SEGV $$"), (1, 2, 0))

    def test_early_exit(self):
        self.assertEqual(self.run_script("echo 1..3; echo ok 1 - a"), (1, 2, 0))

    def test_empty(self):
        self.assertEqual(self.run_script("exit 0"), (0, 1, 0))
        self.assertEqual(self.run_script("echo 1..0"), (0, 1, 0))

    def test_missing(self):
        count, _ = runner.run_program(self.folder / "nowhere")
        self.assertEqual((count.passed, count.failed), (0, 1))

    def test_hanging(self):
        self.assertEqual(self.run_script("echo 1..1; exec sleep 60", timeout=0.2), (0, 1, 0))

    def test_report_of_a_child(self):
        """A process whose stderr and exit code nobody looks at: its report alone must fail the run."""
        saved = {name: getattr(runner, name) for name in ("OUT", "REPORTS", "say")}
        environment = dict(os.environ)
        try:
            runner.OUT, runner.REPORTS, runner.say = self.folder / "out", self.folder / "out/sanitizer", str
            runner.watch_sanitizers()
            for name, code in BAD_PROGRAMS.items():
                with self.subTest(name):
                    bad = self.folder / name
                    bad.with_suffix(".c").write_text(code)
                    subprocess.run([*SANITIZED, "-o", bad, bad.with_suffix(".c")], check=True)
                    self.assertEqual(self.run_script(f"echo 1..1; {bad}; echo ok 1 - a"), (1, 0, 0))
                    self.assertEqual(runner.sanitizer_reports().failed, 1)
                    self.assertEqual(runner.sanitizer_reports().failed, 0, "counted once")
        finally:
            os.environ.clear()
            os.environ.update(environment)
            for name, value in saved.items():
                setattr(runner, name, value)


class Results(unittest.TestCase):
    def test_last_line(self):
        self.assertEqual(runner.Count(3, 0, 0).line(), "3 passed, 0 failed")
        self.assertEqual(runner.Count(3, 1, 2).line(), "3 passed, 1 failed, 2 skipped")

    def test_junit(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "result.xml")
            path.write_text('<testsuites><testsuite tests="9" failures="1" errors="1" skipped="2"/></testsuites>')
            self.assertEqual(runner.count_junit(path), runner.Count(5, 2, 2))


class Whole(unittest.TestCase):
    """The runner as a program: what it exits with and what its last line says."""

    def run_stage(self, body, **environment):
        code = f"import sys; sys.argv[1:] = ['x']; sys.path.insert(0, 'scripts'); import runner\n" \
               f"runner.watch_sanitizers = lambda: None; runner.sanitizer_reports = runner.Count\n" \
               f"def x(): {body}\nrunner.STAGES['x'] = x\nsys.exit(runner.main())"
        env = {**os.environ, "CI": "", **environment}
        done = subprocess.run(["python3", "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines()[-1]

    def test_all_well(self):
        self.assertEqual(self.run_stage("return runner.Count(2)"), (0, "2 passed, 0 failed"))

    def test_failure(self):
        self.assertEqual(self.run_stage("return runner.Count(2, 1)"), (1, "2 passed, 1 failed"))

    def test_broken_stage(self):
        self.assertEqual(self.run_stage("raise OSError"), (1, "0 passed, 1 failed"))

    def test_skip_is_a_failure_in_ci(self):
        skipped = "return runner.Count(2, 0, 1)"
        self.assertEqual(self.run_stage(skipped), (0, "2 passed, 0 failed, 1 skipped"))
        self.assertEqual(self.run_stage(skipped, CI="true"), (1, "2 passed, 0 failed, 1 skipped"))

    def test_nothing_ran(self):
        self.assertEqual(self.run_stage("return runner.Count()"), (1, "0 passed, 0 failed"))
