/** The upload page: drop files, watch them go, write about them meanwhile. */

import type { Signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { PageTitle } from "../parts/basics.tsx";
import { bytes } from "../parts/format.ts";
import { Again, UploadIcon } from "../parts/icons.tsx";
import { toast } from "../parts/toasts.tsx";
import { useSignedIn } from "../parts/signed-in.ts";
import { addFiles, discard, earlier, findUnfinished, isSameFile, type Unfinished } from "../upload/engine.ts";
import { UploadRow } from "../upload/row.tsx";
import { items, overall, type Item } from "../upload/state.ts";

const ACCEPT = "video/*,audio/*,image/gif,.mkv,.ts,.m2ts,.avi,.flac,.opus";

function DropZone() {
  const [isOver, setOver] = useState(false);
  const depth = useRef(0);
  const input = useRef<HTMLInputElement>(null);
  const enter = (event: DragEvent, step: number) => {
    event.preventDefault();
    depth.current += step;
    setOver(depth.current > 0);
  };
  return (
    <div
      class={`drop ${isOver ? "over" : ""} ${items.value.length > 0 ? "compact" : ""}`}
      onDragEnter={(event) => enter(event, 1)}
      onDragLeave={(event) => enter(event, -1)}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        depth.current = 0;
        setOver(false);
        void addFiles(event.dataTransfer?.files ?? []);
      }}
    >
      <span class="drop-icon">
        <UploadIcon size={30} />
      </span>
      <p class="drop-title">Drop videos or music here</p>
      <p class="drop-hint">Several at once if you like. Pause, reload, come back: nothing is lost.</p>
      <label class="button primary">
        Choose files
        <input
          ref={input}
          class="visually-hidden"
          type="file"
          multiple
          accept={ACCEPT}
          onChange={(event) => {
            void addFiles([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
      </label>
    </div>
  );
}

function EarlierRow({ wanted }: { wanted: Unfinished }) {
  const choose = (file: File | undefined) => {
    if (!file) return;
    if (isSameFile(file, wanted)) void addFiles([file]);
    else toast(`That is another file. Choose ${wanted.name} (${bytes(wanted.size)}).`);
  };
  return (
    <li class="earlier" data-earlier={wanted.name}>
      <p>
        You have an unfinished upload: <strong>{wanted.name}</strong>, {wanted.percent} %. Choose the
        file again to continue.
      </p>
      <progress class="bar" max={100} value={wanted.percent} aria-label={`Arrived of ${wanted.name}`} />
      <div class="row-actions">
        <label class="button small">
          <Again size={16} /> Choose the file
          <input
            class="visually-hidden"
            type="file"
            aria-label={`Choose ${wanted.name} again`}
            onChange={(event) => {
              choose(event.currentTarget.files?.[0]);
              event.currentTarget.value = "";
            }}
          />
        </label>
        <button type="button" class="button small quiet" onClick={() => void discard(wanted)}>
          Discard<span class="visually-hidden"> {wanted.name}</span>
        </button>
      </div>
    </li>
  );
}

export default function Upload() {
  const user = useSignedIn();
  useEffect(() => {
    if (user) void findUnfinished();
  }, [user?.id]);
  const percent = overall.value;
  if (!user) return null;
  return (
    <div class="content narrow">
      <div class="page-head">
        <PageTitle tab={percent === null ? "Upload" : `${percent} % – Uploading`}>Upload</PageTitle>
      </div>
      {earlier.value.length > 0 && (
        <ul class="rows" aria-label="Unfinished uploads">
          {earlier.value.map((wanted) => (
            <EarlierRow key={wanted.storageKey} wanted={wanted} />
          ))}
        </ul>
      )}
      <DropZone />
      {items.value.length > 0 && (
        <ul class="rows" aria-label="Uploads">
          {[...items.value].reverse().map((item: Signal<Item>) => (
            <UploadRow key={item.value.key} item={item} />
          ))}
        </ul>
      )}
    </div>
  );
}
