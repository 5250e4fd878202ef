/** hls.js, kept to the levels whose segments exist where the viewer is. */

import Hls, { type ErrorData, type Fragment } from "hls.js";
import type { Engine, EngineEvents, Made } from "./engine.ts";
import { unwantedLevels } from "./codecs.ts";
import { HOLD_SECONDS, PatientLoader } from "./patient-loader.ts";
import { isWorthReplacing, levelWindow, type Ranges, type Situation } from "./window.ts";

/** What must be made ahead of the next segment before a level is chosen. */
const AHEAD_SECONDS = 8;
/** While better rungs are being made, a short buffer lets the picture sharpen soon. */
const BUFFER_GROWING_SECONDS = 14;
const BUFFER_COMPLETE_SECONDS = 60;
const FIRST_GUESS_BPS = 4_000_000;
const { default: PATIENCE } = Hls.DefaultConfig.fragLoadPolicy;
const RECOVERIES = 3;
const TICK_MS = 1000;
/** What is loaded twice is paid twice: not more often than this. */
const SHARPEN_EVERY_MS = 8000;
const FLUSH_MS = 3000;
const UNKNOWN = Number.MAX_SAFE_INTEGER;

/** `…/{plan}/{rung}/index.m3u8`: the playlist's address names its rung. */
function rungOf(url: string): string {
  return /\/([^/]+)\/[^/?]+(?:\?|$)/.exec(url)?.[1] ?? "";
}

/** The `code` of the problem that a request for bytes was answered with. */
function codeOf({ networkDetails }: ErrorData): string {
  const body: unknown = (networkDetails as XMLHttpRequest | null | undefined)?.response;
  if (!(body instanceof ArrayBuffer)) return "";
  try {
    return (JSON.parse(new TextDecoder().decode(body)) as { code?: string }).code ?? "";
  } catch {
    return "";
  }
}

export class HlsEngine implements Engine {
  private readonly hls: Hls;
  private readonly video: HTMLVideoElement;
  private readonly events: EngineEvents;
  private readonly timer: ReturnType<typeof setInterval>;
  private made = new Map<string, Ranges>();
  private isComplete = false;
  private recoveries = 0;
  /** The level that each buffered segment was loaded as. */
  private readonly loadedAs = new Map<number, number>();
  private sharpenedAt = -Infinity;
  /** Where loading goes on after the buffer is emptied; null where it goes on at its end. */
  private replacingFrom: number | null = null;

  static isSupported(): boolean {
    return Hls.isSupported();
  }

  constructor(video: HTMLVideoElement, events: EngineEvents) {
    this.video = video;
    this.events = events;
    this.hls = new Hls({
      fLoader: PatientLoader as never,
      pLoader: PatientLoader as never,
      fragLoadPolicy: {
        default: { ...PATIENCE, maxTimeToFirstByteMs: (HOLD_SECONDS + 5) * 1000 },
      },
      abrEwmaDefaultEstimate: FIRST_GUESS_BPS,
      testBandwidth: false,
      maxBufferLength: BUFFER_GROWING_SECONDS,
      maxMaxBufferLength: BUFFER_GROWING_SECONDS,
      backBufferLength: 60,
    });
    // Before hls.js hears of a seek itself: it must already know which level to take there.
    video.addEventListener("seeking", this.update);
    this.hls.on(Hls.Events.MANIFEST_PARSED, () => this.onManifest());
    this.hls.on(Hls.Events.FRAG_BUFFERED, (_event, { frag }) => {
      this.recoveries = 0;
      if (frag.type !== "main") return;
      this.loadedAs.set(frag.sn as number, frag.level);
      this.replacingFrom = null;
      this.update();
    });
    this.hls.on(Hls.Events.LEVEL_UPDATED, this.update);
    this.hls.on(Hls.Events.ERROR, (_event, data) => this.onError(data));
    this.timer = setInterval(this.tick, TICK_MS);
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
    this.tick();
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
    // From the last one on, so that the numbers of the others stay.
    for (const index of unwantedLevels(this.hls.levels).reverse()) this.hls.removeLevel(index);
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

  private readonly tick = (): void => {
    this.update();
    this.sharpen();
  };

  /** Tell hls.js the lowest and the highest level that it may choose by itself now. */
  private readonly update = (): void => {
    if (this.hls.levels.length > 0) this.allow(this.replacingFrom ?? this.nextToLoad());
  };

  private allow(from: number): void {
    const { min, max, best } = levelWindow(this.situation(from));
    this.hls.config.minAutoBitrate = this.hls.levels[min]?.maxBitrate ?? 0;
    if (this.hls.autoLevelCapping === max) return;
    this.hls.autoLevelCapping = max;
    // Else it loads one more segment as it had decided within the old bounds.
    this.hls.nextAutoLevel = best;
  }

  /** Load again what waits in the buffer, where something sharper was made of it meanwhile. */
  private sharpen(): void {
    const { hls } = this;
    const since = performance.now() - this.sharpenedAt;
    if (!hls.autoLevelEnabled || since < SHARPEN_EVERY_MS) return;
    const time = this.video.currentTime;
    const next = this.fragments.find((fragment) => fragment.start > time);
    if (!next || next.start >= this.bufferedUntil(time) - 0.1) return;
    const from = next.sn as number;
    const waiting = this.loadedAs.get(from);
    if (waiting === undefined) return;
    const situation = this.situation(from);
    // One more than usual: hls.js decides where exactly the buffer is cut.
    if (!isWorthReplacing({ ...situation, needed: situation.needed + 1 }, waiting)) return;
    this.sharpenedAt = performance.now();
    this.replacingFrom = from;
    setTimeout(() => {
      this.replacingFrom = null;
    }, FLUSH_MS);
    this.allow(from);
    // By itself, as before; but this empties the buffer after the next segment.
    hls.nextLevel = -1;
  }

  private situation(from: number): Situation {
    const { hls, video } = this;
    const last = (this.fragments.at(-1)?.sn as number | undefined) ?? UNKNOWN;
    return {
      levels: hls.levels.map((level) => ({
        bitrate: level.bitrate,
        shortSide: Math.min(level.width || 0, level.height || 0),
        made: this.isComplete ? [[0, last]] : (this.made.get(rungOf(level.url[0] ?? "")) ?? []),
      })),
      from,
      needed: this.neededFrom(from),
      last,
      bandwidth: hls.bandwidthEstimate || FIRST_GUESS_BPS,
      screen: Math.min(video.clientWidth, video.clientHeight) * devicePixelRatio,
    };
  }

  /** How many segments make up what must be there in a moment; they differ in length. */
  private neededFrom(from: number): number {
    const ahead = this.fragments.filter((fragment) => (fragment.sn as number) >= from);
    const until = (ahead[0]?.start ?? 0) + AHEAD_SECONDS;
    return Math.max(1, ahead.filter((fragment) => fragment.start < until).length);
  }

  /** All segments of the plan, as some level's playlist lists them; alike for every level. */
  private get fragments(): Fragment[] {
    return this.hls.levels.find((level) => level.details)?.details?.fragments ?? [];
  }

  private segmentAt(time: number): number {
    const { fragments } = this;
    const found = fragments.find((fragment) => time < fragment.end - 0.1) ?? fragments.at(-1);
    return (found?.sn as number | undefined) ?? 0;
  }

  /** The number of the segment that will be loaded next. */
  private nextToLoad(): number {
    return this.segmentAt(this.bufferedUntil(this.video.currentTime));
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
    if (codeOf(data) === "source-lost") {
      this.events.onTrouble("lost");
      return;
    }
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
