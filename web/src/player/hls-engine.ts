/** hls.js, kept to the levels whose segments exist where the viewer is. */

import Hls, { type ErrorData } from "hls.js";
import type { Engine, EngineEvents, Made } from "./engine.ts";
import { PatientLoader } from "./patient-loader.ts";
import { levelWindow, type Ranges } from "./window.ts";

/** What must be made ahead of the next segment before a level is chosen. */
const AHEAD_SECONDS = 8;
/** While better rungs are being made, a short buffer lets the picture sharpen soon. */
const BUFFER_GROWING_SECONDS = 14;
const BUFFER_COMPLETE_SECONDS = 60;
const FIRST_GUESS_BPS = 4_000_000;
const RECOVERIES = 3;
const TICK_MS = 1000;

/** `…/{plan}/{rung}/index.m3u8`: the playlist's address names its rung. */
function rungOf(url: string): string {
  return /\/([^/]+)\/[^/?]+(?:\?|$)/.exec(url)?.[1] ?? "";
}

export class HlsEngine implements Engine {
  private readonly hls: Hls;
  private readonly video: HTMLVideoElement;
  private readonly events: EngineEvents;
  private readonly timer: ReturnType<typeof setInterval>;
  private made = new Map<string, Ranges>();
  private isComplete = false;
  private recoveries = 0;

  static isSupported(): boolean {
    return Hls.isSupported();
  }

  constructor(video: HTMLVideoElement, events: EngineEvents) {
    this.video = video;
    this.events = events;
    this.hls = new Hls({
      fLoader: PatientLoader as never,
      pLoader: PatientLoader as never,
      abrEwmaDefaultEstimate: FIRST_GUESS_BPS,
      testBandwidth: false,
      maxBufferLength: BUFFER_GROWING_SECONDS,
      maxMaxBufferLength: BUFFER_GROWING_SECONDS,
      backBufferLength: 60,
    });
    // Before hls.js hears of a seek itself: it must already know which level to take there.
    video.addEventListener("seeking", this.update);
    this.hls.on(Hls.Events.MANIFEST_PARSED, () => this.onManifest());
    this.hls.on(Hls.Events.FRAG_BUFFERED, () => {
      this.recoveries = 0;
      this.update();
    });
    this.hls.on(Hls.Events.LEVEL_UPDATED, this.update);
    this.hls.on(Hls.Events.ERROR, (_event, data) => this.onError(data));
    this.timer = setInterval(this.update, TICK_MS);
  }

  load(url: string): void {
    this.hls.loadSource(url);
    this.hls.attachMedia(this.video);
  }

  choose(id: string | null): void {
    const level = id === null ? -1 : Number(id);
    if (level === -1 ? this.hls.autoLevelEnabled : this.hls.manualLevel === level) return;
    this.hls.nextLevel = level;
    this.update();
  }

  offer(made: readonly Made[], isComplete: boolean): void {
    this.made = new Map(made.map((each) => [each.name, each.made]));
    this.isComplete = isComplete;
    const seconds = isComplete ? BUFFER_COMPLETE_SECONDS : BUFFER_GROWING_SECONDS;
    this.hls.config.maxBufferLength = Math.min(seconds, 30);
    this.hls.config.maxMaxBufferLength = seconds;
    this.update();
  }

  seek(seconds: number): void {
    this.video.currentTime = seconds;
  }

  retry(): void {
    this.recoveries = 0;
    if (this.hls.levels.length === 0) this.hls.loadSource(this.hls.url ?? "");
    else this.hls.startLoad();
  }

  destroy(): void {
    clearInterval(this.timer);
    this.video.removeEventListener("seeking", this.update);
    this.hls.destroy();
  }

  private onManifest(): void {
    this.update();
    this.hls.startLevel = this.hls.autoLevelCapping;
    const qualities = this.hls.levels.map((level, index) => ({
      id: String(index),
      width: level.width,
      height: level.height,
      bitrate: level.bitrate,
      codec: level.videoCodec ?? "",
    }));
    // Sound alone has nothing to choose from.
    this.events.onQualities(qualities.filter(({ height }) => height > 0));
  }

  /** Tell hls.js the lowest and the highest level that it may choose by itself now. */
  private readonly update = (): void => {
    const { hls } = this;
    if (hls.levels.length === 0) return;
    const { from, needed, last } = this.position();
    const { min, max } = levelWindow({
      levels: hls.levels.map((level) => ({
        bitrate: level.bitrate,
        shortSide: Math.min(level.width || 0, level.height || 0),
        made: this.isComplete ? [[0, last]] : (this.made.get(rungOf(level.url[0] ?? "")) ?? []),
      })),
      from,
      needed,
      last,
      bandwidth: hls.bandwidthEstimate || FIRST_GUESS_BPS,
      screen: Math.min(this.video.clientWidth, this.video.clientHeight) * devicePixelRatio,
    });
    hls.autoLevelCapping = max;
    hls.config.minAutoBitrate = hls.levels[min]?.maxBitrate ?? 0;
  };

  /** The next segment that will be loaded, in numbers of the plan. */
  private position(): { from: number; needed: number; last: number } {
    const details = this.hls.levels.find((level) => level.details)?.details;
    if (!details?.fragments.length) return { from: 0, needed: 1, last: Number.MAX_SAFE_INTEGER };
    const next = this.bufferedUntil(this.video.currentTime);
    const fragments = details.fragments;
    const found = fragments.findIndex((fragment) => next < fragment.end - 0.1);
    const index = found < 0 ? fragments.length - 1 : found;
    const needed = Math.max(1, Math.ceil(AHEAD_SECONDS / details.averagetargetduration!));
    return { from: fragments[index]!.sn as number, needed, last: details.endSN };
  }

  private bufferedUntil(time: number): number {
    const { buffered } = this.video;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.start(i) <= time + 0.1 && time < buffered.end(i)) return buffered.end(i);
    }
    return time;
  }

  private onError(data: ErrorData): void {
    if (!data.fatal) return;
    const status = data.response?.code ?? 0;
    if ([401, 403, 404, 410].includes(status)) {
      this.events.onTrouble("gone");
      return;
    }
    this.recoveries += 1;
    const isMedia = data.type === Hls.ErrorTypes.MEDIA_ERROR;
    if (this.recoveries > RECOVERIES) this.events.onTrouble(isMedia ? "media" : "network");
    else if (isMedia) this.hls.recoverMediaError();
    else if (this.hls.levels.length > 0) this.hls.startLoad();
    else this.events.onTrouble("network");
  }
}
