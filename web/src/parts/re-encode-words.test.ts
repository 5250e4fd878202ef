import assert from "node:assert/strict";
import { test } from "node:test";
import { type Anew, isComing, reEncodeWords } from "./re-encode-words.ts";

const anew = (changes: Partial<Anew>): Anew => ({
  status: "processing",
  progress_percent: 40,
  error: null,
  ...changes,
});

test("while it is made anew, people hear that it plays", () => {
  assert.equal(
    reEncodeWords(anew({})),
    "Being encoded again: 40 %. It plays as it is meanwhile.",
  );
  assert.match(reEncodeWords(anew({ status: "in_queue" })), /until then it plays/);
});

test("a failure says why, and that nothing is lost", () => {
  const error = { code: "encoding-failed", detail: "This part could not be encoded." };
  assert.equal(
    reEncodeWords(anew({ status: "failed", error })),
    "Encoding it again failed. This part could not be encoded. It plays as it did before.",
  );
});

test("there is nothing to say where it was cancelled, or never begun", () => {
  assert.equal(reEncodeWords(anew({ status: "cancelled" })), "");
  assert.equal(reEncodeWords(null), "");
});

test("what waits or is made is on its way", () => {
  const states = ["in_queue", "processing", "failed", "cancelled"] as const;
  assert.deepEqual(states.map((status) => isComing(anew({ status }))), [true, true, false, false]);
  assert.equal(isComing(null), false);
});
