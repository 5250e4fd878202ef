/** Dialogs in which people change what they have said about a video or a post of theirs. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, explain } from "../api/client.ts";
import type { OwnVideo, Post, Video } from "../api/types.ts";
import { DetailsFields, whoSees, type Details } from "./details.tsx";
import { toast } from "./toasts.tsx";

interface DialogProps {
  title: string;
  action: string;
  children: ComponentChildren;
  /** What is to happen; the dialog stays open when it fails. */
  onSave(): Promise<void>;
  onClose(): void;
}

function EditDialog({ title, action, children, onSave, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isSaving, setSaving] = useState(false);
  const [trouble, setTrouble] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const save = async () => {
    if (isSaving) return;
    setSaving(true);
    setTrouble("");
    try {
      await onSave();
      dialog.current?.close();
    } catch (error) {
      setTrouble(explain(error));
    } finally {
      setSaving(false);
    }
  };
  return (
    <dialog class="confirm edit" ref={dialog} aria-labelledby="edit-heading" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <h2 id="edit-heading">{title}</h2>
        <div class="details">{children}</div>
        {trouble && (
          <p class="reason" role="alert">
            {trouble}
          </p>
        )}
        <div class="row-actions">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button class="button primary" aria-disabled={isSaving}>
            {isSaving ? "Saving…" : action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface EditVideoProps {
  video: OwnVideo;
  onSaved(video: OwnVideo): void;
  onClose(): void;
}

/** Title and visibility of a video; and a post with it, where none shows it yet. */
export function EditVideo({ video, onSaved, onClose }: EditVideoProps) {
  const { title, visibility, is_shown_in_post: isShown } = video;
  const [details, setDetails] = useState<Details>({ title, visibility, text: "" });
  const [isPosting, setPosting] = useState(false);
  const name = title || video.filename;
  const save = async () => {
    const { title, visibility, text } = details;
    const address = `/api/videos/${video.video_id}/`;
    const saved = await api.patch<Video>(address, { title, visibility });
    if (isPosting) {
      await api.post<Post>("/api/posts/", { text, media: [video.video_id], visibility });
      toast(`${title || video.filename} is posted.`);
    }
    // A private post is for its author alone.
    const isShownNow = isShown || (isPosting && visibility !== "private");
    onSaved({ ...video, ...saved, is_shown_in_post: isShownNow });
  };
  const others = isShown ? " Whoever sees its post can watch it there, whatever you choose." : "";
  return (
    <EditDialog
      title={`Edit ${name}`}
      action={isPosting ? "Save and post" : "Save"}
      onSave={save}
      onClose={onClose}
    >
      <DetailsFields
        id="edit"
        details={details}
        onChange={(part) => setDetails({ ...details, ...part })}
        hint={`Once saved, ${whoSees(details.visibility, isPosting)}${others}`}
        hasCaption={isPosting}
      />
      {!isShown && video.playlist_url && (
        <label class="check wide">
          <input
            type="checkbox"
            checked={isPosting}
            onChange={(event) => setPosting(event.currentTarget.checked)}
          />
          Post it
        </label>
      )}
    </EditDialog>
  );
}

interface EditPostProps {
  post: Post;
  onSaved(post: Post): void;
  onClose(): void;
}

/** Caption and visibility of a post, and of the videos that it shows. */
export function EditPost({ post, onSaved, onClose }: EditPostProps) {
  const { text, visibility } = post;
  const [details, setDetails] = useState<Details>({ title: "", visibility, text });
  const save = async () => {
    const { text, visibility } = details;
    const saved = await api.patch<Post>(`/api/posts/${post.id}/`, { text, visibility });
    for (const id of post.media) await api.patch(`/api/videos/${id}/`, { visibility });
    onSaved({ ...post, ...saved });
  };
  return (
    <EditDialog title="Edit post" action="Save" onSave={save} onClose={onClose}>
      <DetailsFields
        id="edit"
        details={details}
        onChange={(part) => setDetails({ ...details, ...part })}
        hint={`Once saved, ${whoSees(details.visibility, true)}`}
        hasTitle={false}
      />
    </EditDialog>
  );
}
