import assert from "node:assert/strict";
import { test } from "node:test";
import { downloadName, downloadWords, isPending, type Offer } from "./download-words.ts";

const offer = (changes: Partial<Offer>): Offer => ({
  name: "720p",
  status: "ready",
  size_bytes: 45_200_000,
  progress_percent: 0,
  error: null,
  ...changes,
});

test("a size is exact when the file is there, and about so much before", () => {
  assert.equal(downloadWords(offer({})), "45.2 MB");
  assert.equal(downloadWords(offer({ status: "available" })), "About 45.2 MB");
});

test("while it is made, people see how far it is", () => {
  assert.equal(downloadWords(offer({ status: "in_queue" })), "Waits for its turn …");
  const making = offer({ status: "processing", progress_percent: 40 });
  assert.equal(downloadWords(making), "Being put together: 40 %");
});

test("a failure says why", () => {
  const error = { code: "encoding-failed", detail: "It did not work." };
  assert.equal(downloadWords(offer({ status: "failed", error })), "It did not work.");
});

test("names are for people", () => {
  assert.deepEqual(["720p", "audio", "source"].map(downloadName), ["720p", "Sound", "Original"]);
});

test("what waits or is made is pending", () => {
  const states = ["available", "in_queue", "processing", "ready", "failed"] as const;
  assert.deepEqual(
    states.map((status) => isPending({ status })),
    [false, true, true, false, false],
  );
});
