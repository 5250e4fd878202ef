/** One file on its way: what has arrived, what is being made, and what it will be called. */

import type { Signal } from "@preact/signals";
import { DetailsFields, whoSees } from "../parts/details.tsx";
import { bytes, roughly } from "../parts/format.ts";
import { Again, Alert, Check, Cross, Pause, Play } from "../parts/icons.tsx";
import { Making } from "../parts/making.tsx";
import { cancel, isDirty, pause, publish, remove, resume } from "./engine.ts";
import { change, hasFailed, isPlayable, type Details, type Item } from "./state.ts";

function percentOf({ sent, file }: Item): number {
  return file.size ? Math.floor((100 * sent) / file.size) : 0;
}

function Sentence({ item }: { item: Item }) {
  const { stage, sent, file, speed, trouble, made, resumedAt } = item;
  const amount = `${bytes(sent)} of ${bytes(file.size)}`;
  switch (stage) {
    case "waiting":
      return <>Waits for its turn</>;
    case "paused":
      return <>Paused at {amount}</>;
    case "broken":
    case "refused":
      return <>{trouble}</>;
    case "arrived":
      if (hasFailed(made)) return <>{made?.error?.detail ?? "It could not be used."}</>;
      if (made?.status === "completed") return <>{made.width ? "Ready in every quality" : "Ready"}</>;
      if (!isPlayable(made)) return <>Arrived. Looking at it…</>;
      return <>{made?.width ? "Plays already, and gets sharper" : "Plays already"}</>;
    case "sending":
      return (
        <>
          {amount}
          {speed > 0 && ` · ${bytes(speed)}/s · ${roughly((file.size - sent) / speed)} left`}
          {resumedAt > 0 && " · continued"}
        </>
      );
  }
}

function Actions({ item }: { item: Signal<Item> }) {
  const { stage, file, made } = item.value;
  const name = <span class="visually-hidden"> {file.name}</span>;
  return (
    <div class="row-actions">
      {stage === "sending" && (
        <button type="button" class="button small" onClick={() => pause(item)}>
          <Pause size={16} /> Pause{name}
        </button>
      )}
      {(stage === "paused" || stage === "broken") && (
        <button type="button" class="button small" onClick={() => resume(item)}>
          {stage === "paused" ? <Play size={16} /> : <Again size={16} />}
          {stage === "paused" ? "Resume" : "Retry"}
          {name}
        </button>
      )}
      {stage !== "arrived" && stage !== "refused" && (
        <button type="button" class="button small quiet" onClick={() => cancel(item)}>
          Cancel{name}
        </button>
      )}
      {(stage === "refused" || hasFailed(made)) && (
        <button type="button" class="button small quiet" onClick={() => remove(item)}>
          <Cross size={16} /> Dismiss{name}
        </button>
      )}
      {isPlayable(made) && (
        <a class="button small primary" href={watchAddress(item.value)}>
          <Play size={16} /> Watch now
        </a>
      )}
    </div>
  );
}

function watchAddress({ postId, videoId }: Item): string {
  return postId ? `/p/${postId}` : `/v/${videoId}`;
}

/** What the choice means, said before it takes effect. */
function hintOf(item: Item): string {
  const { details: { visibility, share }, saved } = item;
  const when = !saved ? "When it plays" : isDirty(item) ? "Once saved" : "Now";
  const until = saved || visibility === "private" ? "" : " Until then, only you can.";
  return `${when}, ${whoSees(visibility, share)}${until}`;
}

function DetailsForm({ item }: { item: Signal<Item> }) {
  const { key, details, saved, postId, isSaving, isUnsaved, isEditing, made } = item.value;
  const set = (part: Partial<Details>) => change(item, { details: { ...details, ...part } });
  const onFocusOut = (event: FocusEvent) => {
    if ((event.currentTarget as Element).contains(event.relatedTarget as Node | null)) return;
    change(item, { isEditing: false });
    if (isPlayable(item.value.made)) void publish(item);
  };
  return (
    <form
      class="details"
      aria-label={`About ${item.value.file.name}`}
      onFocusIn={() => !item.value.saved && change(item, { isEditing: true })}
      onFocusOut={onFocusOut}
      onSubmit={(event) => {
        event.preventDefault();
        if (isPlayable(item.value.made)) void publish(item, true);
      }}
    >
      <DetailsFields
        id={`details-${key.replace(/\W+/g, "-")}`}
        details={details}
        onChange={set}
        hint={hintOf(item.value)}
        isCaptionOff={!details.share}
      />
      <div class="wide details-foot">
        {postId ? (
          <span class="chip good">
            <Check size={14} /> Posted
          </span>
        ) : (
          <label class="check">
            <input
              type="checkbox"
              checked={details.share}
              onChange={(event) => set({ share: event.currentTarget.checked })}
            />
            Post it when it plays
          </label>
        )}
        {(isDirty(item.value) || (!saved && isPlayable(made) && (isEditing || isUnsaved))) && (
          <button class="button small" aria-disabled={isSaving}>
            {saved ? "Save changes" : details.share ? "Post now" : "Save"}
          </button>
        )}
      </div>
    </form>
  );
}

/** What is done with a file while it is still sent: some is encoded already, or why nothing is. */
function Early({ item }: { item: Item }) {
  const { made, file } = item;
  switch (made?.status === "uploading" ? made.early : null) {
    case "begun": {
      const percent = Math.floor(made?.progress_percent ?? 0);
      return (
        <div class="row-early" data-early="begun">
          <p class="making-title">Encoding has begun while it uploads</p>
          <div class="row-bar">
            <progress class="bar" max={100} value={percent} aria-label={`Encoding of ${file.name}`} />
            <span class="row-percent">{percent} %</span>
          </div>
        </div>
      );
    }
    case "index-at-end":
      return (
        <p class="making-title" data-early="index-at-end">
          This file keeps its index at its end: encoding begins when all of it is here.
        </p>
      );
    case "later":
      return (
        <p class="making-title" data-early="later">
          Encoding begins when all of it is here.
        </p>
      );
    default:
      return null;
  }
}

export function UploadRow({ item }: { item: Signal<Item> }) {
  const now = item.value;
  const { stage, file, made } = now;
  const isBad = stage === "refused" || hasFailed(made);
  const percent = percentOf(now);
  return (
    <li class="panel row" data-upload={file.name} data-stage={stage} data-status={made?.status}>
      <div class="row-head">
        <div class="row-name">
          <strong>{file.name}</strong>
          <p class={`row-sentence ${isBad ? "bad" : ""}`} role={isBad ? "alert" : undefined}>
            {isBad && <Alert size={16} />}
            <span>
              <Sentence item={now} />
            </span>
          </p>
        </div>
        <Actions item={item} />
      </div>
      {!isBad && stage !== "arrived" && (
        <div class="row-bar">
          <progress class="bar" max={100} value={percent} aria-label={`Upload of ${file.name}`} />
          <span class="row-percent">{percent} %</span>
        </div>
      )}
      {!isBad && stage !== "arrived" && <Early item={now} />}
      {stage === "arrived" && !isBad && <Making made={made} />}
      {!isBad && <DetailsForm item={item} />}
    </li>
  );
}
