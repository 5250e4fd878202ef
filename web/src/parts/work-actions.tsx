/** What the owner of a video can do about the work on it: end it, try it again, do it anew. */

import { api, explain } from "../api/client.ts";
import type { Video } from "../api/types.ts";
import { Again, Cross, FilmIcon } from "./icons.tsx";
import { isComing } from "./re-encode-words.ts";
import { toast } from "./toasts.tsx";

interface Props {
  video: Video;
  onChange(news: Video): void;
}

export function WorkActions({ video, onChange }: Props) {
  const name = video.title || video.filename;
  const act = async (what: "retry" | "cancel" | "re-encode") => {
    try {
      onChange(await api.post<Video>(`/api/videos/${video.video_id}/${what}/`));
      if (what === "re-encode" && video.status === "completed") {
        toast(`${name} is being encoded again. Until that is done it plays as it is.`);
      }
    } catch (error) {
      toast(explain(error));
    }
  };
  const cancel = (
    <button type="button" class="button small quiet" onClick={() => void act("cancel")}>
      <Cross size={16} /> Cancel<span class="visually-hidden"> the work on {name}</span>
    </button>
  );
  if (video.status === "failed" || video.status === "cancelled") {
    return (
      <>
        <button type="button" class="button small quiet" onClick={() => void act("retry")}>
          <Again size={16} /> Try again<span class="visually-hidden"> with {name}</span>
        </button>
        <button type="button" class="button small quiet" onClick={() => void act("re-encode")}>
          <FilmIcon size={16} /> Start over<span class="visually-hidden"> with {name}</span>
        </button>
      </>
    );
  }
  if (video.status === "in_queue" || video.status === "processing") return cancel;
  if (video.status !== "completed") return null;
  if (isComing(video.re_encode)) return cancel;
  return (
    <button type="button" class="button small quiet" onClick={() => void act("re-encode")}>
      <Again size={16} /> Encode again<span class="visually-hidden">: {name}</span>
    </button>
  );
}
