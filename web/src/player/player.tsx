/** The player in a page: loads its code when first shown, and hands news of the video to it. */

import { h, type CSSProperties } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, explain } from "../api/client.ts";
import type { Video } from "../api/types.ts";
import { Spinner } from "../parts/icons.tsx";
import { queueWords } from "../parts/queue-words.ts";
import { toast } from "../parts/toasts.tsx";
import type { ReelayPlayer } from "./element.ts";

/** The shape of the picture, for watch.css; upright videos stand in a lying frame. */
function shapeOf({ kind, width, height }: Video): CSSProperties {
  const isLying = width && height && width >= height;
  const [wide, tall] = kind === "audio" ? [16, 5] : isLying ? [width, height] : [16, 9];
  return { aspectRatio: `${wide} / ${tall}`, "--ratio": `${wide / tall}` };
}

function Player({ video }: { video: Video & { playlist_url: string } }) {
  const player = useRef<ReelayPlayer>(null);
  const [isLoaded, setLoaded] = useState(false);
  useEffect(() => {
    import("./element.ts").then(
      () => setLoaded(true),
      () => toast("The player did not load. Reload the page."),
    );
  }, []);
  useEffect(() => {
    if (isLoaded) player.current?.load(video.playlist_url, video.poster_url);
    // A newer link to the same video is asked for when this one has run out.
  }, [isLoaded, video.video_id]);
  useEffect(() => {
    if (isLoaded) player.current?.offer(video.renditions, video.status === "completed");
  }, [isLoaded, video.renditions, video.status]);
  useEffect(() => {
    if (isLoaded) player.current?.preview(video.storyboard_url);
  }, [isLoaded, video.storyboard_url]);
  useEffect(() => {
    if (isLoaded) player.current?.level(video.loudness);
  }, [isLoaded, video.loudness?.integrated_lufs]);
  useEffect(() => {
    const { current } = player;
    if (isLoaded && current && video.waveform_url) current.draw(video.waveform_url);
  }, [isLoaded, video.waveform_url]);
  useEffect(() => {
    const element = player.current;
    const renew = () =>
      api.get<Video>(`/api/videos/${video.video_id}/`).then(
        ({ playlist_url, poster_url }) => playlist_url && element?.load(playlist_url, poster_url),
        (error: unknown) => toast(explain(error)),
      );
    element?.addEventListener("expired", renew);
    return () => element?.removeEventListener("expired", renew);
  }, [isLoaded]);
  if (!isLoaded) return <Stage video={video} />;
  return h("reelay-player", {
    ref: player,
    style: shapeOf(video),
    role: "region",
    "data-kind": video.kind,
    "aria-label": `Player: ${video.title || video.filename}`,
  });
}

/** The place of the picture while there is none. */
function Stage({ video }: { video: Video }) {
  const isBad = video.status === "failed" || video.status === "cancelled";
  return (
    <div class="stage" style={shapeOf(video)}>
      {video.poster_url && !isBad && <img src={video.poster_url} alt="" />}
      <div class="stage-words" role="status">
        {isBad ? (
          <>
            <strong>
              {video.status === "cancelled" ? "Cancelled" : "This video cannot be played"}
            </strong>
            <p>
              {video.error?.detail ??
                (video.status === "cancelled"
                  ? "Its owner has ended the work on it."
                  : "It could not be used.")}
            </p>
          </>
        ) : video.playlist_url ? (
          <span class="spin">
            <Spinner size={32} />
            <span class="visually-hidden">Loading the player</span>
          </span>
        ) : (
          <>
            <span class="spin">
              <Spinner size={32} />
            </span>
            <strong>{video.status === "uploading" ? "Still arriving" : "Getting it ready"}</strong>
            <p>
              {queueWords(video.status, video.queue)} It starts here by itself, as soon as it plays.
            </p>
          </>
        )}
      </div>
    </div>
  );
}

export function Screen({ video }: { video: Video }) {
  const { playlist_url, status } = video;
  if (playlist_url && status !== "failed" && status !== "cancelled") {
    return <Player video={{ ...video, playlist_url }} />;
  }
  return <Stage video={video} />;
}
