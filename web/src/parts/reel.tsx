/** A short look into a video: stills of its storyboard, one after another, while it is pointed at. */

import { useEffect, useState } from "preact/hooks";
import type { RefObject } from "preact";
import { pickStills, readStills, type Still } from "./stills.ts";

/** Whoever only crosses a card wants nothing of it. */
const RESTING_MS = 200;
const STILL_MS = 750;
const known = new Map<string, Promise<Still[]>>();

function load(url: string): Promise<Still[]> {
  const asked =
    known.get(url) ??
    fetch(url).then(async (answer) =>
      answer.ok ? pickStills(readStills(await answer.text(), answer.url)) : [],
    );
  known.set(url, asked);
  asked.catch(() => known.delete(url));
  return asked;
}

async function loadSheet(sheet: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = sheet;
  await image.decode();
  return image;
}

/** Nothing moves for those who asked for that, and nothing more is loaded where data is dear. */
function isWelcome(): boolean {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean } };
  return !matchMedia("(prefers-reduced-motion: reduce)").matches && !connection?.saveData;
}

/** Whether the mouse rests on the card around `inside`, or the keyboard is at its link. */
export function usePointedAt(inside: RefObject<HTMLElement | null>): boolean {
  const [isPointedAt, setPointedAt] = useState(false);
  useEffect(() => {
    const card = inside.current?.closest("article, li");
    if (!card) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const come = () => {
      clearTimeout(timer);
      timer = setTimeout(() => setPointedAt(isWelcome()), RESTING_MS);
    };
    const go = () => {
      clearTimeout(timer);
      setPointedAt(false);
    };
    const listeners: [string, (event: Event) => void][] = [
      ["pointerenter", (event) => (event as PointerEvent).pointerType === "mouse" && come()],
      ["pointerleave", go],
      ["focusin", (event) => (event.target as Element).matches("a:focus-visible") && come()],
      ["focusout", go],
    ];
    for (const [name, listener] of listeners) card.addEventListener(name, listener);
    return () => {
      go();
      for (const [name, listener] of listeners) card.removeEventListener(name, listener);
    };
  }, []);
  return isPointedAt;
}

interface Shown {
  still: Still;
  sheet: HTMLImageElement;
  number: number;
  count: number;
}

export function Reel({ url }: { url: string }) {
  const [shown, setShown] = useState<Shown | null>(null);
  useEffect(() => {
    let isOver = false;
    const play = async () => {
      const stills = await load(url);
      for (let number = 0; stills.length && !isOver; number = (number + 1) % stills.length) {
        const still = stills[number]!;
        const sheet = await loadSheet(still.sheet);
        if (isOver) return;
        setShown({ still, sheet, number, count: stills.length });
        await new Promise((resolve) => setTimeout(resolve, STILL_MS));
      }
    };
    // The poster stays where there is nothing better.
    play().catch(() => setShown(null));
    return () => {
      isOver = true;
    };
  }, [url]);
  if (!shown) return null;
  const { still, sheet, number, count } = shown;
  return (
    <div class="reel" aria-hidden="true">
      <svg
        viewBox={`${still.x} ${still.y} ${still.width} ${still.height}`}
        preserveAspectRatio="xMidYMid slice"
        focusable="false"
      >
        <image href={still.sheet} width={sheet.naturalWidth} height={sheet.naturalHeight} />
      </svg>
      {count > 1 && <span style={{ width: `${(100 * (number + 1)) / count}%` }} />}
    </div>
  );
}
