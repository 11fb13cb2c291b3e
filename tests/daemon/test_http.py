# SPDX-License-Identifier: Apache-2.0
"""Every malformed, smuggling and slow request of tests/http/corpus, all at once, beside clients that behave.

All cases run side by side before the first test looks at its own: the slow ones wait for deadlines, and that the
bad ones disturb nobody shows only in company.
"""

import concurrent.futures
import dataclasses
import threading
import time

import corpus
import pytest
import wire
from dragoman import Daemon

CASES = corpus.read()
AT_ONCE = 24


@dataclasses.dataclass
class Outcome:
    answers: list
    closed: bool  # it closed by itself
    serves: bool  # it answered another request on the same connection
    interim: int  # answers 100 that the case does not name
    rest: bytes  # what came that was no answer


class GoodClients:
    """Two that keep their connection, one that makes a new one each time; all ask again and again."""

    def __init__(self, daemon):
        self.daemon, self.ending, self.asked, self.bad = daemon, threading.Event(), 0, []
        self.slowest_s = 0
        self.threads = [threading.Thread(target=self._run, args=(keep,)) for keep in (True, True, False)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def _run(self, keep):
        connection = self.daemon.connect()
        while not self.ending.is_set():
            began = time.monotonic()
            try:
                connection.send(wire.chat(stream=True, max_tokens=10))
                answer = connection.answer()
                if answer.status != 200 or answer.events[-1] != "[DONE]":
                    self.bad.append(answer)
                if not keep:
                    connection.socket.close()
                    connection = self.daemon.connect()
            except (OSError, wire.Closed) as error:
                self.bad.append(error)
                return
            self.asked += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            time.sleep(0.02)
        connection.socket.close()


def play(daemon, case):
    """Sends a case, reads as many answers as it should get, and finds out what becomes of the connection."""
    answers = []
    with daemon.connect(8) as connection:
        try:
            for part in case.sent():
                connection.send(part) if isinstance(part, bytes) else time.sleep(part)
        except OSError:
            pass  # it may have closed while we were still sending
        try:
            for wanted in case.answers:
                answers.append(connection.head() if wanted == [100] else connection.answer())
        except (OSError, wire.Closed):
            pass
        closed = serves = False
        if case.then == "close":
            closed = connection.is_closed(4)
        elif case.then == "open":
            try:
                connection.send(wire.request("GET", "/healthz"))
                serves = connection.answer().status == 200
            except (OSError, wire.Closed):
                pass
        return Outcome(answers, closed, serves, connection.interim, connection.kept)


@pytest.fixture(scope="module")
def run():
    daemon = Daemon("timeouts.head=1s", "timeouts.body=1s", "timeouts.keep_alive=1s").wait_ready()
    try:
        with GoodClients(daemon) as good, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = dict(zip((case.name for case in CASES), pool.map(lambda case: play(daemon, case), CASES)))
        yield outcomes, good
    finally:
        daemon.stop()


def test_corpus_is_whole():
    assert len(CASES) >= 60
    files = {str(path.relative_to(corpus.FOLDER))[:-5] for path in corpus.FOLDER.glob("*/*.http")}
    assert files == {case.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case, run):
    outcome = run[0][case.name]
    got = [answer.status for answer in outcome.answers]
    assert len(got) == len(case.answers) and all(
        status in wanted for status, wanted in zip(got, case.answers)), f"{got}: {case.why}"
    assert (outcome.rest, outcome.interim) == (b"", 0), "nothing else may come"
    assert case.then != "close" or outcome.closed, f"not closed: {case.why}"
    assert case.then != "open" or outcome.serves, f"serves no more: {case.why}"
    for answer in outcome.answers:
        if answer.status != 100:
            assert answer["x-request-id"], answer
        if answer.status >= 400:
            assert answer["content-type"].startswith("application/json")
            assert answer.error["message"]
            if case.then == "close" and answer is outcome.answers[-1]:
                assert answer["connection"] == "close", "who closes says so"


def test_405_names_what_is_allowed(run):
    for case in CASES:
        for answer in run[0][case.name].answers:
            assert answer.status != 405 or answer["allow"], case.name


def test_good_clients_were_never_disturbed(run):
    good = run[1]
    assert good.bad == []
    assert good.asked > 50
    assert good.slowest_s < 3
