/** Storyboards: which small still is where, read from the WebVTT track that the server makes. */

export interface Still {
  start: number;
  sheet: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const CUE = /^(?:(\d+):)?(\d\d):(\d\d\.\d{3}) --> .*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm;

/** The stills that a track names; their sheets are addressed from where it came from. */
export function readStills(track: string, base: string): Still[] {
  return [...track.replace(/\r\n?/g, "\n").matchAll(CUE)].map(
    ([, hours, minutes, seconds, sheet, x, y, width, height]) => ({
      start: Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(seconds),
      sheet: new URL(sheet!, base).href,
      x: Number(x),
      y: Number(y),
      width: Number(width),
      height: Number(height),
    }),
  );
}

/** So many of a list, at even distances, from the middle of each part. */
export function spread<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, i) => list[Math.floor(((i + 0.5) * list.length) / most)]!);
}

/** A handful of stills from all over the video, in few sheets: each sheet is a download. */
export function pickStills(stills: readonly Still[], most = 8, sheets = 3): Still[] {
  const chosen = spread([...new Set(stills.map(({ sheet }) => sheet))], sheets);
  const each = Math.ceil(most / chosen.length);
  return chosen.flatMap((name) => spread(stills.filter(({ sheet }) => sheet === name), each));
}
