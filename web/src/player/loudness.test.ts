import assert from "node:assert/strict";
import { test } from "node:test";
import { correction, glide } from "./loudness.ts";

const of = (integrated_lufs: number) => ({ integrated_lufs, true_peak_dbtp: -1 });

test("what is loud is turned down to the target", () => {
  assert.equal(correction(of(-8), true), -6);
});

test("what is quiet stays as it is, and so does what is not measured", () => {
  assert.equal(correction(of(-23), true), 0);
  assert.equal(correction(of(-14), true), 0);
  assert.equal(correction(null, true), 0);
});

test("nothing changes for those who switched it off", () => {
  assert.equal(correction(of(-3), false), 0);
});

test("it glides in steps that nobody hears", () => {
  let now = 0;
  let steps = 0;
  while (now !== -6) {
    const next = glide(now, -6, 40);
    assert.ok(Math.abs(next - now) < 0.13);
    now = next;
    steps += 1;
  }
  assert.equal(steps, 50);
  assert.equal(glide(-6, 0, 10_000), 0);
});
