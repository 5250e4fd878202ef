/** The picture of a sound: quiet on a card, a slider in the player. */

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { barPath, bars, loadPeaks, type Peak } from "./peaks.ts";
import { clock } from "./format.ts";

const CARD_BARS = 48;
const PLAYER_BARS = 160;
const PHONE_BARS = 70;

function usePeaks(url: string, isWanted = true): Peak[] {
  const [peaks, setPeaks] = useState<Peak[]>([]);
  useEffect(() => {
    if (!isWanted) return;
    let isOver = false;
    loadPeaks(url).then(
      (found) => !isOver && setPeaks(found),
      () => undefined,
    );
    return () => {
      isOver = true;
    };
  }, [url, isWanted]);
  return peaks;
}

/** On a card; asked for when the card comes near the window. */
export function StillWave({ url }: { url: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(
      ([entry]) => entry?.isIntersecting && setNear(true),
      { rootMargin: "200px" },
    );
    if (place.current) observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  const peaks = usePeaks(url, isNear);
  return (
    <div class="still-wave" ref={place} aria-hidden="true">
      {peaks.length > 0 && (
        <svg viewBox={`0 0 ${CARD_BARS} 100`} preserveAspectRatio="none" focusable="false">
          <path d={barPath(bars(peaks, CARD_BARS))} vector-effect="non-scaling-stroke" />
        </svg>
      )}
    </div>
  );
}

/** Over the player of a sound: shows where it is, and goes where it is told. */
export function SeekWave({ url, video }: { url: string; video: HTMLMediaElement }) {
  const peaks = usePeaks(url);
  const clip = useId();
  const [at, setAt] = useState(video.currentTime);
  const [duration, setDuration] = useState(video.duration || 0);
  useEffect(() => {
    const look = () => {
      setAt(video.currentTime);
      setDuration(Number.isFinite(video.duration) ? video.duration : 0);
    };
    const events = ["timeupdate", "seeking", "durationchange", "loadedmetadata"];
    for (const name of events) video.addEventListener(name, look);
    return () => events.forEach((name) => video.removeEventListener(name, look));
  }, [video]);
  if (!peaks.length) return null;
  const count = matchMedia("(max-width: 40rem)").matches ? PHONE_BARS : PLAYER_BARS;
  const path = barPath(bars(peaks, count));
  const played = duration ? at / duration : 0;
  return (
    <div class="seek-wave">
      <svg viewBox={`0 0 ${count} 100`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <clipPath id={clip}>
          <rect x="0" y="0" width={played * count} height="100" />
        </clipPath>
        <path d={path} vector-effect="non-scaling-stroke" />
        <path class="played" d={path} clip-path={`url(#${clip})`} vector-effect="non-scaling-stroke" />
      </svg>
      <input
        type="range"
        min="0"
        max={duration}
        step="0.1"
        value={at}
        aria-label="Place in the sound"
        aria-valuetext={`${clock(at)} of ${clock(duration)}`}
        onInput={(event) => (video.currentTime = Number(event.currentTarget.value))}
        onKeyDown={(event) => {
          const by = { ArrowRight: 5, ArrowUp: 5, ArrowLeft: -5, ArrowDown: -5 }[event.key];
          if (by === undefined) return;
          event.preventDefault();
          event.stopPropagation();
          video.currentTime = Math.min(Math.max(video.currentTime + by, 0), duration);
        }}
      />
    </div>
  );
}
