/** A video that stays true: what was fetched, and what the socket says since. */

import { useState } from "preact/hooks";
import type { Progress, Video } from "../api/types.ts";
import { useTopic } from "../live/index.ts";

export function useLiveVideo(first: Video | null): [Video | null, boolean] {
  const [video, setVideo] = useState(first);
  const [isGone, setGone] = useState(false);
  const id = first?.video_id;
  const now = video && video.video_id === id ? video : first;
  const take = (news: Progress) => {
    // An older answer of the API must not take back a link that was already given out.
    setVideo((old) => {
      const base = old && old.video_id === id ? old : first;
      if (!base) return base;
      const playlist_url = base.playlist_url ?? news.playlist_url ?? null;
      return { ...base, ...news, playlist_url } as Video;
    });
  };
  useTopic(
    id ? `media:${id}` : null,
    {
      onSnapshot: (data) => take(data as Progress),
      onMessage: ({ type, data }) => {
        if (type === "media.progress") take(data as Progress);
        if (type === "media.deleted") setGone(true);
      },
    },
    first?.version,
  );
  return [now, isGone];
}
