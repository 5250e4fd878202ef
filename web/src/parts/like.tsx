/** A heart that flips at once and tells the truth a moment later. */

import { signal, type Signal } from "@preact/signals";
import { api, explain } from "../api/client.ts";
import { me } from "../session.ts";
import { navigate, path } from "../router.ts";
import { count, counted } from "./format.ts";
import { Heart } from "./icons.tsx";
import { toast } from "./toasts.tsx";

export interface Likes {
  likes: number;
  liked: boolean;
}

const known = new Map<string, Signal<Likes>>();

/** One state per post for the whole page, so feed and watch page agree. */
export function likesOf(postId: string, now?: Likes): Signal<Likes> {
  let state = known.get(postId);
  if (!state) {
    state = signal(now ?? { likes: 0, liked: false });
    known.set(postId, state);
  }
  return state;
}

export function setLikes(postId: string, now: Partial<Likes>): void {
  const state = likesOf(postId);
  state.value = { ...state.value, ...now };
}

async function flip(postId: string): Promise<void> {
  if (!me.value) {
    navigate(`/login?next=${encodeURIComponent(path.value)}`);
    return;
  }
  const before = likesOf(postId).value;
  const liked = !before.liked;
  setLikes(postId, { liked, likes: Math.max(0, before.likes + (liked ? 1 : -1)) });
  const url = `/api/posts/${postId}/like/`;
  try {
    setLikes(postId, await (liked ? api.post<Likes>(url) : api.delete<Likes>(url)));
  } catch (error) {
    setLikes(postId, before);
    toast(explain(error));
  }
}

export function LikeButton({ postId, class: extra = "" }: { postId: string; class?: string }) {
  const { likes, liked } = likesOf(postId).value;
  return (
    <button
      type="button"
      class={`count ${extra}`}
      aria-pressed={liked}
      aria-label={`Like, ${counted(likes, "like")}`}
      onClick={() => void flip(postId)}
    >
      <Heart />
      <span data-testid="likes">{count(likes)}</span>
    </button>
  );
}
