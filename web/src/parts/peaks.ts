/** Waveforms: what the server measured of a sound, and how it is drawn. */

export type Peak = readonly [lowest: number, highest: number];

interface Waveform {
  version: number;
  duration: number;
  peaks: Peak[];
}

/** So many bars, each from 0 to 1; the loudest fills the height, so that quiet music is seen too. */
export function bars(peaks: readonly Peak[], count: number): number[] {
  if (!peaks.length) return [];
  const sizes = Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((i + 1) * peaks.length) / count));
    return Math.max(...peaks.slice(from, to).map(([low, high]) => Math.max(-low, high)));
  });
  const most = Math.max(...sizes, 1);
  return sizes.map((size) => Math.max(size / most, 0.02));
}

/** A path of upright bars with round ends for strokes, in a box of `count` by 100. */
export function barPath(heights: readonly number[]): string {
  return heights.map((h, i) => `M${i + 0.5} ${50 - 45 * h}v${90 * h}`).join("");
}

const known = new Map<string, Promise<Peak[]>>();

export function loadPeaks(url: string): Promise<Peak[]> {
  const asked =
    known.get(url) ??
    fetch(url).then(async (answer) => {
      if (!answer.ok) throw new Error(`${answer.status}`);
      return ((await answer.json()) as Waveform).peaks;
    });
  known.set(url, asked);
  asked.catch(() => known.delete(url));
  return asked;
}
