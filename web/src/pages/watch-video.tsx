/** A video by itself, without a post. */

import { useEffect, useState } from "preact/hooks";
import { api, ApiError, explain } from "../api/client.ts";
import type { Video } from "../api/types.ts";
import { Age, Avatar, Busy, PageTitle } from "../parts/basics.tsx";
import { Downloads } from "../parts/downloads.tsx";
import { Making } from "../parts/making.tsx";
import { WorkActions } from "../parts/work-actions.tsx";
import { useLiveVideo } from "../parts/use-video.ts";
import { Screen } from "../player/player.tsx";
import { me } from "../session.ts";
import { NotFound } from "./not-found.tsx";
import { Refused } from "./watch-post.tsx";

export default function WatchVideo({ id }: { id: string }) {
  const [first, setFirst] = useState<Video | null>(null);
  const [refusal, setRefusal] = useState<ApiError | null>(null);
  useEffect(() => {
    api.get<Video>(`/api/videos/${id}/`).then(setFirst, (error: unknown) => {
      setRefusal(error instanceof ApiError ? error : new ApiError(0, "error", explain(error)));
    });
  }, [id, me.value?.id]);
  const [video, isGone] = useLiveVideo(first);
  if (refusal) return <Refused error={refusal} />;
  if (isGone) return <NotFound />;
  if (!video) return <Busy label="Loading the video" />;
  return (
    <div class="content watch">
      <Screen video={video} />
      <div class="watch-body single">
        <div class="watch-head">
          <PageTitle>{video.title || video.filename}</PageTitle>
          <div class="watch-bar">
            <div class="byline">
              <Avatar name={video.owner.username} />
              <span>
                <strong>{video.owner.username}</strong>
                <br />
                <Age of={video.created_at} />
              </span>
            </div>
            <div class="row-actions">
              {me.value?.id === video.owner.id && (
                <WorkActions video={video} onChange={setFirst} />
              )}
              <Downloads video={video} />
            </div>
          </div>
          {video.status === "processing" && <Making made={video} title="It plays already. Sharper pictures are on their way." />}
        </div>
      </div>
    </div>
  );
}
