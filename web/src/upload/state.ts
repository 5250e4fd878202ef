/** What the page knows about the uploads of this visit. Signals only: the header shows it too. */

import { computed, signal, type Signal } from "@preact/signals";
import type { Progress } from "../api/types.ts";
import type { Details as Said } from "../parts/details.tsx";

/**
 *     waiting ──▶ sending ◀──▶ paused         arrived ──▶ (what the server makes of it: `made`)
 *                   │  ▲ ──▶ arrived
 *                   ▼  │
 *                  broken          refused
 */
export type Stage = "waiting" | "sending" | "paused" | "broken" | "refused" | "arrived";

export interface Details extends Said {
  share: boolean;
}

export interface Item {
  readonly key: string;
  readonly file: File;
  stage: Stage;
  sent: number;
  /** Bytes per second over the last few seconds; 0 while not known. */
  speed: number;
  resumedAt: number;
  trouble: string | null;
  videoId: string | null;
  made: Progress | null;
  details: Details;
  /** The details as the server has them; null until it has them. */
  saved: Details | null;
  postId: string | null;
  isEditing: boolean;
  isSaving: boolean;
  /** The server did not take the details; the person is offered to try again. */
  isUnsaved: boolean;
}

export const items = signal<Signal<Item>[]>([]);

export function change(item: Signal<Item>, part: Partial<Item>): void {
  item.value = { ...item.value, ...part };
}

const ACTIVE: ReadonlySet<Stage> = new Set(["waiting", "sending", "paused", "broken"]);

export const unfinished = computed(() => items.value.filter(({ value }) => ACTIVE.has(value.stage)));

/** Percent of all bytes that are on their way, or null where nothing is. */
export const overall = computed(() => {
  const active = unfinished.value.map(({ value }) => value);
  if (active.length === 0) return null;
  const total = active.reduce((sum, item) => sum + item.file.size, 0);
  const sent = active.reduce((sum, item) => sum + item.sent, 0);
  return total ? Math.floor((100 * sent) / total) : 0;
});

export function isPlayable(made: Progress | null): boolean {
  return Boolean(made?.playlist_url);
}

export function hasFailed(made: Progress | null): boolean {
  return made?.status === "failed" || made?.status === "cancelled";
}
