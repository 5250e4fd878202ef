/** The picture of a video, or what is known about it while there is none. */

import { useRef, useState } from "preact/hooks";
import type { Video } from "../api/types.ts";
import { clock } from "./format.ts";
import { FilmIcon, Note } from "./icons.tsx";
import { StillWave } from "./waveform.tsx";
import { Reel, usePointedAt } from "./reel.tsx";

const WORDS: Record<string, [string, string]> = {
  uploading: ["Uploading", "busy"],
  in_queue: ["In line", "busy"],
  processing: ["Getting sharper", "busy"],
  failed: ["Cannot be played", "bad"],
  cancelled: ["Cancelled", ""],
};

export function StatusChip({ video }: { video: Video }) {
  const words = WORDS[video.status];
  if (!words) return null;
  const [text, tone] = words;
  const percent = video.status === "processing" ? ` ${Math.floor(video.progress_percent)} %` : "";
  const preparing = video.status === "processing" && !video.playlist_url;
  return <span class={`chip ${tone}`}>{preparing ? "Preparing" : text + percent}</span>;
}

export function Poster({ video, isSmall = false }: { video: Video; isSmall?: boolean }) {
  const [isBroken, setBroken] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const isPointedAt = usePointedAt(place);
  return (
    <div class="poster" ref={place}>
      {video.poster_url && !isBroken ? (
        <img src={video.poster_url} alt="" loading="lazy" decoding="async" onError={() => setBroken(true)} />
      ) : video.waveform_url ? (
        <StillWave url={video.waveform_url} />
      ) : video.kind === "audio" ? (
        <Note size={isSmall ? 28 : 44} />
      ) : (
        <FilmIcon size={isSmall ? 28 : 44} />
      )}
      {isPointedAt && video.storyboard_url && <Reel url={video.storyboard_url} />}
      {!isSmall && <StatusChip video={video} />}
      {video.duration ? <span class="badge">{clock(video.duration)}</span> : null}
    </div>
  );
}
