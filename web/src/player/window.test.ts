import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, isWorthReplacing, levelWindow, type Level, type Situation } from "./window.ts";

const all: [number, number][] = [[0, 9]];
const none: [number, number][] = [];
const sides = [144, 240, 360, 480, 720, 1080];
const bitrates = [200_000, 400_000, 800_000, 1_500_000, 3_000_000, 6_000_000];

function situation(made: [number, number][][], change: Partial<Situation> = {}): Situation {
  const levels: Level[] = sides.map((shortSide, i) => ({
    shortSide,
    bitrate: bitrates[i]!,
    made: made[i]!,
  }));
  return { levels, from: 0, needed: 2, last: 9, bandwidth: 20_000_000, screen: 2160, ...change };
}

test("ranges cover what lies within one of them", () => {
  assert.ok(covers([[0, 1], [4, 9]], 5, 9));
  assert.ok(!covers([[0, 1], [4, 9]], 1, 4));
});

test("only the lead rung is made: play that one", () => {
  const now = situation([none, none, [[0, 4]], none, none, none]);
  assert.deepEqual(levelWindow(now), { min: 2, max: 2, best: 2 });
});

test("a copied top rung is played where the line is fast enough", () => {
  const made = [all, all, all, none, none, all];
  assert.deepEqual(levelWindow(situation(made)), { min: 5, max: 5, best: 5 });
  const slow = situation(made, { bandwidth: 2_000_000 });
  assert.deepEqual(levelWindow(slow), { min: 0, max: 2, best: 2 });
});

test("the cap lifts as rungs are made ahead of the playhead", () => {
  const early: [number, number][] = [[0, 3]];
  const made = [early, early, early, early, early, none];
  assert.deepEqual(levelWindow(situation(made)), { min: 0, max: 4, best: 4 });
  const beyond = situation(made, { from: 5 });
  assert.deepEqual(levelWindow(beyond), { min: 2, max: 2, best: 2 });
});

test("nothing is made where the viewer jumped to: ask for the lead rung", () => {
  assert.deepEqual(levelWindow(situation(sides.map(() => none), { from: 7 })), { min: 2, max: 2, best: 2 });
});

test("near the end less has to be made ahead", () => {
  const made = sides.map((): [number, number][] => [[9, 9]]);
  assert.deepEqual(levelWindow(situation(made, { from: 9 })), { min: 0, max: 5, best: 5 });
});

test("a small player does not load what nobody sees", () => {
  assert.deepEqual(levelWindow(situation(sides.map(() => all), { screen: 400 })), { min: 0, max: 3, best: 3 });
});

test("of what is made the line decides what is best", () => {
  const now = situation(sides.map(() => all), { bandwidth: 2_000_000 });
  assert.deepEqual(levelWindow(now), { min: 0, max: 5, best: 3 });
});

test("a slow line with nothing but the copied top rung plays that", () => {
  const now = situation([none, none, none, none, none, all], { bandwidth: 500_000 });
  assert.deepEqual(levelWindow(now), { min: 5, max: 5, best: 5 });
});

test("what waits in the buffer is replaced by what is clearly sharper, and made", () => {
  const early: [number, number][] = [[0, 5]];
  const now = situation([early, early, early, early, early, none], { from: 3 });
  assert.ok(isWorthReplacing(now, 2));
  assert.ok(!isWorthReplacing(now, 4));
  assert.ok(!isWorthReplacing({ ...now, from: 5 }, 2), "not made far enough");
  assert.ok(!isWorthReplacing({ ...now, bandwidth: 900_000 }, 2), "too much for the line");
  assert.ok(!isWorthReplacing({ ...now, screen: 300 }, 2), "nobody would see it");
  const top = situation([none, none, none, none, none, all], { bandwidth: 500_000 });
  assert.ok(!isWorthReplacing(top, 2), "there is nothing else, but too much for the line");
});
