import assert from "node:assert/strict";
import { test } from "node:test";
import { tailOf } from "./tail.ts";

function box(name: string, content = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + content);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  bytes.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  return bytes;
}

function longBox(name: string, content: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16 + content);
  const head = new DataView(bytes.buffer);
  head.setUint32(0, 1);
  head.setBigUint64(8, BigInt(bytes.length));
  bytes.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  return bytes;
}

test("an index after the pictures is found", async () => {
  assert.equal(await tailOf(new Blob([box("ftyp", 12), box("mdat", 99), box("moov", 40)])), 127);
});

test("pictures of more than four gigabytes have a longer head", async () => {
  const parts = [box("ftyp", 12), box("wide"), longBox("mdat", 99), box("moov", 40)];
  assert.equal(await tailOf(new Blob(parts)), 143);
});

test("an index before the pictures need not be sent ahead", async () => {
  assert.equal(await tailOf(new Blob([box("ftyp", 12), box("moov", 40), box("mdat", 99)])), null);
});

test("what is no MP4, or has no end, has no index", async () => {
  assert.equal(await tailOf(new Blob([new Uint8Array(500)])), null);
  assert.equal(await tailOf(new Blob([box("RIFF", 90)])), null);
  assert.equal(await tailOf(new Blob([box("ftyp", 12), box("mdat", 99)])), null);
  assert.equal(await tailOf(new Blob([box("ftyp", 12), new Uint8Array(80)])), null);
});
