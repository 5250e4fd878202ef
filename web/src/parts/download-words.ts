/** What is said about a file that can be taken away. */

import { bytes } from "./format.ts";

export interface Offer {
  name: string;
  status: "available" | "in_queue" | "processing" | "ready" | "failed";
  size_bytes: number;
  progress_percent: number;
  error: { code: string; detail: string } | null;
}

/** "720p", "Sound", "Original". */
export function downloadName(name: string): string {
  if (name === "source") return "Original";
  return name === "audio" ? "Sound" : name;
}

/** Whether somebody is at it. */
export function isPending({ status }: Pick<Offer, "status">): boolean {
  return status === "in_queue" || status === "processing";
}

/** Its size, or how far it is. */
export function downloadWords(offer: Offer): string {
  switch (offer.status) {
    case "in_queue":
      return "Waits for its turn …";
    case "processing":
      return `Being put together: ${offer.progress_percent} %`;
    case "failed":
      return offer.error?.detail || "That did not work. Try again.";
    case "available":
      return `About ${bytes(offer.size_bytes)}`;
    default:
      return bytes(offer.size_bytes);
  }
}
