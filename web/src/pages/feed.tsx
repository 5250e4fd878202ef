/** The feed: what people posted, newest first, kept while one looks at a post and comes back. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, api, explain, samePath } from "../api/client.ts";
import type { Page, Post, Progress, Video } from "../api/types.ts";
import { live, useTopic } from "../live/index.ts";
import type { WireMessage } from "../live/topic.ts";
import { Age, Avatar, PageTitle } from "../parts/basics.tsx";
import { count, counted, plural } from "../parts/format.ts";
import { Speech, UploadIcon } from "../parts/icons.tsx";
import { LikeButton, setLikes } from "../parts/like.tsx";
import { postTitle } from "../parts/post-title.ts";
import { Poster } from "../parts/poster.tsx";
import { toast } from "../parts/toasts.tsx";
import { isComingBack } from "../router.ts";
import { me } from "../session.ts";
import { compare, type Entry } from "./feed-news.ts";

const posts = signal<Post[] | null>(null);
const next = signal<string | null>(null);
const unseen = signal<ReadonlySet<string>>(new Set());
const failure = signal<string | null>(null);
const isLoadingMore = signal(false);
const LOOKED_AT_MS = 400;
/** So many posts a snapshot of the feed has, where there are as many. */
const SNAPSHOT_SIZE = 20;
let lastSnapshot: Entry[] = [];
let loadedFor: string | null | undefined;

async function load(): Promise<void> {
  failure.value = null;
  loadedFor = me.value?.id;
  const before = unseen.value;
  lastSnapshot = [];
  try {
    const page = await api.get<Page<Post>>("/api/posts/");
    keepLikes(page.results);
    posts.value = page.results;
    next.value = page.next;
    // What was heard of while the page was on its way may not be on it.
    const since = [...unseen.value].filter((id) => !before.has(id));
    unseen.value = new Set();
    offer([...since, ...compare(lastSnapshot, page.results, SNAPSHOT_SIZE).fresh]);
  } catch (error) {
    failure.value = explain(error);
  }
}

async function loadMore(): Promise<void> {
  if (!next.value || isLoadingMore.value) return;
  isLoadingMore.value = true;
  try {
    const page = await api.get<Page<Post>>(samePath(next.value));
    keepLikes(page.results);
    const known = new Set(posts.value?.map((post) => post.id));
    posts.value = [...(posts.value ?? []), ...page.results.filter((post) => !known.has(post.id))];
    next.value = page.next;
  } catch (error) {
    toast(explain(error));
  } finally {
    isLoadingMore.value = false;
  }
}

function keepLikes(page: Post[]): void {
  for (const { id, likes, liked } of page) setLikes(id, { likes, liked });
}

function hear({ type, data }: WireMessage): void {
  const { id, author } = data as { id: string; author: { id: string } };
  if (type === "post.created") offer([id]);
  if (type === "post.removed" && author.id !== me.value?.id) forget([id]);
  // One's own posts stay in one's own feed when they are hidden from the others.
  if (type === "post.removed" && author.id === me.value?.id) void lookAgain(id);
}

/** The feed as it is now, after a while without it. */
function catchUp(snapshot: unknown): void {
  lastSnapshot = (snapshot as { posts: Entry[] }).posts;
  if (posts.value === null) return;
  const { fresh, gone } = compare(lastSnapshot, posts.value, SNAPSHOT_SIZE);
  forget(gone);
  offer(fresh);
}

function offer(ids: string[]): void {
  const known = new Set(posts.value?.map((post) => post.id));
  const fresh = ids.filter((id) => !known.has(id));
  if (fresh.length > 0) unseen.value = new Set([...unseen.value, ...fresh]);
}

function forget(ids: string[]): void {
  const gone = new Set(ids);
  if (posts.value?.some((post) => gone.has(post.id)))
    posts.value = posts.value.filter((post) => !gone.has(post.id));
  if (ids.some((id) => unseen.value.has(id)))
    unseen.value = new Set([...unseen.value].filter((id) => !gone.has(id)));
}

async function lookAgain(id: string): Promise<void> {
  try {
    amend(id, await api.get<Post>(`/api/posts/${id}/`));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) forget([id]);
  }
}

/** Change what the feed remembers of a post, wherever the news came from. */
function amend(id: string, change: Partial<Post>): void {
  if (!posts.value?.some((post) => post.id === id)) return;
  posts.value = posts.value.map((post) => (post.id === id ? { ...post, ...change } : post));
}

/** The same for the video that a card shows: its poster, and how far it is. */
function amendVideo(id: string, news: Progress): void {
  const post = posts.value?.find((each) => each.id === id);
  const [video, ...others] = post?.videos ?? [];
  if (video) amend(id, { videos: [{ ...video, ...news }, ...others] });
}

/** Whether nothing is to be told of a video any more; its storyboard comes after all else. */
function isFinished({ status, storyboard_url, waveform_url }: Video): boolean {
  return status === "failed" || (status === "completed" && !!(storyboard_url ?? waveform_url));
}

/** Follow a post while its card is on the screen: its numbers stay true. */
function useLiveCard(post: Post) {
  const card = useRef<HTMLElement>(null);
  useEffect(() => {
    const stops: (() => void)[] = [];
    const follower = {
      onSnapshot: (data: unknown) => {
        const { likes, liked, comments, version, text } = data as Post;
        setLikes(post.id, { likes, liked });
        amend(post.id, { comments, version, text });
      },
      onMessage: ({ type, data }: WireMessage) => {
        const fact = data as { likes?: number; comments?: number };
        if (type === "post.likes" && fact.likes !== undefined) setLikes(post.id, { likes: fact.likes });
        if (fact.comments !== undefined) amend(post.id, { comments: fact.comments });
        if (type === "post.deleted") forget([post.id]);
      },
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = () => {
      clearTimeout(timer);
      for (const stop of stops.splice(0)) stop();
    };
    const follow = () => {
      stops.push(live.follow(`post:${post.id}`, follower, post.version));
      const video = post.videos[0];
      if (!video || isFinished(video)) return;
      const take = (news: unknown) => amendVideo(post.id, news as Progress);
      const maker = {
        onSnapshot: take,
        onMessage: ({ type, data }: WireMessage) => type === "media.progress" && take(data),
      };
      stops.push(live.follow(`media:${video.video_id}`, maker, video.version));
    };
    const observer = new IntersectionObserver(([entry]) => {
      leave();
      // Whoever scrolls past is no reader: the socket takes ten commands a second.
      if (entry?.isIntersecting) timer = setTimeout(follow, LOOKED_AT_MS);
    });
    if (card.current) observer.observe(card.current);
    return () => {
      observer.disconnect();
      leave();
    };
  }, [post.id]);
  return card;
}

function Card({ post }: { post: Post }) {
  const card = useLiveCard(post);
  const video = post.videos[0];
  const title = postTitle(post, video);
  const link = (
    <a class="card-link" href={`/p/${post.id}`}>
      {video ? title : post.text || title}
    </a>
  );
  return (
    <article class="card" ref={card} data-post={post.id} aria-labelledby={`t-${post.id}`}>
      {video ? (
        <Poster video={video} />
      ) : (
        <h2 class="poster words" id={`t-${post.id}`}>
          {link}
        </h2>
      )}
      <div class="card-body">
        {video && <h2 id={`t-${post.id}`}>{link}</h2>}
        {video && post.text && post.text !== title && <p class="text">{post.text}</p>}
        <div class="byline">
          <Avatar name={post.author.username} />
          <span>
            <strong>{post.author.username}</strong> · <Age of={post.created_at} />
          </span>
        </div>
        <div class="card-foot">
          <LikeButton postId={post.id} />
          <a
            class="count"
            href={`/p/${post.id}`}
            tabIndex={-1}
            aria-label={`${counted(post.comments, "comment")} on ${title}`}
          >
            <Speech /> {count(post.comments)}
          </a>
        </div>
      </div>
    </article>
  );
}

function Skeletons() {
  return (
    <div class="feed-grid" role="status">
      <span class="visually-hidden">Loading the feed</span>
      {[0, 1, 2, 3, 4, 5].map((i) => (
        <div class="card" key={i} aria-hidden="true">
          <div class="poster skeleton" />
          <div class="card-body">
            <div class="skeleton line" />
            <div class="skeleton line short" />
          </div>
        </div>
      ))}
    </div>
  );
}

/** The mark, large and quiet: one picture handed on to the next. */
function Motif() {
  return (
    <svg class="motif" viewBox="0 0 300 200" aria-hidden="true" focusable="false">
      <path d="M20 52c0-16 17-26 31-18l82 48c14 8 14 28 0 36l-82 48c-14 8-31-2-31-18Z" />
      <path d="m122 34 92 54c9 5 9 19 0 24l-92 54" />
      <path d="m182 34 92 54c9 5 9 19 0 24l-92 54" />
    </svg>
  );
}

function Hello({ isAlone }: { isAlone: boolean }) {
  if (me.value) {
    if (!isAlone) return null;
    return (
      <section class="hello">
        <Motif />
        <h2>The first reel is yours.</h2>
        <p>Nobody has posted yet. Drop a video in, and it plays a second or two after its last byte.</p>
        <div class="actions">
          <a class="button primary" href="/upload">
            <UploadIcon /> Upload a video
          </a>
        </div>
      </section>
    );
  }
  return (
    <section class="hello">
      <Motif />
      <h2>Drop a video. It is already playing.</h2>
      <p>
        Videos here play seconds after they arrive, from any minute, and everybody who watches sees
        likes and comments as they happen.
      </p>
      <div class="actions">
        <a class="button primary" href="/register">
          Create an account
        </a>
        <a class="button" href="/login">
          Sign in
        </a>
      </div>
    </section>
  );
}

function NewPosts() {
  const fresh = unseen.value.size;
  const show = async () => {
    scrollTo({ top: 0, behavior: "instant" });
    await load();
    document.querySelector<HTMLElement>(".card-link")?.focus();
  };
  return (
    <div class="new-posts" role="status">
      {fresh > 0 && (
        <button type="button" class="button primary small" onClick={() => void show()}>
          {plural(fresh, "new post")}
        </button>
      )}
    </div>
  );
}

export function Feed() {
  useEffect(() => {
    const isStale = posts.value === null || loadedFor !== me.value?.id || !isComingBack;
    if (me.value !== undefined && isStale) void load();
  }, [me.value]);
  useTopic("feed", { onMessage: hear, onSnapshot: catchUp });
  const shown = posts.value;
  return (
    <div class="content">
      <div class="visually-hidden">
        <PageTitle>Feed</PageTitle>
      </div>
      {shown && <Hello isAlone={shown.length === 0} />}
      <NewPosts />
      {failure.value && (
        <div class="blank" role="alert">
          <p>{failure.value}</p>
          <button type="button" class="button" onClick={() => void load()}>
            Try again
          </button>
        </div>
      )}
      {!shown && !failure.value && <Skeletons />}
      {shown && (
        <div class="feed-grid">
          {shown.map((post) => (
            <Card key={post.id} post={post} />
          ))}
        </div>
      )}
      {next.value && (
        <div class="more">
          <button
            type="button"
            class="button"
            aria-disabled={isLoadingMore.value}
            onClick={() => void loadMore()}
          >
            {isLoadingMore.value ? "Loading…" : "Load more"}
          </button>
        </div>
      )}
    </div>
  );
}
