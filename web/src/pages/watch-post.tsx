/** A post: its video, what people think of it, and what they say. */

import { useEffect, useState } from "preact/hooks";
import { api, ApiError, explain, samePath } from "../api/client.ts";
import type { Comment, Page, Post } from "../api/types.ts";
import { useTopic } from "../live/index.ts";
import type { WireMessage } from "../live/topic.ts";
import { Age, Avatar, Blank, Busy, PageTitle } from "../parts/basics.tsx";
import { Comments } from "../parts/comments.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { Downloads } from "../parts/downloads.tsx";
import { EditPost } from "../parts/edit.tsx";
import { Bin, LinkIcon, Pen } from "../parts/icons.tsx";
import { LikeButton, likesOf, setLikes } from "../parts/like.tsx";
import { Making } from "../parts/making.tsx";
import { postTitle } from "../parts/post-title.ts";
import { toast } from "../parts/toasts.tsx";
import { useLiveVideo } from "../parts/use-video.ts";
import { Screen } from "../player/player.tsx";
import { navigate } from "../router.ts";
import { me } from "../session.ts";
import { NotFound } from "./not-found.tsx";

interface Loaded {
  post: Post;
  comments: Comment[];
  next: string | null;
}

/** Newest first, each once, whichever way it came. */
function merged(...lists: Comment[][]): Comment[] {
  const byId = new Map(lists.flat().map((comment) => [comment.id, comment]));
  return [...byId.values()].sort((a, b) => b.created_at.localeCompare(a.created_at));
}

interface Snapshot extends Post {
  comments_page?: Comment[];
}

function withTotal(old: Loaded, comments: number): Loaded {
  return { ...old, post: { ...old.post, comments } };
}

function useLivePost(id: string) {
  const [state, setState] = useState<Loaded | null>(null);
  const [refusal, setRefusal] = useState<ApiError | null>(null);
  const amend = (change: (old: Loaded) => Loaded) => setState((old) => old && change(old));

  useEffect(() => {
    const url = `/api/posts/${id}/`;
    Promise.all([api.get<Post>(url), api.get<Page<Comment>>(`${url}comments/`)]).then(
      ([post, page]) => {
        setLikes(id, { likes: post.likes, liked: post.liked });
        setState({ post, comments: merged(page.results), next: page.next });
      },
      (error: unknown) =>
        setRefusal(error instanceof ApiError ? error : new ApiError(0, "error", explain(error))),
    );
  }, [id, me.value?.id]);

  const takeWhole = (data: unknown) => {
    const whole = data as Snapshot;
    // What is told to everybody alike does not say whether we like it.
    setLikes(id, { likes: whole.likes, liked: whole.liked ?? likesOf(id).value.liked });
    amend((old) => ({
      ...old,
      post: { ...old.post, text: whole.text, visibility: whole.visibility, comments: whole.comments },
      comments: merged(old.comments, whole.comments_page ?? []),
    }));
  };
  const hear = ({ type, data }: WireMessage) => {
    const fact = data as { likes: number; comments: number; id: string };
    if (type === "post.likes") setLikes(id, { likes: fact.likes });
    if (type === "post.comments") amend((old) => withTotal(old, fact.comments));
    if (type === "post.updated") takeWhole(data);
    if (type === "post.deleted") setRefusal(new ApiError(404, "not-found", "This post is gone."));
    if (type === "comment.created") {
      amend((old) => ({ ...old, comments: merged(old.comments, [data as Comment]) }));
    }
    if (type === "comment.deleted") {
      amend((old) => ({ ...old, comments: old.comments.filter((each) => each.id !== fact.id) }));
    }
  };
  /** Our own comment, as the API answered; the socket may have been faster. */
  const addComment = (comment: Comment) =>
    amend((old) => {
      if (old.comments.some((each) => each.id === comment.id)) return old;
      const grown = withTotal(old, old.post.comments + 1);
      return { ...grown, comments: merged(old.comments, [comment]) };
    });
  const more = async () => {
    if (!state?.next) return;
    try {
      const page = await api.get<Page<Comment>>(samePath(state.next));
      amend((old) => ({ ...old, comments: merged(old.comments, page.results), next: page.next }));
    } catch (error) {
      toast(explain(error));
    }
  };
  useTopic(state ? `post:${id}` : null, { onSnapshot: takeWhole, onMessage: hear }, state?.post.version);
  const change = (post: Post) => amend((old) => ({ ...old, post: { ...old.post, ...post } }));
  return { state, refusal, addComment, change, more };
}

async function copyLink(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    toast("The link is copied.");
  } catch {
    toast("The browser did not let us copy. The address is in the bar above.");
  }
}

export default function WatchPost({ id }: { id: string }) {
  const { state, refusal, addComment, change, more } = useLivePost(id);
  const [video, isGone] = useLiveVideo(state?.post.videos?.[0] ?? null);
  if (refusal) return <Refused error={refusal} />;
  if (!state) return <Busy label="Loading the post" />;
  const { post, comments, next } = state;
  const title = postTitle(post, video);
  return (
    <div class="content watch">
      {video && !isGone && <Screen video={video} />}
      <div class="watch-body">
        <div class="watch-head">
          <PageTitle>{title}</PageTitle>
          <div class="watch-bar">
            <div class="byline">
              <Avatar name={post.author.username} />
              <span>
                <strong>{post.author.username}</strong>
                <br />
                <Age of={post.created_at} />
              </span>
            </div>
            <div class="row-actions">
              <LikeButton postId={id} class="framed" />
              <button type="button" class="button" onClick={() => void copyLink()}>
                <LinkIcon /> Copy link
              </button>
              {video && !isGone && <Downloads video={video} />}
              {me.value?.id === post.author.id && <OwnPost post={post} onSaved={change} />}
            </div>
          </div>
          {post.text && post.text !== title && <p class="caption">{post.text}</p>}
          {video && video.status === "processing" && <Making made={video} title="It plays already. Sharper pictures are on their way." />}
        </div>
        <Comments
          postId={id}
          total={post.comments}
          comments={comments}
          hasMore={next !== null}
          onMore={() => void more()}
          onWritten={addComment}
        />
      </div>
    </div>
  );
}

/** What its author can do with a post. */
function OwnPost({ post, onSaved }: { post: Post; onSaved(post: Post): void }) {
  const [asks, setAsks] = useState<"nothing" | "edit" | "delete">("nothing");
  const close = () => setAsks("nothing");
  const destroy = async () => {
    try {
      await api.delete(`/api/posts/${post.id}/`);
      toast("The post is deleted. What it showed is still among your videos.");
      navigate("/");
    } catch (error) {
      toast(explain(error));
    }
  };
  return (
    <>
      <button type="button" class="button" onClick={() => setAsks("edit")}>
        <Pen /> Edit
      </button>
      <button type="button" class="button discard" onClick={() => setAsks("delete")}>
        <Bin /> Delete
      </button>
      {asks === "edit" && <EditPost post={post} onSaved={onSaved} onClose={close} />}
      {asks === "delete" && (
        <Confirm
          title="Delete this post?"
          text="Its likes and comments will be gone for good. What it shows stays among your videos."
          action="Delete"
          onAnswer={(isYes) => {
            close();
            if (isYes) void destroy();
          }}
        />
      )}
    </>
  );
}

export function Refused({ error }: { error: ApiError }) {
  if (error.status === 404 || error.status === 403) return <NotFound />;
  return (
    <div class="content">
      <Blank
        title="This did not load"
        actions={
          <button type="button" class="button primary" onClick={() => location.reload()}>
            Try again
          </button>
        }
      >
        {error.message}
      </Blank>
    </div>
  );
}
