import assert from "node:assert/strict";
import { test } from "node:test";
import { Speed } from "./speed.ts";

test("the first moments promise nothing", () => {
  const speed = new Speed();
  assert.equal(speed.note(0, 0), 0);
  assert.equal(speed.note(500, 500), 0);
  assert.equal(speed.note(1000, 1000), 1000);
});

test("what was long ago does not count", () => {
  const speed = new Speed();
  speed.note(0, 0);
  for (let at = 10_000; at <= 16_000; at += 1000) speed.note(at * 2, at);
  assert.equal(speed.note(34_000, 17_000), 2000);
});

test("after a pause the count begins anew", () => {
  const speed = new Speed();
  speed.note(0, 0);
  speed.note(9000, 1000);
  speed.reset();
  assert.equal(speed.note(9000, 60_000), 0);
});
