/** How fast bytes go, over a sliding window: steady enough to promise a time with. */

const WINDOW_MS = 5000;
const ENOUGH_MS = 800;

export class Speed {
  private samples: { at: number; bytes: number }[] = [];

  /** Note that `bytes` are sent in total; returns bytes per second, 0 while it is too early. */
  note(bytes: number, at: number): number {
    this.samples.push({ at, bytes });
    while (this.samples.length > 2 && at - this.samples[0]!.at > WINDOW_MS) this.samples.shift();
    const first = this.samples[0]!;
    const passed = at - first.at;
    return passed < ENOUGH_MS ? 0 : Math.max(0, ((bytes - first.bytes) * 1000) / passed);
  }

  reset(): void {
    this.samples = [];
  }
}
