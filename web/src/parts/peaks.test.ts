import assert from "node:assert/strict";
import { test } from "node:test";
import { barPath, bars, type Peak } from "./peaks.ts";

test("bars take the furthest sample of their part, and the loudest fills the height", () => {
  const peaks: Peak[] = [[-10, 20], [-50, 5], [0, 0], [-1, 25]];
  assert.deepEqual(bars(peaks, 2), [1, 0.5]);
});

test("silence is a thin line, and nothing is nothing", () => {
  assert.deepEqual(bars([[0, 0], [0, 0]], 2), [0.02, 0.02]);
  assert.deepEqual(bars([], 10), []);
});

test("few peaks make as many bars as were asked for", () => {
  assert.equal(bars([[-100, 100]], 60).length, 60);
});

test("a path draws each bar around the middle", () => {
  assert.equal(barPath([1, 0.5]), "M0.5 5v90M1.5 27.5v45");
});
