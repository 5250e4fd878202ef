import assert from "node:assert/strict";
import { test } from "node:test";
import { compare } from "./feed-news.ts";

const entries = (ids: string) => [...ids].map((id) => ({ id }));
const news = (snapshot: string, shown: string, pageSize = 4) => {
  const { fresh, gone } = compare(entries(snapshot), entries(shown), pageSize);
  return [fresh.join(""), gone.join("")];
};

test("nothing is new in what is shown already", () => {
  assert.deepEqual(news("dcba", "dcba"), ["", ""]);
  assert.deepEqual(news("hgfe", "hgfedcba"), ["", ""]);
  assert.deepEqual(news("", ""), ["", ""]);
});

test("what stands above is new", () => {
  assert.deepEqual(news("fedc", "dcba"), ["fe", ""]);
  assert.deepEqual(news("dcba", ""), ["dcba", ""]);
  assert.deepEqual(news("hgfe", "dcba"), ["hgfe", ""]);
});

test("what is missing in between is gone", () => {
  assert.deepEqual(news("fdcb", "fedcba"), ["", "e"]);
  assert.deepEqual(news("gfdc", "fedcba"), ["g", "e"]);
});

test("a short snapshot tells of everything", () => {
  assert.deepEqual(news("dc", "dcba"), ["", "ba"]);
  assert.deepEqual(news("", "ba"), ["", "ba"]);
});

test("a post that became public stands between others", () => {
  assert.deepEqual(news("dxcb", "dcba"), ["x", ""]);
});

test("what follows the shown page is not new", () => {
  assert.deepEqual(news("dcba", "dc"), ["", ""]);
});
