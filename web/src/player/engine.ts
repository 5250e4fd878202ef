/** What the player element needs of whatever plays HLS: the seam behind which hls.js stands. */

import type { Ranges } from "./window.ts";

/** A planned rung and how much of it exists. */
export interface Made {
  name: string;
  made: Ranges;
}

export interface Quality {
  id: string;
  width: number;
  height: number;
  bitrate: number;
  codec: string;
}

/** Something went wrong that the engine cannot cure by itself. */
export type Trouble = "gone" | "lost" | "network" | "media";

export interface EngineEvents {
  onQualities(qualities: Quality[]): void;
  onTrouble(trouble: Trouble): void;
}

export interface Engine {
  load(url: string): void;
  /** Play a quality, or `null`: choose by itself. */
  choose(id: string | null): void;
  /** What exists now; lifts the cap while segments are being made. */
  offer(made: readonly Made[], isComplete: boolean): void;
  seek(seconds: number): void;
  retry(): void;
  destroy(): void;
}
