# SPDX-License-Identifier: Apache-2.0
"""Random agents: sessions as clients really have them, with all that they do to a history. No request may be refused.

AGENT_SEEDS and AGENT_TURNS make it as long as one likes; a seed that fails is the test's name.
"""

import json
import os
import random

import pytest
import wire
from session import Session

SEEDS = int(os.environ.get("AGENT_SEEDS", "6"))
TURNS = int(os.environ.get("AGENT_TURNS", "8"))
PIXEL = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA"
         "AABJRU5ErkJggg==")


@pytest.fixture(scope="module")
def gateway():
    from dragoman import Daemon
    daemon = Daemon(workers=2).wait_ready()
    yield daemon
    daemon.stop()


class Agent(Session):
    """A session that misbehaves as its seed says."""

    def __init__(self, daemon, seed):
        super().__init__(self.post, functions=6)
        self.daemon, self.random, self.requests = daemon, random.Random(seed), 0
        self.refused, self.stand_ins = {}, 0  # as the emulator saw them

    def post(self, body, headers):
        self.requests += 1
        return self.daemon.ask(wire.request("POST", wire.CHAT, json.dumps(body).encode(), headers), timeout=30)

    def says(self):
        kind = self.random.choice(["text", "parts", "image"])
        if kind == "text":
            self.user("What is the weather in Paris?")
            return
        parts = [{"type": "text", "text": "Look at this."}]
        if kind == "image":
            parts.append({"type": "image_url", "image_url": {"url": PIXEL}})
        self.messages.append({"role": "user", "content": parts})

    def abort(self):
        """A stream that is left in its middle; the client forgets it."""
        body = self.body() | {"stream": True}
        with self.daemon.connect(30) as connection:
            connection.send(wire.request("POST", wire.CHAT, json.dumps(body).encode(),
                                         {"x-dragoman-emulate": "tools"}))
            assert connection.head().status == 200
            connection.chunk()

    def change_ids(self, how):
        for message in self.messages:
            for call in message.get("tool_calls", []):
                call["id"] = how(call["id"])
            if "tool_call_id" in message:
                message["tool_call_id"] = how(message["tool_call_id"])

    def prune(self):
        """Only what was said from some user's message on."""
        starts = [i for i, message in enumerate(self.messages) if message["role"] == "user"]
        self.messages = self.messages[self.random.choice(starts):]

    def misbehave(self):
        what = self.random.choice(["nothing", "nothing", "abort", "prefix", "suffix", "cut", "sanitise", "prune", "text"])
        if what == "abort":
            self.abort()
        elif what == "prefix":
            self.change_ids(lambda call_id: call_id if call_id.startswith("fc_") else "fc_" + call_id)
        elif what == "suffix":
            self.change_ids(lambda call_id: call_id if call_id.endswith("-x") else call_id + "-x")
        elif what == "cut":
            self.change_ids(lambda call_id: call_id[:40])
        elif what == "sanitise":
            self.change_ids(lambda call_id: "".join(c if c.isalnum() or c in "_-" else "_" for c in call_id))
        elif what == "text":
            for message in self.messages:
                if message.get("tool_calls") and message["content"] is None:
                    message["content"] = self.random.choice([None, "", "I will look."])

    def turn(self):
        self.says()
        for _ in range(self.random.randint(0, 3)):
            self.stream = self.random.random() < 0.5
            self.parallel = self.random.random() < 0.4
            if self.random.random() < 0.2:
                self.misbehave()
                before = list(self.messages)
                self.step()
                self.messages = before  # a retry: the answer was lost
            calls = self.step()
            if not calls:
                return
            self.answer(self.random.sample(calls, len(calls)))
            self.misbehave()
        # The turn may end here without an answer: users interrupt.

    def look(self):
        """What the emulator received since the last look: it keeps a few hundred requests, more than a turn has."""
        page = self.daemon.get("/_dragoman/emulator").json
        assert self.daemon.ask(wire.request("DELETE", "/_dragoman/emulator")).status == 204
        self.stand_ins += json.dumps(page["requests"]).count("skip_thought_signature_validator")
        for status, n in page["counts"]["status"].items():
            if status != "200":
                self.refused[status] = self.refused.get(status, 0) + n


@pytest.mark.parametrize("seed", range(SEEDS))
def test_agent(gateway, seed):
    agent = Agent(gateway, seed)
    agent.look()  # what another seed left is not this one's
    agent.refused, agent.stand_ins = {}, 0
    for _ in range(TURNS):
        agent.turn()
        agent.look()
        if agent.random.random() < 0.3:
            agent.prune()
    assert agent.requests >= TURNS
    assert agent.refused == {}
    assert agent.stand_ins == 0  # nothing had to be made up
