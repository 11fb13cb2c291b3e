# SPDX-License-Identifier: Apache-2.0
"""The test runner: runs the stages in order, counts single tests, and ends with `N passed, N failed`.

Whatever ends without having said how many tests it ran counts as a failed test: a crash, a missing plan, an empty
program. So does every sanitizer report of any process, also of daemons that a test started.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build/test"
REPORTS = OUT / "sanitizer"
UNREACHABLE = 75  # scripts/setup-*: the package registry cannot be reached
AT_ONCE = 4  # tests of a running daemon: they wait more than they compute
NONE_CHOSEN = 5  # how pytest ends where no test was chosen
SYSTEM_PYTHON = "/usr/bin/python3"  # has the system's pytest, whatever else PATH offers
SHOWN_LINES = 200  # of a failed program's output
PROGRAM_TIMEOUT = 900  # seconds for one C test program; the golden runner is the longest


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed, self.failed = self.passed + other.passed, self.failed + other.failed
        self.skipped += other.skipped

    def line(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def say(text):
    print(text, flush=True)


def failure(text):
    say(f"FAILED {text}")
    return Count(failed=1)


def skip(text):
    say(f"\n******** SKIPPED {text} ********\n")
    return Count(skipped=1)


# --- C tests ------------------------------------------------------------------------------------


def count_tap(output):
    """Counts TAP, as cmocka writes it: a plan for every group. Tests that a plan promised and nothing told failed."""
    plans = [int(n) for n in re.findall(r"^1\.\.(\d+)", output, re.M)]
    count, failed_names = Count(), []
    for not_ok, name in re.findall(r"^(not )?ok\b *\d*(?: - )?(.*)$", output, re.M):
        if "# SKIP" in name:
            count.skipped += 1
        elif not_ok:
            count.failed += 1
            failed_names.append(name)
        else:
            count.passed += 1
    told = count.passed + count.failed + count.skipped
    if not plans or sum(plans) == 0:
        failed_names.append("it planned no test")
        count.failed += 1
    elif told < sum(plans):
        failed_names.append(f"{sum(plans) - told} planned tests never ran")
        count.failed += sum(plans) - told
    return count, failed_names


def ending(code):
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def run_program(program, timeout=PROGRAM_TIMEOUT):
    """Runs one program that writes TAP; returns its count and what to show of it."""
    env = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"}
    try:
        done = subprocess.run([program], cwd=ROOT, env=env, timeout=timeout, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        raw, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        raw, code = late.stdout or b"", -signal.SIGALRM
    except OSError as error:
        raw, code = str(error).encode(), 127
    output = raw.decode(errors="replace")
    count, failed_names = count_tap(output)
    if code != 0 and count.failed == 0:
        failed_names.append(ending(code))
        count.failed += 1
    if not count.failed:
        return count, ""
    lines = [line for line in output.splitlines() if not re.match(r"ok\b", line)]
    if len(lines) > SHOWN_LINES:
        lines = [*lines[:SHOWN_LINES], f"... and {len(lines) - SHOWN_LINES} lines more: run it by itself"]
    name = os.path.relpath(program, ROOT)
    names = "; ".join(failed_names[:10]) + ("; ..." if len(failed_names) > 10 else "")
    return count, "\n".join([*lines, f"FAILED {name} ({ending(code)}): {names}"])


def run_programs(programs):
    total = Count()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for count, text in pool.map(run_program, programs):
            total.add(count)
            if text:
                say(text)
    return total


@functools.cache
def built(preset):
    return subprocess.run(["scripts/build", preset], cwd=ROOT).returncode == 0


def c_tests(preset):
    if not built(preset):
        return failure(f"the {preset} build")
    build = ROOT / "build" / preset
    return run_programs([build / name for name in (build / "tests.list").read_text().split()])


def replays():
    """Every fuzz entry over its seeds and over what once broke it; one entry is one test."""
    if not built("dev"):
        return failure("the dev build")
    total = Count()
    more = [line.split() for line in (ROOT / "fuzz/seeds").read_text().splitlines() if not line.startswith("#")]
    for source in sorted((ROOT / "fuzz").glob("*.c")):
        entry = source.stem
        folders = [f"fuzz/corpus/{entry}", f"fuzz/regress/{entry}", *(folder for name, folder in more if name == entry)]
        seeds = [ROOT / folder for folder in folders if (ROOT / folder).is_dir()]
        if entry == "main":
            continue
        if not seeds:
            total.add(failure(f"fuzz/{entry}.c has no seeds in fuzz/corpus/{entry}"))
            continue
        done = subprocess.run([ROOT / f"build/dev/fuzz-replay-{entry}", *seeds], cwd=ROOT, timeout=PROGRAM_TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        if done.returncode != 0:
            say(done.stdout)
        total.add(failure(f"replay of {entry} ({ending(done.returncode)})") if done.returncode else Count(passed=1))
    return total


# --- Scripts ------------------------------------------------------------------------------------


def command(*args):
    good = subprocess.run(args, cwd=ROOT).returncode == 0
    return Count(passed=1) if good else failure(" ".join(args))


def checks():
    """The cheap checks of the sources, then the tests of the scripts themselves."""
    total = Count()
    for name in ("check-includes", "check-banned", "check-symbols"):
        total.add(command(f"scripts/{name}"))
    suite = unittest.defaultTestLoader.discover(str(ROOT / "tests/scripts"))
    result = unittest.TextTestRunner(sys.stdout, verbosity=0).run(suite)
    bad = len(result.failures) + len(result.errors)
    total.add(Count(passed=result.testsRun - bad - len(result.skipped), failed=bad, skipped=len(result.skipped)))
    return total


# --- Python tests -------------------------------------------------------------------------------


def count_junit(path):
    count = Count()
    for suite in xml.etree.ElementTree.parse(path).getroot().iter("testsuite"):
        tests, skipped = int(suite.get("tests")), int(suite.get("skipped"))
        bad = int(suite.get("failures")) + int(suite.get("errors"))
        count.add(Count(tests - bad - skipped, bad, skipped))
    return count


def setup(what, tool, folder, source):
    """Fetches what tests need; None, or the count that stands for tests which cannot run."""
    code = subprocess.run([f"scripts/setup-{tool}", folder, source], cwd=ROOT).returncode
    if code == UNREACHABLE:
        return skip(f"{what}: the package registry cannot be reached for {source}")
    return failure(f"scripts/setup-{tool} {folder} {source}") if code else None


def pytest(folder, sdks=True, suffix=""):
    """Runs tests/FOLDER. With SUFFIX "-latest" the SDKs are today's newest, in folders of their own."""
    path = ROOT / "tests" / folder
    if not any(path.glob("test_*.py")):
        return Count()
    if not built("dev"):
        return failure("the dev build")

    python = ROOT / f"build/venv{suffix}/bin/python"
    bad = setup(path.name, "python", f"build/venv{suffix}", "tests/requirements" + (".in" if suffix else ".txt"))
    if bad and bad.skipped and not sdks:
        python, bad = SYSTEM_PYTHON, None  # the system's pytest will do, which scripts/bootstrap saw to
    if sdks and not bad:
        bad = setup(path.name, "node", f"build/node{suffix}", "latest" if suffix else "tests/clients/node")
    if bad:
        return bad

    env = {"NODE_FOLDER": str(ROOT / f"build/node{suffix}")}
    count = run_pytest(python, folder, "-n", str(AT_ONCE), "--dist", "worksteal", "-m", "not alone", **env)
    count.add(run_pytest(python, folder, "-m", "alone", suffix="-alone", **env))
    return count


def run_pytest(python, folder, *options, suffix="", **env):
    """Runs tests/FOLDER, or what the options choose of it, with that Python against the dev build."""
    junit = OUT / f"{folder}{suffix}.xml"
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "DRAGOMAN": str(ROOT / "build/dev/dragoman"), **env}
    done = subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=120", *options,
                           f"--junitxml={junit}", ROOT / "tests" / folder], cwd=ROOT, env=env)
    if done.returncode == NONE_CHOSEN and suffix == "-alone":
        return Count()
    if not junit.exists():
        return failure(f"pytest in tests/{folder} wrote no result ({ending(done.returncode)})")
    count = count_junit(junit)
    if done.returncode != 0 and count.failed == 0:
        count.add(failure(f"pytest in tests/{folder} ({ending(done.returncode)})"))
    return count


def matrix():
    """Many clients, each in many cells (tests/matrix): a table of README.md is made of it."""
    if not built("dev"):
        return failure("the dev build")
    for tool, folder, source in (("python", "venv", "requirements.txt"), ("python", "matrix", "matrix/requirements.txt"),
                                 ("node", "matrix-node", "matrix/node")):
        if bad := setup("matrix", tool, f"build/{folder}", f"tests/{source}"):
            return bad
    return run_pytest(ROOT / "build/venv/bin/python", "matrix")


def judges():
    """Judges that are not ours: Google's message classes, JSON Schema validators, real MCP servers (tests/judges)."""
    if not built("dev"):
        return failure("the dev build")
    for tool, folder, source in (("python", "judges", "requirements.txt"), ("python", "judges-mcp", "mcp-requirements.txt"),
                                 ("node", "judges-node", "node")):
        if bad := setup("judges", tool, f"build/{folder}", f"tests/judges/{source}"):
            return bad
    return run_pytest(ROOT / "build/judges/bin/python", "judges")


def engines():
    """llama.cpp's server with a tiny model of random weights, behind a numeric endpoint id (tests/engines): only when asked
    for, since it is built from source. What came of it is appended to bench/results/engines.jsonl."""
    if not built("dev"):
        return failure("the dev build")
    for tool, folder, source in (("python", "venv", "requirements.txt"), ("engine", "engine", "engines/source.txt")):
        if bad := setup("engines", tool, f"build/{folder}", f"tests/{source}"):
            return bad
    server = ROOT / "build/engine/llama-server"
    count = run_pytest(ROOT / "build/venv/bin/python", "engines", ENGINE=str(server))
    told = subprocess.run([server, "--version"], capture_output=True, text=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    line = {"bench": "engines", "engine": "llama.cpp's server", "version": (told.stdout + told.stderr).strip().splitlines()[0],
            "source": (ROOT / "tests/engines/source.txt").read_text().splitlines()[-1].split(" ")[0], **dataclasses.asdict(count),
            "commit": commit, "date": time.strftime("%Y-%m-%d", time.gmtime()), "command": "make test-engines"}
    with (ROOT / "bench/results/engines.jsonl").open("a") as out:
        out.write(json.dumps(line) + "\n")
    return count


# --- Sanitizers ---------------------------------------------------------------------------------


def watch_sanitizers():
    """Reports of every process, however deep, go to files, since a test may swallow a daemon's stderr."""
    shutil.rmtree(OUT, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    common = f"log_path={REPORTS}/report:halt_on_error=1:print_stacktrace=1:exitcode=66"
    # cmocka would catch a SIGSEGV before ASan can tell where it was: 2 forbids it.
    signals = "handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2"
    os.environ["ASAN_OPTIONS"] = f"{common}:{signals}:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
    os.environ["UBSAN_OPTIONS"] = common


def sanitizer_reports():
    total = Count()
    for report in sorted(REPORTS.glob("report*")):
        say(report.read_text(errors="replace"))
        total.add(failure(f"a sanitizer report ({report.name}, above)"))
        report.rename(OUT / report.name)
    return total


def leaks():
    """Secrets in what the run has written: reports of tests and of sanitizers. Each daemon's log is looked through when it
    ends (tests/support_py/dragoman.py)."""
    sys.path.insert(0, str(ROOT / "tests/support_py"))
    from leaks import SECRETS
    total = Count()
    for file in sorted(path for path in OUT.rglob("*") if path.is_file()):
        if found := SECRETS.search(file.read_text(errors="replace")):
            total.add(failure(f"{file.relative_to(ROOT)} has what looks like a secret: {found.group()[:8]}..."))
    return total


# --- The run ------------------------------------------------------------------------------------

STAGES = {
    "checks": checks,
    "c": lambda: c_tests("dev"),
    "replay": replays,
    "daemon": lambda: pytest("daemon", sdks=False),
    "clients": lambda: pytest("clients"),
    "matrix": matrix,
    "seeds": lambda: pytest("seeds"),
    "judges": judges,
}
CI_STAGES = {
    "clang": lambda: c_tests("clang"),
    "lint": lambda: command("scripts/lint"),
    "instructions": lambda: command("scripts/count-instructions"),
    "fuzz": lambda: command("scripts/fuzz", "--seconds", "60"),
}
ASKED_STAGES = {"engines": engines}  # run when they are named, and never else


def main():
    parser = argparse.ArgumentParser(description="Runs Dragoman's tests.")
    parser.add_argument("--clients-latest", action="store_true", help="only the client tests, with the newest SDKs")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of: {' '.join([*STAGES, *CI_STAGES, *ASKED_STAGES])}")
    args = parser.parse_args()
    ci = os.environ.get("CI") == "true"
    stages = {**STAGES, **CI_STAGES, **ASKED_STAGES}
    names = args.stages or [*STAGES, *(CI_STAGES if ci else [])]
    if args.clients_latest:
        stages["clients"] = lambda: pytest("clients", suffix="-latest")
        names = ["clients"]
    if unknown := [name for name in names if name not in stages]:
        parser.error(f"no such stage: {' '.join(unknown)}")

    watch_sanitizers()
    total = Count()
    for name in names:
        say(f"== {name}")
        start = time.monotonic()
        try:
            count = stages[name]()
        except Exception as error:  # a bug of ours or a broken machine: no reason to lose the other stages' results
            count = failure(f"stage {name}: {error!r}")
        count.add(sanitizer_reports())
        say(f"== {name}: {count.line()} in {time.monotonic() - start:.1f} s")
        total.add(count)
    total.add(leaks())
    say(total.line())
    return 1 if total.failed or not total.passed or (ci and total.skipped) else 0


if __name__ == "__main__":
    sys.exit(main())
