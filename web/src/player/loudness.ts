/** Stable volume: what is louder than others is turned down; nothing is raised, so nothing clips. */

/** What large sites turn down to. */
const TARGET_LUFS = -14;
const LEAST_DB = -30;
const GLIDE_DB_PER_SECOND = 3;
const STEP_MS = 40;
const REMEMBERED = "reelay.stable-volume";

export interface Loudness {
  integrated_lufs: number;
  true_peak_dbtp: number;
}

/** By how many decibels to turn down: 0 or less. */
export function correction(loudness: Loudness | null, isStable: boolean): number {
  if (!loudness || !isStable) return 0;
  return Math.min(0, Math.max(LEAST_DB, TARGET_LUFS - loudness.integrated_lufs));
}

/** The next step from `now` towards `wanted`, both in decibels. */
export function glide(now: number, wanted: number, milliseconds: number): number {
  const most = (GLIDE_DB_PER_SECOND * milliseconds) / 1000;
  return Math.abs(wanted - now) <= most ? wanted : now + Math.sign(wanted - now) * most;
}

export function isStableVolume(): boolean {
  try {
    return localStorage.getItem(REMEMBERED) !== "off";
  } catch {
    return true;
  }
}

export function rememberStableVolume(isStable: boolean): void {
  try {
    localStorage.setItem(REMEMBERED, isStable ? "on" : "off");
  } catch {
    // Private windows may remember nothing; it holds as long as the page then.
  }
}

/**
 * The volume of one media element, as the person chose it and as it is played.
 *
 * Controls read and write `video.volume` and see what was chosen; the element plays that, times
 * the correction. Unlike an AudioContext this needs no gesture and takes no detour.
 */
export class Levelled {
  private readonly video: HTMLMediaElement;
  private readonly played = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "volume")!;
  private chosen: number;
  private now = 0;
  private wanted = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(video: HTMLMediaElement) {
    this.video = video;
    this.chosen = video.volume;
    Object.defineProperty(video, "volume", {
      configurable: true,
      get: () => this.chosen,
      set: (value: number) => {
        // The element itself refuses what is no volume.
        if (!(value >= 0 && value <= 1)) this.played.set!.call(video, value);
        this.chosen = value;
        this.apply();
      },
    });
  }

  /** Turn down by so many decibels; gently while something is heard. */
  correct(decibels: number): void {
    this.wanted = decibels;
    clearInterval(this.timer);
    if (this.video.paused) {
      this.now = decibels;
      this.apply();
    } else if (this.now !== decibels) {
      this.timer = setInterval(() => this.step(), STEP_MS);
    }
  }

  release(): void {
    clearInterval(this.timer);
    this.now = this.wanted;
    this.apply();
  }

  private step(): void {
    this.now = glide(this.now, this.wanted, STEP_MS);
    if (this.now === this.wanted) clearInterval(this.timer);
    this.apply();
  }

  private apply(): void {
    this.played.set!.call(this.video, this.chosen * 10 ** (this.now / 20));
  }
}
