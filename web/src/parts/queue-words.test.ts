import assert from "node:assert/strict";
import { test } from "node:test";
import { ordinal, queueWords } from "./queue-words.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const later = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

test("places are said as people say them", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 21, 112].map(ordinal), [
    "1st", "2nd", "3rd", "4th", "11th", "21st", "112th",
  ]);
});

test("a video that waits has a place and a time", () => {
  const queue = { position: 3, begins_at: later(110), ends_at: later(900) };
  assert.equal(queueWords("in_queue", queue, NOW), "3rd in line. Its turn comes in about 2 min.");
});

test("what is next is not told when", () => {
  const queue = { position: 1, begins_at: later(2), ends_at: null };
  assert.equal(queueWords("in_queue", queue, NOW), "Next in line.");
});

test("without an estimate there is the place alone, and without a place nothing", () => {
  const queue = { position: 3, begins_at: null, ends_at: null };
  assert.equal(queueWords("in_queue", queue, NOW), "3rd in line.");
  assert.equal(queueWords("in_queue", null, NOW), "");
});

test("a video that is made is told when all of it is there", () => {
  const queue = { position: null, begins_at: null, ends_at: later(700) };
  assert.equal(queueWords("processing", queue, NOW), "All qualities are ready in about 12 min.");
});

test("an estimate that has passed is not told", () => {
  const queue = { position: 2, begins_at: later(-5), ends_at: later(-1) };
  assert.equal(queueWords("processing", queue, NOW), "");
  assert.equal(queueWords("in_queue", queue, NOW), "2nd in line.");
});

test("a video at rest stands in no queue", () => {
  const queue = { position: 2, begins_at: later(5), ends_at: later(9) };
  assert.equal(queueWords("completed", queue, NOW), "");
});
