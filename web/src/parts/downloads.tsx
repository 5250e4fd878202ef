/** A menu of the files that can be taken away; one that is not there yet is made on request. */

import { useEffect, useRef, useState } from "preact/hooks";
import { api, explain } from "../api/client.ts";
import type { Download, Video } from "../api/types.ts";
import { mayRun, me } from "../session.ts";
import { Busy } from "./basics.tsx";
import { downloadName, downloadWords, isPending } from "./download-words.ts";
import { DownloadIcon } from "./icons.tsx";
import { toast } from "./toasts.tsx";

/** The socket says when there is news; this is for when it is away. */
const LOOK_AGAIN_MS = 3000;

function isOwner(video: Video): boolean {
  return me.value?.id === video.owner.id;
}

/** The browser saves what comes with a name; the page stays. */
function save(url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}

function useDownloads(video: Video, isOpen: boolean) {
  const [offers, setOffers] = useState<Download[] | null>(null);
  const wanted = useRef(new Set<string>());
  const take = (found: Download[]) => {
    setOffers(found);
    for (const { name, url, status } of found) {
      if (!wanted.current.has(name) || isPending({ status })) continue;
      wanted.current.delete(name);
      if (url) save(url);
    }
  };
  const load = async () => {
    try {
      const page = await api.get<{ results: Download[] }>(`/api/videos/${video.video_id}/downloads/`);
      take(page.results);
    } catch (error) {
      toast(explain(error));
    }
  };
  const isWaiting = offers?.some(isPending) ?? false;
  useEffect(() => {
    if (isOpen) void load();
  }, [isOpen]);
  // Whatever the socket tells of the video makes it another object.
  useEffect(() => {
    if (isWaiting) void load();
  }, [video]);
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setInterval(() => void load(), LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [isWaiting]);
  const want = async (name: string) => {
    wanted.current.add(name);
    try {
      const url = `/api/videos/${video.video_id}/downloads/`;
      const made = await api.post<Download>(url, { name });
      take((offers ?? []).map((offer) => (offer.name === name ? made : offer)));
    } catch (error) {
      wanted.current.delete(name);
      toast(explain(error));
    }
  };
  return { offers, want };
}

function OfferRow({ offer, onWant }: { offer: Download; onWant(): void }) {
  const words = downloadWords(offer);
  return (
    <li>
      <button type="button" disabled={isPending(offer)} onClick={onWant}>
        <strong>{downloadName(offer.name)}</strong> <span>{words}</span>
      </button>
      {isPending(offer) && (
        <progress
          class="bar"
          max={100}
          value={offer.status === "processing" ? offer.progress_percent : undefined}
          aria-label={`Putting ${downloadName(offer.name)} together`}
        />
      )}
    </li>
  );
}

/** Whether those who may see the video may also take it away. */
function ForEveryone({ video, onChange }: { video: Video; onChange(isGiven: boolean): void }) {
  const set = async (is_downloadable: boolean) => {
    onChange(is_downloadable);
    try {
      await api.patch<Video>(`/api/videos/${video.video_id}/`, { is_downloadable });
    } catch (error) {
      onChange(!is_downloadable);
      toast(explain(error));
    }
  };
  return (
    <label class="for-everyone">
      <input
        type="checkbox"
        checked={video.is_downloadable}
        onChange={(event) => void set(event.currentTarget.checked)}
      />
      Whoever may watch it may download it
    </label>
  );
}

export function Downloads({ video: shown }: { video: Video }) {
  const [isOpen, setOpen] = useState(false);
  const [isGiven, setGiven] = useState(shown.is_downloadable);
  const box = useRef<HTMLDivElement>(null);
  const video = { ...shown, is_downloadable: isGiven };
  const { offers, want } = useDownloads(shown, isOpen);
  useEffect(() => {
    const away = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, []);
  const mayTake = video.is_downloadable || isOwner(video) || (me.value && mayRun(me.value));
  if (!mayTake || !video.playlist_url) return null;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen) return;
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  return (
    <div class="downloads" ref={box} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="button"
        aria-expanded={isOpen}
        aria-controls="downloads-menu"
        onClick={() => setOpen(!isOpen)}
      >
        <DownloadIcon /> Download
      </button>
      <div class="downloads-menu" id="downloads-menu" hidden={!isOpen}>
        {isOpen && !offers && <Busy label="Looking what there is" />}
        {offers?.length === 0 && <p>No quality is complete yet.</p>}
        <ul>
          {offers?.map((offer) => (
            <OfferRow key={offer.name} offer={offer} onWant={() => void want(offer.name)} />
          ))}
        </ul>
        {isOwner(video) && <ForEveryone video={video} onChange={setGiven} />}
      </div>
    </div>
  );
}
