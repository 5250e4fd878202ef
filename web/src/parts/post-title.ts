import type { Post, Video } from "../api/types.ts";

/** What a post is called, wherever a link or a heading needs words. */
export function postTitle(post: Post, video: Video | null | undefined): string {
  const words = video?.title || video?.filename || post.text.slice(0, 80);
  return words || "A post whose video is gone";
}
