/** One's own videos: what they are doing right now, and a way to be rid of them. */

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { api, explain, samePath } from "../api/client.ts";
import type { OwnVideo, Page, Progress, Video } from "../api/types.ts";
import { useTopic } from "../live/index.ts";
import type { WireMessage } from "../live/topic.ts";
import { Age, Busy, PageTitle } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { EditVideo } from "../parts/edit.tsx";
import { bytes } from "../parts/format.ts";
import { Bin, FilmIcon, Lock, Pen, UploadIcon } from "../parts/icons.tsx";
import { Poster, StatusChip } from "../parts/poster.tsx";
import { queueWords } from "../parts/queue-words.ts";
import { isComing, reEncodeWords } from "../parts/re-encode-words.ts";
import { useSignedIn } from "../parts/signed-in.ts";
import { toast } from "../parts/toasts.tsx";
import { WorkActions } from "../parts/work-actions.tsx";

const videos = signal<OwnVideo[] | null>(null);
const next = signal<string | null>(null);

async function load(url = "/api/local-videos/"): Promise<void> {
  try {
    const page = await api.get<Page<OwnVideo>>(url);
    const isFirst = url === "/api/local-videos/";
    videos.value = [...(isFirst ? [] : (videos.value ?? [])), ...page.results];
    next.value = page.next;
  } catch (error) {
    toast(explain(error));
  }
}

/** What is still on its way, as the socket has it. */
function takeUnfinished(data: unknown): void {
  const { videos: unfinished } = data as { videos: Video[] };
  const byId = new Map(unfinished.map((video) => [video.video_id, video]));
  const wasMissed = videos.value?.some(
    (video) => isComing(video.re_encode) && !byId.has(video.video_id),
  );
  if (wasMissed) void load();
  videos.value = videos.value?.map((video) => ({ ...video, ...byId.get(video.video_id) })) ?? null;
}

function hear({ type, data }: WireMessage): void {
  const news = data as Progress & { video_id: string };
  if (type === "media.deleted") {
    videos.value = videos.value?.filter(({ video_id }) => video_id !== news.video_id) ?? null;
  }
  if (type !== "media.progress" || !videos.value) return;
  if (!videos.value.some(({ video_id }) => video_id === news.video_id)) {
    void load();
    return;
  }
  videos.value = videos.value.map((video) =>
    video.video_id === news.video_id ? { ...video, ...news } : video,
  );
}

function replace(changed: OwnVideo): void {
  videos.value =
    videos.value?.map((video) => (video.video_id === changed.video_id ? changed : video)) ?? null;
}

async function destroy(video: Video): Promise<void> {
  try {
    await api.delete(`/api/videos/${video.video_id}/`);
    videos.value = videos.value?.filter(({ video_id }) => video_id !== video.video_id) ?? null;
    toast(`${video.title || video.filename} is deleted.`);
  } catch (error) {
    toast(explain(error));
  }
}

const SEEN_BY: Record<string, string> = {
  public: "Everyone",
  unlisted: "Everyone with the link",
  followers: "Followers",
  private: "Only you",
};

/** Who sees it. A post shows what it has to all its readers, whatever the video says by itself. */
function SeenBy({ video: { visibility, is_shown_in_post } }: { video: OwnVideo }) {
  const isNarrow = visibility === "private" || visibility === "followers";
  if (isNarrow && is_shown_in_post) return <span class="chip">Everyone who sees its post</span>;
  return (
    <span class="chip">
      {visibility === "private" && <Lock size={13} />} {SEEN_BY[visibility]}
    </span>
  );
}

function VideoItem({ video }: { video: OwnVideo }) {
  const [isAsking, setAsking] = useState(false);
  const [isEditing, setEditing] = useState(false);
  const name = video.title || video.filename;
  const words = queueWords(video.status, video.queue);
  const anew = video.status === "completed" ? reEncodeWords(video.re_encode) : "";
  return (
    <li data-video={video.video_id} data-status={video.status}>
      <div class="panel video-item">
        <a href={`/v/${video.video_id}`} tabIndex={-1} aria-hidden="true">
          <Poster video={video} isSmall />
        </a>
        <div class="about">
          <h2>
            <a href={`/v/${video.video_id}`}>{name}</a>
          </h2>
          <p class="facts">
            <StatusChip video={video} />
            <span>
              <Age of={video.created_at} />
            </span>
            {video.size_bytes ? <span>{bytes(video.size_bytes)}</span> : null}
            <SeenBy video={video} />
          </p>
          {video.status === "failed" && (
            <p class="reason">{video.error?.detail ?? "It could not be used."}</p>
          )}
          {words && <p class="making-title">{words}</p>}
          {anew && <p class="making-title">{anew}</p>}
          {(video.status === "processing" || isComing(video.re_encode)) && (
            <progress
              class="bar"
              max={100}
              value={video.re_encode?.progress_percent ?? video.progress_percent}
              aria-label={`Encoding ${name}`}
            />
          )}
        </div>
        <div class="row-actions">
          <WorkActions
            video={video}
            onChange={(news) => hear({ type: "media.progress", data: news })}
          />
          <button type="button" class="button small quiet" onClick={() => setEditing(true)}>
            <Pen size={16} /> Edit<span class="visually-hidden"> {name}</span>
          </button>
          <button type="button" class="button small quiet discard" onClick={() => setAsking(true)}>
            <Bin size={16} /> Delete<span class="visually-hidden"> {name}</span>
          </button>
        </div>
      </div>
      {isEditing && (
        <EditVideo video={video} onSaved={replace} onClose={() => setEditing(false)} />
      )}
      {isAsking && (
        <Confirm
          title="Delete this video?"
          text={`${name} and everything made of it will be gone for good.`}
          action="Delete"
          onAnswer={(isYes) => {
            setAsking(false);
            if (isYes) void destroy(video);
          }}
        />
      )}
    </li>
  );
}

function Nothing() {
  return (
    <div class="blank">
      <FilmIcon size={56} />
      <p>Nothing here yet. What you upload appears in this list, with all that happens to it.</p>
      <div class="actions">
        <a class="button primary" href="/upload">
          <UploadIcon /> Upload a video
        </a>
      </div>
    </div>
  );
}

export default function Videos() {
  const user = useSignedIn();
  useEffect(() => {
    if (user) void load();
    return () => {
      videos.value = null;
    };
  }, [user?.id]);
  useTopic(user ? `user:${user.id}` : null, { onSnapshot: takeUnfinished, onMessage: hear });
  if (!user) return null;
  const shown = videos.value;
  return (
    <div class="content">
      <div class="page-head">
        <PageTitle>Your videos</PageTitle>
      </div>
      {!shown && <Busy label="Loading your videos" />}
      {shown?.length === 0 && <Nothing />}
      {shown && shown.length > 0 && (
        <ul class="video-list">
          {shown.map((video) => (
            <VideoItem key={video.video_id} video={video} />
          ))}
        </ul>
      )}
      {next.value && (
        <div class="more">
          <button type="button" class="button" onClick={() => void load(samePath(next.value ?? ""))}>
            Load more
          </button>
        </div>
      )}
    </div>
  );
}
