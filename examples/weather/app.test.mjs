// SPDX-License-Identifier: Apache-2.0
// The app against an offline Vertex AI: node --test
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

let dragoman, answer;

before(async () => {
  const scenario = new URL("scenario.yaml", import.meta.url).pathname;
  const options = ["serve", "--listen", "127.0.0.1:0", "--set", `emulator.scenario=${scenario}`];
  dragoman = spawn(process.env.DRAGOMAN ?? "dragoman", options, { stdio: ["ignore", "pipe", "inherit"] });
  const [first] = await once(createInterface({ input: dragoman.stdout }), "line"); // "Dragoman 0.1.0 listens on http://127.0.0.1:41234"
  process.env.OPENAI_BASE_URL = first.match(/http:\/\/[\d.:]+/)[0] + "/v1/projects/my-project/locations/us-central1/endpoints/openapi";
  process.env.OPENAI_API_KEY = "test";
  ({ answer } = await import("./app.mjs"));
});

after(async () => {
  dragoman.kill();
  const [code] = await once(dragoman, "exit");
  assert.equal(code, 0);
});

test("the tool is asked and its answer told", async () => {
  assert.equal(await answer("What is the weather in Paris?"), "It is sunny in Paris, 21 degrees.");
});

test("an overloaded model is asked again", async () => {
  assert.equal(await answer("Are you there?"), "Now I am.");
});
