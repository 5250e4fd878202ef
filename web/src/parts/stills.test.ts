import assert from "node:assert/strict";
import { test } from "node:test";
import { pickStills, readStills, spread, type Still } from "./stills.ts";

const TRACK = `WEBVTT

00:00:00.000 --> 00:00:02.000
storyboard-0.jpg#xywh=0,0,240,136

01:00:02.500 --> 01:00:04.000
storyboard-1.jpg#xywh=240,136,240,136
`;

const still = (number: number): Still => ({
  start: number,
  sheet: `s${Math.floor(number / 25)}`,
  x: 0,
  y: 0,
  width: 240,
  height: 136,
});

test("a track names stills, with sheets beside it", () => {
  const stills = readStills(TRACK, "https://here.example/hls/1/a.b.c/storyboard.vtt");
  assert.equal(stills.length, 2);
  assert.deepEqual(stills[1], {
    start: 3602.5,
    sheet: "https://here.example/hls/1/a.b.c/storyboard-1.jpg",
    x: 240,
    y: 136,
    width: 240,
    height: 136,
  });
});

test("what is no track names nothing", () => {
  assert.deepEqual(readStills('{"code": "not-found"}', "https://here.example/"), []);
});

test("of a list, a few are taken at even distances", () => {
  assert.deepEqual(spread([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 2), [2, 7]);
  assert.deepEqual(spread([0, 1], 5), [0, 1]);
});

test("stills for a card come from everywhere, but from few sheets", () => {
  const picked = pickStills(Array.from({ length: 400 }, (_, i) => still(i)));
  assert.equal(new Set(picked.map(({ sheet }) => sheet)).size, 3);
  assert.ok(picked.length >= 8 && picked.length <= 9);
  assert.ok(picked[0]!.start < 100 && picked.at(-1)!.start > 300);
  assert.deepEqual(picked, picked.toSorted((a, b) => a.start - b.start));
});

test("a video of one still has one", () => {
  assert.equal(pickStills([still(0)]).length, 1);
});
