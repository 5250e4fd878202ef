/** What people say: newest first, arriving by themselves. */

import { useEffect, useRef, useState } from "preact/hooks";
import { api, explain } from "../api/client.ts";
import type { Comment } from "../api/types.ts";
import { path } from "../router.ts";
import { me } from "../session.ts";
import { Age, Avatar } from "./basics.tsx";
import { plural } from "./format.ts";
import { toast } from "./toasts.tsx";

const LONGEST = 2000;

interface Props {
  postId: string;
  total: number;
  comments: Comment[];
  hasMore: boolean;
  onMore(): void;
  onWritten(comment: Comment): void;
}

function Writer({ postId, onWritten }: Pick<Props, "postId" | "onWritten">) {
  const [text, setText] = useState("");
  const [isBusy, setBusy] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  if (!me.value) {
    return (
      <p class="guest-note">
        <a href={`/login?next=${encodeURIComponent(path.value)}`}>Sign in</a> to join the
        conversation.
      </p>
    );
  }
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy || !text.trim()) return;
    setBusy(true);
    try {
      onWritten(await api.post<Comment>(`/api/posts/${postId}/comments/`, { text: text.trim() }));
      setText("");
    } catch (error) {
      toast(explain(error));
    } finally {
      setBusy(false);
      box.current?.focus();
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit(event);
  };
  return (
    <form class="writer" onSubmit={submit}>
      <Avatar name={me.value.username} />
      <div class="field">
        <label class="visually-hidden" for="comment">
          Your comment
        </label>
        <textarea
          class="input"
          id="comment"
          ref={box}
          maxLength={LONGEST}
          value={text}
          placeholder="Say something kind or useful"
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
      </div>
      <button class="button primary" aria-disabled={isBusy || !text.trim()}>
        Comment
      </button>
    </form>
  );
}

/** Reads out what others say, not what was there from the start. */
function Announcer({ comments }: { comments: Comment[] }) {
  const newest = comments[0];
  const seen = useRef<string | undefined>(newest?.id);
  const [words, setWords] = useState("");
  useEffect(() => {
    if (!newest || newest.id === seen.current) return;
    seen.current = newest.id;
    if (newest.author.id !== me.value?.id) setWords(`${newest.author.username}: ${newest.text}`);
  }, [newest?.id]);
  return (
    <div class="visually-hidden" aria-live="polite">
      {words}
    </div>
  );
}

export function Comments({ postId, total, comments, hasMore, onMore, onWritten }: Props) {
  return (
    <section class="comments" aria-labelledby="comments-title">
      <h2 id="comments-title">{plural(total, "comment")}</h2>
      <Writer postId={postId} onWritten={onWritten} />
      <Announcer comments={comments} />
      {comments.length === 0 && <p class="guest-note">Nobody has said anything yet.</p>}
      <ol class="comment-list">
        {comments.map((comment) => (
          <li key={comment.id} class="comment" data-comment={comment.id}>
            <Avatar name={comment.author.username} />
            <div>
              <p class="facts">
                <strong>{comment.author.username}</strong> <Age of={comment.created_at} />
              </p>
              <p class="comment-text">{comment.text}</p>
            </div>
          </li>
        ))}
      </ol>
      {hasMore && (
        <button type="button" class="button small" onClick={onMore}>
          Earlier comments
        </button>
      )}
    </section>
  );
}
