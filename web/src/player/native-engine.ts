/** The browser's own HLS, only where media source extensions are missing (older iPhones). */

import type { Engine, EngineEvents } from "./engine.ts";

export class NativeEngine implements Engine {
  private readonly video: HTMLVideoElement;
  private readonly onError: () => void;

  constructor(video: HTMLVideoElement, events: EngineEvents) {
    this.video = video;
    this.onError = () => events.onTrouble(video.error?.code === 3 ? "media" : "network");
    video.addEventListener("error", this.onError);
  }

  /** Without `?planned=1`: a player that cannot be capped gets the list of what is complete. */
  load(url: string): void {
    this.video.src = url.replace(/\?planned=1$/, "");
  }

  choose(): void {}

  offer(): void {}

  seek(seconds: number): void {
    this.video.currentTime = seconds;
  }

  retry(): void {
    const at = this.video.currentTime;
    this.video.load();
    this.video.currentTime = at;
  }

  destroy(): void {
    this.video.removeEventListener("error", this.onError);
    this.video.removeAttribute("src");
    this.video.load();
  }
}
