# SPDX-License-Identifier: Apache-2.0
"""Each check must refuse what it is there to refuse."""

import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(*args):
    done = subprocess.run(args, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout


class Tree(unittest.TestCase):
    """A check over a made-up source tree."""

    def check(self, script, path, line):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True)
            file.write_text(line + "\n")
            code, shown = run(ROOT / "scripts" / script, folder)
            self.assertEqual(code != 0, f"{path}:1:" in shown, shown)
            return code == 0

    def test_includes(self):
        for path, line, good in [
            ("src/json/a.c", '#include "base/str.h"', True),
            ("src/json/a.c", "#include <yyjson.h>", True),
            ("src/gateway/a.c", '#include "net/loop.h"', True),
            ("src/cli/a.c", '#include "gen/version.h"', True),
            ("src/cli/a.c", "#include <unistd.h>", True),
            ("include/dragoman/a.h", "#include <dragoman/types.h>", True),
            ("src/base/a.c", '#include "json/read.h"', False),
            ("src/emulate/a.c", '#include "translate/model.h"', False),
            ("src/translate/a.c", "#include <yyjson.h>", False),
            ("src/gateway/a.c", "#  include <uv.h>", False),
            ("src/net/a.c", "#include <llhttp.h>", False),
            ("src/translate/a.c", "#include <time.h>", False),
            ("src/http/a.c", "#include <sys/socket.h>", False),
            ("src/base/a.def", '#include "str.h"', False),
            ("src/other/a.c", '#include "base/str.h"', False),
            ("include/dragoman/a.h", '#include "base/str.h"', False),
        ]:
            with self.subTest(path=path, line=line):
                self.assertEqual(self.check("check-includes", path, line), good)

    def test_banned(self):
        for path, line, good in [
            ("src/base/a.c", "x = snprintf(p, n, f);", True),
            ("src/base/a.c", 'char *s = "malloc(1)"; /* printf() */', True),
            ("src/base/a.c", "a->free(p); a.malloc(p); dgm_free(p);", True),
            ("src/base/alloc.c", "p = malloc(n);", True),
            ("src/cli/serve.c", 'printf("x");', True),
            ("src/gateway/log.c", 'fprintf(f, "x");', True),
            ("src/base/a.c", "strcpy(a, b);", False),
            ("src/net/a.c", "p = malloc (n);", False),
            ("src/gateway/a.c", 'printf("x");', False),
            ("src/emulate/a.c", "t = time(NULL);", False),
            ("src/net/a.c", "x = rand();", False),
            ("src/net/a.c", "int a; // later", False),
        ]:
            with self.subTest(path=path, line=line):
                self.assertEqual(self.check("check-banned", path, line), good)


class Symbols(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def check(self, code, allow):
        (self.folder / "a.c").write_text(code)
        (self.folder / "allow").write_text(allow)
        subprocess.run(["gcc", "-O2", "-fno-builtin", "-c", "a.c"], cwd=self.folder, check=True)
        subprocess.run(["ar", "rc", "a.a", "a.o"], cwd=self.folder, check=True)
        return run("scripts/check-symbols", "--library", self.folder / "a.a", "--allow", self.folder / "allow")

    def test_allowed(self):
        code = "int other(void);\nint mine(void) { return other(); }\nint two(void) { return mine(); }\n"
        self.assertEqual(self.check(code, "other  computes\n"), (0, ""))

    def test_not_listed(self):
        code, shown = self.check("int other(void);\nint mine(void) { return other(); }\n", "")
        self.assertEqual(code, 1)
        self.assertIn("wants other", shown)

    def test_no_reason(self):
        self.assertEqual(self.check("int x;\n", "other\n")[0], 1)

    def test_never(self):
        """Even the allow-list cannot let these in."""
        for name in ("open", "fopen64", "socket", "__read_chk", "time", "clock_gettime", "getrandom", "getenv",
                     "RAND_bytes", "fork", "uv_run", "__printf_chk", "stderr", "poll"):
            with self.subTest(name=name):
                code, shown = self.check(f"int {name}(void);\nint mine(void) {{ return {name}(); }}\n",
                                         f"{name}  a good reason\n")
                self.assertEqual(code, 1)
                self.assertIn("can never be allowed", shown)
