/** One WebSocket for the whole page, many topics, and healing after every kind of loss. */

import { TopicState, type Batch, type WireMessage } from "./topic.ts";

export type LiveStatus = "idle" | "connecting" | "live" | "waiting";

export interface Follower {
  /** The whole state now; always a legal answer, also later on. */
  onSnapshot?(data: unknown): void;
  onMessage?(message: WireMessage): void;
  onRefused?(code: string, detail: string): void;
}

/** The parts of a WebSocket that are used, so that tests can hold one in their hands. */
export interface Socket {
  readyState: number;
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onmessage: ((event: { data: string }) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface Surroundings {
  connect(): Socket;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
  random(): number;
  onStatus(status: LiveStatus): void;
}

interface Topic {
  state: TopicState;
  followers: Set<Follower>;
  /** The reference of the subscription that has not been answered yet. */
  ref: string | null;
}

const OPEN = 1;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 10_000;
/** The server sends versions every 20 s: twice missed and a bit means that the line is dead. */
const SILENCE_MS = 45_000;
const RETRY_REFUSED_MS = 2_000;
/** Refusals that say "not now" and not "never". */
const NOT_NOW = new Set(["too-many-commands", "too-many-topics"]);

export class LiveClient {
  private readonly topics = new Map<string, Topic>();
  private readonly around: Surroundings;
  private socket: Socket | null = null;
  private attempts = 0;
  private refs = 0;
  private retryTimer: unknown = null;
  private silenceTimer: unknown = null;

  constructor(around: Surroundings) {
    this.around = around;
  }

  /** Follow `topic`; `since` is the version of what the page shows already. Returns how to stop. */
  follow(name: string, follower: Follower, since: number | null = null): () => void {
    let topic = this.topics.get(name);
    if (!topic) {
      topic = { state: new TopicState(since), followers: new Set(), ref: null };
      this.topics.set(name, topic);
    } else {
      // A second follower needs the whole state as well, and has no right to wait for a change.
      topic.state = new TopicState(null);
    }
    topic.followers.add(follower);
    if (!this.socket && this.retryTimer === null) this.open();
    else this.subscribe(name, topic);
    return () => this.leave(name, follower);
  }

  /** Drop the line and take a new one, as somebody else after signing in or out. */
  reconnect(): void {
    for (const topic of this.topics.values()) topic.state = new TopicState(null);
    this.wake(true);
  }

  /** Try now and not when the timer says so: the network is back, or the page is seen again. */
  wake(force = false): void {
    if (!force && this.socket) return;
    if (this.topics.size === 0 && !this.socket) return;
    this.attempts = 0;
    this.drop();
    this.open();
  }

  private leave(name: string, follower: Follower): void {
    const topic = this.topics.get(name);
    if (!topic?.followers.delete(follower) || topic.followers.size > 0) return;
    this.topics.delete(name);
    this.tell({ type: "unsubscribe", topic: name });
  }

  private open(): void {
    this.around.onStatus("connecting");
    this.retryTimer = null;
    const socket = this.around.connect();
    this.socket = socket;
    socket.onopen = () => {
      this.listen();
      for (const [name, topic] of this.topics) this.subscribe(name, topic);
      this.around.onStatus("live");
    };
    socket.onmessage = (event) => {
      this.attempts = 0;
      this.listen();
      this.receive(JSON.parse(event.data) as Record<string, unknown>);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
    this.listen();
  }

  private lost(): void {
    this.drop();
    this.around.onStatus("waiting");
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.attempts);
    this.attempts += 1;
    const wait = Math.max(BACKOFF_FIRST_MS, ceiling * (0.5 + this.around.random() / 2));
    this.retryTimer = this.around.setTimer(() => this.open(), wait);
  }

  /** Let go of the socket and of everything that waits for it. */
  private drop(): void {
    this.around.clearTimer(this.retryTimer);
    this.around.clearTimer(this.silenceTimer);
    this.retryTimer = this.silenceTimer = null;
    const socket = this.socket;
    this.socket = null;
    for (const topic of this.topics.values()) topic.ref = null;
    if (!socket) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
  }

  private listen(): void {
    this.around.clearTimer(this.silenceTimer);
    this.silenceTimer = this.around.setTimer(() => this.lost(), SILENCE_MS);
  }

  private subscribe(name: string, topic: Topic): void {
    if (this.socket?.readyState !== OPEN) return;
    topic.ref = String(++this.refs);
    const since = topic.state.version;
    this.tell({ type: "subscribe", topic: name, ref: topic.ref, ...(since !== null && { since }) });
  }

  private tell(command: Record<string, unknown>): void {
    if (this.socket?.readyState === OPEN) this.socket.send(JSON.stringify(command));
  }

  private receive(frame: Record<string, unknown>): void {
    switch (frame.type) {
      case "snapshot":
        return this.takeSnapshot(frame.topic as string, frame.version as number, frame.data);
      case "messages":
        return this.takeBatch(frame.topic as string, frame as unknown as Batch);
      case "versions":
        return this.takeVersions(frame.data as Record<string, number>);
      case "ok":
        this.answered(frame.ref as string);
        return;
      case "refused":
        return this.takeRefusal(frame.ref as string, String(frame.code), String(frame.detail));
    }
  }

  private takeSnapshot(name: string, version: number, data: unknown): void {
    const topic = this.topics.get(name);
    if (!topic) return;
    topic.ref = null;
    const overtaking = topic.state.snapshot(version);
    for (const follower of [...topic.followers]) follower.onSnapshot?.(data);
    this.deliver(topic, overtaking);
  }

  private takeBatch(name: string, batch: Batch): void {
    const topic = this.topics.get(name);
    if (!topic) return;
    const verdict = topic.state.offer(batch);
    if (verdict === "applied") this.deliver(topic, batch.messages);
    if (verdict === "gap" && topic.ref === null) this.subscribe(name, topic);
  }

  private takeVersions(versions: Record<string, number>): void {
    for (const [name, version] of Object.entries(versions)) {
      const topic = this.topics.get(name);
      if (topic && topic.ref === null && topic.state.isBehind(version)) this.subscribe(name, topic);
    }
  }

  private takeRefusal(ref: string, code: string, detail: string): void {
    const found = this.answered(ref);
    if (!found) return;
    const [name, topic] = found;
    if (NOT_NOW.has(code)) {
      const again = () => this.topics.get(name) === topic && this.subscribe(name, topic);
      this.around.setTimer(again, RETRY_REFUSED_MS);
      return;
    }
    for (const follower of [...topic.followers]) follower.onRefused?.(code, detail);
  }

  private answered(ref: string): [string, Topic] | undefined {
    const found = [...this.topics].find(([, topic]) => topic.ref === ref);
    if (found) found[1].ref = null;
    return found;
  }

  private deliver(topic: Topic, messages: WireMessage[]): void {
    for (const message of messages) {
      for (const follower of [...topic.followers]) follower.onMessage?.(message);
    }
  }
}
