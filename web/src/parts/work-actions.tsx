/** What the owner of a video can do about the work on it: end it, or try it again. */

import { api, explain } from "../api/client.ts";
import type { Video } from "../api/types.ts";
import { Again, Cross } from "./icons.tsx";
import { toast } from "./toasts.tsx";

interface Props {
  video: Video;
  onChange(news: Video): void;
}

export function WorkActions({ video, onChange }: Props) {
  const name = video.title || video.filename;
  const act = async (what: "retry" | "cancel") => {
    try {
      onChange(await api.post<Video>(`/api/videos/${video.video_id}/${what}/`));
    } catch (error) {
      toast(explain(error));
    }
  };
  if (video.status === "failed" || video.status === "cancelled") {
    return (
      <button type="button" class="button small quiet" onClick={() => void act("retry")}>
        <Again size={16} /> Try again<span class="visually-hidden"> with {name}</span>
      </button>
    );
  }
  if (video.status === "in_queue" || video.status === "processing") {
    return (
      <button type="button" class="button small quiet" onClick={() => void act("cancel")}>
        <Cross size={16} /> Cancel<span class="visually-hidden"> the work on {name}</span>
      </button>
    );
  }
  return null;
}
