/**
 * Which levels may be chosen by themselves right now. Pure: numbers in, numbers out.
 *
 * The playlist lists every planned rung from the start. A level is ready where its segments are
 * made from the next one to be loaded for as far as playback needs in a moment. hls.js can be
 * told a lowest and a highest level, so of several runs of ready levels one is chosen.
 */

export type Ranges = readonly (readonly [number, number])[];

export interface Level {
  bitrate: number;
  shortSide: number;
  made: Ranges;
}

export interface Situation {
  /** Lowest bitrate first, as hls.js has them. */
  levels: readonly Level[];
  /** The next segment to be loaded. */
  from: number;
  /** So many segments from there must be made. */
  needed: number;
  /** The last segment of the video. */
  last: number;
  bandwidth: number;
  /** Pixels of the picture's short side on this screen; more is not seen. */
  screen: number;
}

export interface Window {
  min: number;
  max: number;
  /** The highest of them that the bandwidth allows; the lowest, if it allows none. */
  best: number;
}

type Run = Omit<Window, "best">;

/** Nothing is ready: ask for what is quick to make and still pleasant to look at. */
const LEAD_SHORT_SIDE = 360;
/** The share of the bandwidth that a level may take. */
const SAFE = 0.8;

export function covers(made: Ranges, first: number, last: number): boolean {
  return made.some(([from, to]) => from <= first && last <= to);
}

function runs(ready: readonly boolean[]): Run[] {
  const found: Run[] = [];
  ready.forEach((isReady, index) => {
    if (!isReady) return;
    const open = found.at(-1);
    if (open && open.max === index - 1) open.max = index;
    else found.push({ min: index, max: index });
  });
  return found;
}

function isAffordable({ bandwidth }: Situation, level: Level | undefined): boolean {
  return (level?.bitrate ?? 0) <= bandwidth * SAFE;
}

function leadLevel(levels: readonly Level[]): number {
  const index = levels.findLastIndex((level) => level.shortSide <= LEAD_SHORT_SIDE);
  return Math.max(0, index);
}

export function levelWindow(now: Situation): Window {
  const end = Math.min(now.from + now.needed - 1, now.last);
  const found = runs(now.levels.map((level) => covers(level.made, now.from, end)));
  const affordable = found.findLast(({ min }) => isAffordable(now, now.levels[min]));
  const run = affordable ?? found[0];
  if (!run) {
    const lead = leadLevel(now.levels);
    return { min: lead, max: lead, best: lead };
  }
  const enough = now.levels.findIndex((level) => level.shortSide >= now.screen);
  const seen = enough < 0 ? run.max : Math.min(run.max, enough);
  const max = Math.max(run.min, seen);
  const best = now.levels.findLastIndex(
    (level, index) => index >= run.min && index <= max && isAffordable(now, level),
  );
  return { min: run.min, max, best: Math.max(run.min, best) };
}

/** So much more detail is worth loading again what waits in the buffer. */
const SHARPER = 1.3;

/**
 * Whether what waits in the buffer at `now.from`, loaded as level `waiting`, should be replaced
 * by something sharper that has been made meanwhile.
 */
export function isWorthReplacing(now: Situation, waiting: number): boolean {
  const { best } = levelWindow(now);
  const end = Math.min(now.from + now.needed - 1, now.last);
  const [old, sharp] = [now.levels[waiting], now.levels[best]];
  if (!old || !sharp || !covers(sharp.made, now.from, end)) return false;
  return isAffordable(now, sharp) && sharp.shortSide >= old.shortSide * SHARPER;
}
