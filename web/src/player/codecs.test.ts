import assert from "node:assert/strict";
import { test } from "node:test";
import { unwantedLevels } from "./codecs.ts";

const BOTH = ["avc1.64001f", "av01.0.04M.08", "avc1.640028", "av01.0.08M.08"].map(
  (videoCodec) => ({ videoCodec }),
);

test("of two ladders one is played", () => {
  assert.deepEqual(unwantedLevels(BOTH, false), [1, 3]);
  assert.deepEqual(unwantedLevels(BOTH, true), [0, 2]);
});

test("where there is no choice, nothing is left out", () => {
  for (const prefersAv1 of [true, false]) {
    assert.deepEqual(unwantedLevels([{ videoCodec: "avc1.64001f" }, {}], prefersAv1), []);
    assert.deepEqual(unwantedLevels([{ videoCodec: "av01.0.04M.08" }], prefersAv1), []);
    assert.deepEqual(unwantedLevels([], prefersAv1), []);
  }
});
