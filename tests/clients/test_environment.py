# SPDX-License-Identifier: Apache-2.0
"""An existing program with only OPENAI_BASE_URL and OPENAI_API_KEY set."""

import subprocess
import sys

import pytest
from dragoman import environment

PROGRAM = """
import openai
answer = openai.OpenAI().chat.completions.create(
    model="google/gemini-2.0-flash-001",
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
    stream=%s,
)
print(%s)
"""
WHOLE = "answer.choices[0].message.content"
STREAM = "''.join(chunk.choices[0].delta.content or '' for chunk in answer)"
PLACE = "projects/my-project/locations/us-central1/endpoints/openapi"


@pytest.mark.parametrize("base", ["v1", f"v1/{PLACE}", f"v1beta1/{PLACE}", f"v1beta1/{PLACE}/", "openai/v1"])
@pytest.mark.parametrize("stream, what", [(False, WHOLE), (True, STREAM)], ids=["whole", "stream"])
def test_from_the_environment(daemon, base, stream, what):
    env = environment(OPENAI_BASE_URL=f"{daemon.url}/{base}", OPENAI_API_KEY="anything")
    done = subprocess.run([sys.executable, "-c", PROGRAM % (stream, what)], env=env, timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "sky" in done.stdout.lower()
