# SPDX-License-Identifier: Apache-2.0
"""Agent sessions: a client that sends back only id, type, name and arguments, and a Gemini that wants its signatures
(user-pain D1, D2, D4, D5, D7 and D8)."""

import ctypes
import json
import os
import pathlib
import resource
import signal
import time

import identity
import pytest
import upstream
import wire
from dragoman import Daemon
from session import STAND_IN, Session, sent_signatures
from upstream import LAST_CHUNK, STREAM_HEAD, Upstream, chunk, configuration
from waiting import wait_for

FILE = "dragoman.mdb"
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # prctl(2), capabilities(7)


@pytest.fixture
def gateway(tmp_path):
    """gateway(): a Gateway over a folder of its own; killed at the end."""
    made = []

    def make(**options):
        made.append(Gateway(options.pop("folder", tmp_path / "store"), **options))
        return made[-1]

    yield make
    for each in made:
        each.kill()


class Gateway:
    """One that may be killed and started again at any time; it remembers what its emulator received."""

    def __init__(self, folder, emulator=None, **options):
        """`emulator`: another daemon that is the upstream."""
        self.folder, self.options, self.received, self.emulator = folder, options, [], emulator
        self.start()

    def start(self):
        self.daemon = Daemon(f"store.path={self.folder}", **self.options).wait_ready()
        wait_for(self.daemon.keeper)

    def ask(self, body, headers):
        answer = self.daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode(), headers))
        page = (self.emulator or self.daemon).get("/_dragoman/emulator")
        self.received.append(page.json["requests"][-1])
        return answer

    def kill(self):
        """Everything at once, as an out-of-memory killer or a power switch does."""
        if self.daemon.process.poll() is None:
            for pid in [self.daemon.process.pid, *self.daemon.children()]:
                os.kill(pid, signal.SIGKILL)
        self.daemon.kill()

    def restart(self):
        self.kill()
        self.start()

    def forget(self):
        """Killed, and its folder emptied, before it starts again."""
        self.kill()
        for file in pathlib.Path(self.folder).iterdir():
            file.unlink()
        self.start()

    def count(self, name):
        """A counter of the workers, one of which tells."""
        return self.daemon.stats()[name]


def check(gateway, session, stand_ins=0):
    """Nothing was refused, and each request had all signatures that had been issued, byte for byte."""
    assert [request["status"] for request in gateway.received] == [200] * len(gateway.received)
    issued = [session.issued.get(message["tool_calls"][0]["id"])
              for message in session.messages if message.get("tool_calls")]
    assert len(issued) > 1 and all(issued)
    wrong = 0
    for request in gateway.received:
        sent = sent_signatures(request)
        wrong += sum(1 for one, other in zip(sent, issued) if one != other)
        assert all(one in (other, STAND_IN) for one, other in zip(sent, issued)), (sent, issued)
    assert wrong == stand_ins


# ---- rounds ----


@pytest.mark.parametrize("stream", [False, True])
def test_ten_rounds(gateway, stream):
    one = gateway()
    session = Session(one.ask, stream=stream)
    session.run(10)
    assert not session.step()  # and an answer
    check(one, session)
    assert one.count("stand_ins_total") == 0
    assert one.count("signatures_kept_total") == 10
    assert all(len(call["id"]) == 35 and call["id"].startswith("call_") and call["id"][5:].isalnum()
               for message in session.messages for call in message.get("tool_calls", []))


@pytest.mark.parametrize("stream", [False, True])
def test_three_parallel_rounds(gateway, stream):
    one = gateway()
    session = Session(one.ask, functions=3, parallel=True, stream=stream)
    for _ in range(3):
        session.run(1)
        assert len(session.messages[-4]["tool_calls"]) == 3
        assert not session.step()
    check(one, session)


@pytest.mark.parametrize("stream", [False, True])
def test_killed_between_each_call_and_its_result(gateway, stream):
    one = gateway()
    session = Session(one.ask, stream=stream)
    session.run(10, between=one.restart)
    assert not session.step()
    check(one, session)


def test_four_workers(gateway):
    one = gateway(workers=4)
    for stream in (False, True):
        session = Session(one.ask, stream=stream)
        session.run(10)
        assert not session.step()
        check(one, session)
        one.received.clear()
    assert len({request["worker"] for request in one.daemon.get("/_dragoman/emulator").json["requests"]}) > 1


def test_the_keeper_is_killed(gateway):
    one = gateway(workers=2)
    session = Session(one.ask, functions=4)

    def kill():
        pid = one.daemon.keeper()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: one.daemon.keeper() not in (None, pid))
    session.run(4, between=kill)
    assert not session.step()
    check(one, session)


def test_a_request_without_calls_leaves_the_store_alone(gateway):
    one = gateway()
    one.daemon.chat("Hello")
    assert {name: one.count(name) for name in (
        "signatures_kept_total", "signatures_recalled_total", "stand_ins_total")} == {
        "signatures_kept_total": 0, "signatures_recalled_total": 0, "stand_ins_total": 0}


# ---- ids that Gemini gave ----


def ids_of(request, kind):
    """Of a native request's body: the id of each functionCall or functionResponse, None where it has none."""
    return [part[kind].get("id") for content in request["body"]["contents"] for part in content["parts"] if kind in part]


@pytest.mark.parametrize("stream", [False, True])
def test_googles_own_ids_go_back(gateway, start, tmp_path, stream):
    """user-pain C6: functionCall.id, which the Gemini API gives, comes back with call and result, kill -9 or not. Once it
    is forgotten it is on neither side."""
    back = start()
    file = upstream.configuration(tmp_path, back.url, kind="gemini")
    one = gateway(args=("--config", str(file)), emulator=back)
    session = Session(one.ask, functions=3, stream=stream)
    for turn in range(2):
        session.user("What is the weather in Paris? Call all functions in parallel.")
        calls = session.step()
        assert len(calls) == 3 and all(call["id"].startswith("call_") for call in calls)
        one.restart()
        session.answer(reversed(calls))
        assert not session.step()
        sent = one.received[-1]
        ids = ids_of(sent, "functionCall")
        assert len(set(ids)) == len(ids) == 3 * (turn + 1) and all(ids)
        assert ids == ids_of(sent, "functionResponse")
        assert not set(ids) & {call["id"] for call in calls}
    assert all(request["status"] == 200 for request in one.received)
    assert not {"response_id", "response_without_id"} & {rule for request in one.received for rule in request["rules"]}
    one.forget()
    session.user("Thanks.")
    session.step()
    assert ids_of(one.received[-1], "functionCall") == ids_of(one.received[-1], "functionResponse") == [None] * 6


# ---- a store in trouble: no request fails, and the log says so ----


def goes_on(one, session, rounds=3):
    """The session ends well, whatever was lost."""
    for _ in range(rounds):
        calls = session.step()
        session.answer(calls)
    assert all(request["status"] == 200 for request in one.received), one.received[-1]


def begun(one):
    session = Session(one.ask)
    session.run(3)
    return session


def test_deleted(gateway):
    one = gateway()
    session = begun(one)
    one.forget()
    goes_on(one, session)
    assert one.count("stand_ins_total") == 3  # one for each step that nobody knows
    assert one.received[-1]["status"] == 200 and sent_signatures(one.received[-1])[:3] == [STAND_IN] * 3


@pytest.mark.parametrize("how", ["noise", "cut"])
def test_damaged(gateway, how):
    one = gateway()
    session = begun(one)
    one.kill()
    file = pathlib.Path(one.folder) / FILE
    content = file.read_bytes()
    file.write_bytes(os.urandom(len(content)) if how == "noise" else content[:len(content) // 2])
    one.start()
    goes_on(one, session)
    assert "it is set aside" in one.daemon.log()
    assert (pathlib.Path(one.folder) / (FILE + ".damaged")).exists()


def test_a_byte_of_a_signature_in_the_store(gateway):
    one = gateway()
    session = begun(one)
    one.kill()
    file = pathlib.Path(one.folder) / FILE
    content = file.read_bytes()
    assert content.count(list(session.issued.values())[1].encode())
    for signature in list(session.issued.values())[1:2]:
        wrong = bytes([signature.encode()[0] ^ 1]) + signature.encode()[1:]
        content = content.replace(signature.encode(), wrong)
    file.write_bytes(content)
    one.start()
    goes_on(one, session)
    sent = sent_signatures(one.received[-1])
    assert sent[1] == STAND_IN and sent[0] == session.issued[session.messages[1]["tool_calls"][0]["id"]]


def test_nowhere_to_write(gateway):
    """A folder that can not be made: even root can not."""
    one = gateway(folder="/dev/null/store", workers=2)
    session = Session(one.ask, functions=4)
    session.run(4)
    assert not session.step()
    check(one, session)  # all of it from the keeper's memory
    assert "the store can not be opened, what is put stands in memory for now" in one.daemon.log()


def keep_to_modes():
    """Of what is run next root too writes only where it may: capabilities(7), CAP_DAC_OVERRIDE."""
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def test_read_only(gateway, tmp_path):
    (tmp_path / "store").mkdir(mode=0o500)
    one = gateway(preexec=keep_to_modes)
    session = Session(one.ask)
    session.run(4)
    check(one, session)
    assert "the store can not be opened" in one.daemon.log()


def test_full_disk(gateway):
    """A limit on the size of files stands for it: what the file does not take stands in memory, for all workers."""
    small = 48 * 1024
    one = gateway(workers=2, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (small, small)))
    for _ in range(40):
        session = Session(one.ask)
        session.run(3)
        check(one, session)
        one.received.clear()
        if "the store can not be written" in one.daemon.log():
            break
    else:
        raise AssertionError("it was never full")
    goes_on(one, session)
    assert STAND_IN not in str(one.received)


def test_two_that_share_a_folder(gateway):
    """Replicas on one machine, taking turns."""
    one, other = gateway(), gateway()
    session = Session(None)
    session.user()
    for i in range(10):
        session.ask = (one, other)[i % 2].ask
        session.answer(session.step())
    for each in (one, other):
        check(each, session)


def test_without_a_folder_it_is_temporary(start, tmp_path):
    daemon = start(env={"TMPDIR": str(tmp_path)})
    wait_for(daemon.keeper)
    received = []

    def ask(body, headers):
        answer = daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode(), headers))
        received.append(daemon.get("/_dragoman/emulator").json["requests"][-1])
        return answer
    session = Session(ask, functions=3)
    session.run(3)
    assert not session.step()
    assert STAND_IN not in str(received)
    assert len(list(tmp_path.glob("dragoman-store-*"))) == 1
    daemon.process.terminate()
    daemon.wait_end()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_leaves_is_removed_by_the_next(tmp_path):
    def begin():
        daemon = Daemon(env={"TMPDIR": str(tmp_path)}).wait_ready()
        wait_for(daemon.keeper)
        return daemon
    first, second = begin(), begin()
    left = set(tmp_path.glob("dragoman-store-*"))
    assert len(left) == 2
    for pid in [first.process.pid, *first.children()]:
        os.kill(pid, signal.SIGKILL)
    first.kill()
    third = begin()
    now = set(tmp_path.glob("dragoman-store-*"))
    assert len(now) == 2 and len(now & left) == 1  # the second's is there still
    second.stop()
    third.stop()
    assert not set(tmp_path.glob("dragoman-store-*"))


# ---- what clients do to it ----


def alter(session):
    for message in session.messages:
        for call in message.get("tool_calls", []):
            call["extra_content"] = {"google": {"thought_signature": "QUxURVJFRA=="}}


def test_a_client_that_alters_a_signature(gateway):
    """The store knows better; it is counted."""
    one = gateway()
    session = begun(one)
    alter(session)
    one.received.clear()
    session.step()
    assert STAND_IN not in sent_signatures(one.received[-1])
    assert sent_signatures(one.received[-1]) == list(session.issued.values())[:3]
    assert one.count("signatures_altered_total") == 3


def test_an_altered_signature_that_nobody_knows_is_healed(gateway):
    one = gateway()
    session = begun(one)
    one.forget()
    alter(session)
    session.step()
    statuses = [request["status"] for request in one.daemon.get("/_dragoman/emulator").json["requests"]]
    assert statuses == [400, 200]
    assert one.count("signatures_healed_total") == 1


@pytest.mark.parametrize("change", [
    lambda call_id: "chatcmpl-tool-" + call_id, lambda call_id: call_id + "_0", lambda call_id: f"fc_{call_id}-x",
    lambda call_id: call_id[:40], lambda call_id: call_id[:64]])
def test_ids_with_something_before_or_behind(gateway, change):
    one = gateway()
    session = begun(one)
    for message in session.messages:
        for call in message.get("tool_calls", []):
            call["id"] = change(call["id"])
        if "tool_call_id" in message:
            message["tool_call_id"] = change(message["tool_call_id"])
    session.step()
    assert sent_signatures(one.received[-1]) == list(session.issued.values())[:3]


def test_another_model_in_the_middle(gateway):
    """Signatures of one family are not shown to another, and are there again when it comes back."""
    one = gateway()
    session = begun(one)
    session.model = "google/gemini-2.5-flash"
    session.answer(session.step())
    assert sent_signatures(one.received[-1])[:3] == [None] * 3
    session.model = "google/gemini-3-pro-preview"
    session.step()
    assert all(request["status"] == 200 for request in one.received)
    assert sent_signatures(one.received[-1])[:3] == list(session.issued.values())[:3]


def test_a_foreign_history(gateway):
    """The stand-in for each step of the current turn, and the same ones in later turns, counted once."""
    one = gateway()
    session = Session(one.ask)
    session.user()
    for i in range(2):
        call = {"id": f"toolu_01ABCDEFGHIJKLMNOP{i}", "type": "function",
                "function": {"name": "look_a", "arguments": '{"city": "Paris"}'}}
        session.messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        session.answer([call])
    for _ in range(2):
        session.answer(session.step())
    session.user("And tomorrow?")
    session.step()
    assert all(request["status"] == 200 for request in one.received)
    assert [sent_signatures(request)[:2] for request in one.received] == [[STAND_IN] * 2] * 3
    assert one.count("stand_ins_total") == 2


def test_what_one_keeps_no_other_recalls(start):
    """By the subject that a token names: another token of the same is as good, one of another is not."""
    daemon = start("auth.google=emulated")
    wait_for(daemon.keeper)
    received, said = [], {}

    def ask(body, headers):
        answer = daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode(), headers | said))
        received.append(sent_signatures(daemon.get("/_dragoman/emulator").json["requests"][-1]))
        return answer
    said.update(identity.bearer(identity.token(daemon)))
    session = Session(ask)
    session.run(2)
    time.sleep(1.1)  # another one: tokens of one second may be the same
    said.update(identity.bearer(identity.token(daemon)))
    session.step()
    issued = list(session.issued.values())[:2]
    assert received[-1] == issued
    robot = "/v1/projects/-/serviceAccounts/robot@my-project.iam.gserviceaccount.com:generateAccessToken"
    other = daemon.ask(wire.request("POST", robot, json.dumps({"scope": [identity.SCOPE]}).encode(), dict(said)))
    said.update(identity.bearer(other.json["accessToken"]))
    session.messages.pop()
    session.step()
    assert received[-1] == [STAND_IN] * 2


def test_a_stream_that_waits_for_the_keeper_says_nothing_meanwhile(start, tmp_path):
    """A call may not leave before it is kept: its stream's comments wait with it, and keep no worker busy."""
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2lnbmF0dXJl"}
    said = {"candidates": [{"content": {"role": "model", "parts": [call]}, "index": 0, "finishReason": "STOP"}]}
    server = Upstream(lambda peer: peer.request() and peer.send(
        STREAM_HEAD + chunk(b"data: " + json.dumps(said).encode() + b"\r\n\r\n") + LAST_CHUNK))
    daemon = start("timeouts.comment=50ms", args=("--config", str(configuration(tmp_path, server.url))))
    wait_for(daemon.keeper)
    keeper = daemon.keeper()
    os.kill(keeper, signal.SIGSTOP)
    try:
        answer = daemon.chat(stream=True, tools=[{"type": "function", "function": {"name": "f"}}])
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert answer.events[-1] == "[DONE]" and '"name":"f"' in answer.events[0]
    assert daemon.stats()["store_late_total"] == 1
    assert answer.body.count(b": still waiting") <= 2
    server.close()
