/**
 * What one topic's follower knows, and what it must do next. No socket in here.
 *
 * A snapshot sets the version. A batch that builds on our version (or an older one) is applied,
 * one that leads no further is ignored, one that builds on a newer version means that we missed
 * something: subscribe again with `since`. docs/realtime.md has the protocol.
 */

export interface WireMessage {
  type: string;
  data: unknown;
}

export interface Batch {
  prev: number;
  version: number;
  messages: WireMessage[];
}

export type Verdict = "applied" | "ignored" | "gap" | "early";

/** More than this between subscribe and snapshot means that a newer snapshot is the better cure. */
const EARLY_LIMIT = 100;

export class TopicState {
  /** The version that we have, or null before the first snapshot. */
  version: number | null;
  private early: Batch[] = [];

  constructor(since: number | null = null) {
    this.version = since;
  }

  /** Take a snapshot; returns the messages that overtook it on the way here. */
  snapshot(version: number): WireMessage[] {
    this.version = version;
    const waiting = this.early;
    this.early = [];
    return waiting.flatMap((batch) => (this.offer(batch) === "applied" ? batch.messages : []));
  }

  offer(batch: Batch): Verdict {
    if (this.version === null) {
      if (this.early.length < EARLY_LIMIT) this.early.push(batch);
      return "early";
    }
    if (batch.version <= this.version) return "ignored";
    if (batch.prev > this.version) return "gap";
    this.version = batch.version;
    return "applied";
  }

  isBehind(version: number): boolean {
    return this.version !== null && version > this.version;
  }
}
