/** What is said about a video that is encoded anew while it plays. */

export interface Anew {
  status: "in_queue" | "processing" | "failed" | "cancelled";
  progress_percent: number;
  error: { code: string; detail: string } | null;
}

/** Whether it is on its way still. */
export function isComing(anew: Anew | null | undefined): boolean {
  return anew?.status === "in_queue" || anew?.status === "processing";
}

/** A sentence or two; empty where there is nothing to say. */
export function reEncodeWords(anew: Anew | null | undefined): string {
  switch (anew?.status) {
    case "in_queue":
      return "To be encoded again; until then it plays as it is.";
    case "processing":
      return `Being encoded again: ${anew.progress_percent} %. It plays as it is meanwhile.`;
    case "failed":
      return `Encoding it again failed. ${anew.error?.detail ?? ""} It plays as it did before.`;
    default:
      return "";
  }
}
