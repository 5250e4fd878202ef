/** Where something stands in the queue, as people say it. Rough on purpose: it is an estimate. */

import { roughly } from "./format.ts";

export interface Standing {
  position: number | null;
  begins_at: string | null;
  ends_at: string | null;
}

const rules = new Intl.PluralRules("en", { type: "ordinal" });
const ENDINGS: Record<string, string> = { one: "st", two: "nd", few: "rd" };

/** "1st", "2nd", "11th". */
export function ordinal(value: number): string {
  return `${value}${ENDINGS[rules.select(value)] ?? "th"}`;
}

/** "in about 4 min"; nothing for what is not known, or should have happened already. */
function soon(iso: string | null, now: number): string {
  if (!iso) return "";
  const seconds = (Date.parse(iso) - now) / 1000;
  return seconds <= 0 ? "" : `in about ${roughly(seconds)}`;
}

/** A sentence or two about a video; empty where there is nothing to say. */
export function queueWords(
  status: string,
  queue: Standing | null | undefined,
  now = Date.now(),
): string {
  const ends = soon(queue?.ends_at ?? null, now);
  if (status === "processing") return ends && `All qualities are ready ${ends}.`;
  if (status !== "in_queue" || !queue?.position) return "";
  const place = queue.position === 1 ? "Next in line." : `${ordinal(queue.position)} in line.`;
  const begins = soon(queue.begins_at, now);
  return begins && queue.position > 1 ? `${place} Its turn comes ${begins}.` : place;
}
