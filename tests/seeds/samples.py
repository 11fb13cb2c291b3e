# SPDX-License-Identifier: Apache-2.0
"""The seed samples: the index read, a sample made runnable as its reader would, run, and its answer found."""

import ast
import dataclasses
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tomllib
import wave

from dragoman import environment

FOLDER = pathlib.Path(__file__).resolve().parent
SUPPORT = FOLDER / "support"
DONE = 6  # samples of this issue and earlier ones run

FILLED = {"PROJECT_ID": "my-project", "your-project-id": "my-project", "LOCATION": "us-central1",
          "MODEL_ID": "gemini-2.0-flash-001", "ENDPOINT_ID": "4815162342", "YOUR_ENDPOINT_ID": "4815162342"}
IMAGE, SOUND = "image.jpeg", "sound.wav"
MEDIA = {"Path/to/image.jpeg": IMAGE, "/content/wayfairsofa.jpg": IMAGE, "/path/to/your/audio/file.wav": SOUND}


@dataclasses.dataclass(frozen=True)
class Sample:
    file: str
    needs: list
    issue: int
    mended: list = ()
    before: list = ()
    after: str = ""
    expect: str = ""
    stream: bool = False

    @property
    def path(self):
        return FOLDER / self.file

    @property
    def due(self):
        return self.issue <= DONE


def read_index():
    index = tomllib.loads((FOLDER / "index.toml").read_text())
    return index["documents"], [Sample(**row) for row in index["sample"]]


def filled(text, base_url, version=None):
    """What a reader of the page does by hand: host, placeholders, the lines under TODO(developer).

    version replaces the API version in the URL: v1 where the sample has v1beta1, and so on.
    """
    text = re.sub(r"https://([^/\s]*-)?aiplatform\.googleapis\.com", base_url, text)
    if version:
        text = re.sub(r"/v1(beta1)?/projects/", f"/{version}/projects/", text)
    text = re.sub(r"^# ?(?=(project_id|location|PROJECT_ID|model_id|endpoint_id|base64_image) = )", "", text, flags=re.M)
    text = re.sub(r"(?<!\$)\{ENDPOINT\}", FILLED["ENDPOINT_ID"], text)  # the page names it and does not set it
    for path, file in MEDIA.items():
        text = text.replace(path, file)
    return re.sub(r"^((?:export )?\w+ ?= ?)(['\"]?)([\w-]+)\2$", _fill, text, flags=re.M)


def _fill(match):
    start, quote, word = match.groups()
    if word not in FILLED:
        return match[0]
    if " = " in start:
        quote = quote or '"'
    return f"{start}{quote}{FILLED[word]}{quote}"


def variables(base_url, folder):
    """What is set before any sample: what the pages tell the reader to have, a machine whose metadata server is the
    emulator's, and nothing of OpenAI's."""
    path = os.pathsep.join([str(SUPPORT), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    ours = {k: v for k, v in environment().items() if not k.startswith(("OPENAI_", "GOOGLE_", "GCE_"))}
    at = base_url.removeprefix("http://")
    return ours | {"PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "GCE_METADATA_HOST": at, "GCE_METADATA_IP": at,
                   "CLOUDSDK_CONFIG": str(folder), "PROJECT": FILLED["PROJECT_ID"], "PROJECT_ID": FILLED["PROJECT_ID"],
                   "LOCATION": FILLED["LOCATION"], "MODEL_ID": FILLED["MODEL_ID"], "ENDPOINT": FILLED["ENDPOINT_ID"]}


def put_media(folder):
    """The smallest image and sound that say how large they are: 640 x 480, half a second."""
    start = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
    frame = bytes.fromhex("ffc0001108") + struct.pack(">HH", 480, 640) + bytes.fromhex("03012200021101031101ffd9")
    (folder / IMAGE).write_bytes(start + frame)
    with wave.open(str(folder / SOUND), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))


def run(sample, base_url, folder, version=None):
    """Runs a sample in `folder`; returns the finished process. Files named `before` are sourced first.

    A sample that is a body alone is posted.
    """
    put_media(folder)

    def fill(file):
        path = folder / file.replace("/", "-")
        path.write_text(filled((FOLDER / file).read_text(), base_url, version))
        return path

    lines = ["set -euo pipefail", *(f". {fill(file)}" for file in sample.before)]
    if sample.path.suffix == ".py":
        lines.append(f"python {SUPPORT / 'run.py'} {fill(sample.file)} {sample.after}")
    elif sample.path.suffix == ".json":
        lines.append(f"curl -sS --fail-with-body {base_url}/v1/chat/completions "
                     f"-H \"Authorization: Bearer $(gcloud auth print-access-token)\" -H 'content-type: application/json' --data-binary @{sample.path}")
    else:
        lines.append(f". {fill(sample.file)}")
        if sample.after == "env":
            lines.append("env")
    return subprocess.run(["bash", "-c", "\n".join(lines)], cwd=folder, env=variables(base_url, folder), timeout=60, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def said(output):
    """The answer's text and the number of its pieces, from what the sample printed: JSON, SSE, or Python's reprs."""
    if output.startswith("{"):
        return json.loads(output)["choices"][0]["message"]["content"], 1
    if output.startswith(("data:", ":")):
        payloads = re.findall(r"^data: (.*)$", output, re.M)
        assert payloads[-1] == "[DONE]", payloads[-1]
        deltas = [choice["delta"].get("content") or "" for payload in payloads[:-1]
                  for choice in json.loads(payload)["choices"]]
        return "".join(deltas), len(deltas)
    pieces = [ast.literal_eval(text) for text in re.findall(r"""\bcontent=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", output)]
    return "".join(pieces), len(pieces)
