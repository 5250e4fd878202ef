import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveClient, type Follower, type LiveStatus, type Socket } from "./client.ts";

class FakeSocket implements Socket {
  readyState = 0;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  sent: Record<string, unknown>[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.closed = true;
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  say(frame: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  last(): Record<string, unknown> {
    const command = this.sent.at(-1);
    assert.ok(command, "nothing was sent");
    return command;
  }
}

function world() {
  const sockets: FakeSocket[] = [];
  const timers: { run: () => void; ms: number }[] = [];
  const statuses: LiveStatus[] = [];
  const client = new LiveClient({
    connect: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    setTimer: (run, ms) => {
      const timer = { run, ms };
      timers.push(timer);
      return timer;
    },
    clearTimer: (timer) => {
      const index = timers.indexOf(timer as (typeof timers)[number]);
      if (index >= 0) timers.splice(index, 1);
    },
    random: () => 0.5,
    onStatus: (status) => statuses.push(status),
  });
  return {
    client,
    timers,
    statuses,
    socket: () => sockets.at(-1)!,
    sockets,
    fire: () => timers.splice(0).forEach((timer) => timer.run()),
  };
}

function follow(client: LiveClient, topic: string, since: number | null = null) {
  const seen: unknown[] = [];
  const follower: Follower = {
    onSnapshot: (data) => seen.push(["snapshot", data]),
    onMessage: (message) => seen.push([message.type, message.data]),
    onRefused: (code) => seen.push(["refused", code]),
  };
  return { seen, stop: client.follow(topic, follower, since) };
}

const likes = (topic: string, prev: number, version: number, count: number) => ({
  type: "messages",
  topic,
  prev,
  version,
  messages: [{ type: "post.likes", data: { likes: count } }],
});

test("a follower subscribes with the version it has", () => {
  const { client, socket } = world();
  follow(client, "post:a", 17);
  socket().open();
  assert.deepEqual(socket().last(), { type: "subscribe", topic: "post:a", ref: "1", since: 17 });
});

test("messages that build on the snapshot are applied, older ones are not", () => {
  const { client, socket } = world();
  const { seen } = follow(client, "post:a");
  socket().open();
  socket().say({ type: "snapshot", topic: "post:a", version: 3, data: "whole", ref: "1" });
  socket().say(likes("post:a", 2, 3, 99));
  socket().say(likes("post:a", 3, 4, 7));
  socket().say(likes("post:a", 2, 5, 8));
  assert.deepEqual(seen, [
    ["snapshot", "whole"],
    ["post.likes", { likes: 7 }],
    ["post.likes", { likes: 8 }],
  ]);
});

test("a gap makes the client subscribe again, once", () => {
  const { client, socket } = world();
  const { seen } = follow(client, "post:a", 3);
  socket().open();
  socket().say({ type: "ok", ref: "1" });
  socket().say(likes("post:a", 5, 6, 7));
  socket().say(likes("post:a", 6, 7, 8));
  assert.deepEqual(socket().sent.slice(1), [
    { type: "subscribe", topic: "post:a", ref: "2", since: 3 },
  ]);
  assert.deepEqual(seen, []);
});

test("a message that overtakes its snapshot is applied after it", () => {
  const { client, socket } = world();
  const { seen } = follow(client, "post:a");
  socket().open();
  socket().say(likes("post:a", 3, 4, 7));
  socket().say({ type: "snapshot", topic: "post:a", version: 3, data: "whole", ref: "1" });
  assert.deepEqual(seen, [
    ["snapshot", "whole"],
    ["post.likes", { likes: 7 }],
  ]);
});

test("the versions heartbeat heals a message that never came", () => {
  const { client, socket } = world();
  follow(client, "post:a", 3);
  follow(client, "post:b", 9);
  socket().open();
  socket().say({ type: "ok", ref: "1" });
  socket().say({ type: "ok", ref: "2" });
  socket().say({ type: "versions", data: { "post:a": 4, "post:b": 9, "post:other": 1 } });
  assert.deepEqual(socket().sent.slice(2), [
    { type: "subscribe", topic: "post:a", ref: "3", since: 3 },
  ]);
});

test("after a lost line every topic is subscribed again from where it was", () => {
  const { client, socket, sockets, fire, statuses } = world();
  follow(client, "post:a");
  socket().open();
  socket().say({ type: "snapshot", topic: "post:a", version: 8, data: 0, ref: "1" });
  socket().onclose?.();
  assert.equal(statuses.at(-1), "waiting");
  fire();
  assert.equal(sockets.length, 2);
  socket().open();
  assert.equal(socket().last().since, 8);
});

test("the waits grow to ten seconds and no further, and a frame resets them", () => {
  const { client, socket, timers } = world();
  follow(client, "post:a");
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    socket().onclose?.();
    const timer = timers.pop()!;
    waits.push(timer.ms);
    timer.run();
  }
  assert.deepEqual(waits, [500, 750, 1500, 3000, 6000, 7500, 7500, 7500]);
  socket().open();
  socket().say({ type: "versions", data: {} });
  socket().onclose?.();
  assert.equal(timers.at(-1)!.ms, 500);
});

test("a silent line is given up", () => {
  const { client, socket, timers, sockets } = world();
  follow(client, "post:a");
  socket().open();
  const silence = timers.find((timer) => timer.ms === 45_000)!;
  const first = socket();
  silence.run();
  assert.ok(first.closed);
  timers.at(-1)!.run();
  assert.equal(sockets.length, 2);
});

test("a refusal reaches the follower and keeps the socket", () => {
  const { client, socket } = world();
  const { seen } = follow(client, "post:none");
  socket().open();
  socket().say({ type: "refused", ref: "1", code: "not-found", detail: "There is no such post." });
  assert.deepEqual(seen, [["refused", "not-found"]]);
  assert.equal(socket().closed, false);
});

test("a refusal that means not now is asked again", () => {
  const { client, socket, timers } = world();
  const { seen } = follow(client, "post:a");
  socket().open();
  socket().say({ type: "refused", ref: "1", code: "too-many-commands", detail: "Slower, please." });
  assert.deepEqual(seen, []);
  timers.find((timer) => timer.ms === 2000)!.run();
  assert.deepEqual(socket().last(), { type: "subscribe", topic: "post:a", ref: "2" });
});

test("the last follower to leave unsubscribes", () => {
  const { client, socket } = world();
  const one = follow(client, "post:a");
  const two = follow(client, "post:a");
  socket().open();
  one.stop();
  assert.equal(socket().last().type, "subscribe");
  two.stop();
  assert.deepEqual(socket().last(), { type: "unsubscribe", topic: "post:a" });
});

test("a second follower gets the whole state, even beside one that needs nothing new", () => {
  const { client, socket } = world();
  follow(client, "post:a", 5);
  socket().open();
  const { seen } = follow(client, "post:a");
  assert.equal(socket().last().since, undefined);
  socket().say({ type: "ok", ref: "1" });
  socket().say({ type: "snapshot", topic: "post:a", version: 5, data: "whole", ref: "2" });
  assert.deepEqual(seen, [["snapshot", "whole"]]);
});

test("signing in takes a new line and whole snapshots", () => {
  const { client, socket, sockets } = world();
  follow(client, "post:a", 5);
  socket().open();
  client.reconnect();
  assert.ok(sockets[0]!.closed);
  socket().open();
  assert.deepEqual(socket().last(), { type: "subscribe", topic: "post:a", ref: "2" });
});
