/** Sends files: three at a time, resumable over reloads, then follows what is made of them. */

import { signal, type Signal } from "@preact/signals";
import * as tus from "tus-js-client";
import { api, ApiError, csrfToken, explain } from "../api/client.ts";
import type { Post, Progress, UploadState } from "../api/types.ts";
import { live } from "../live/index.ts";
import { bytes } from "../parts/format.ts";
import { toast } from "../parts/toasts.tsx";
import { me, serverConfig } from "../session.ts";
import { Speed } from "./speed.ts";
import { tailOf } from "./tail.ts";
import { change, hasFailed, isPlayable, items, unfinished, type Details, type Item } from "./state.ts";

const ENDPOINT = "/api/uploads/";
const PARALLEL = 3;
const RETRY_DELAYS = [0, 1000, 2000, 4000, 8000];
const MEND_AFTER_MS = 10_000;
/** What is there before anybody could look at its index needs none ahead. */
const SMALL_BYTES = 4 * 2 ** 20;

const uploads = new Map<string, tus.Upload>();
const speeds = new Map<string, Speed>();
const followed = new Map<string, () => void>();

// --- Files that come in ----------------------------------------------------------------------

function keyOf(file: { name: string; size: number; lastModified: number }): string {
  return `${file.name}-${file.size}-${file.lastModified}`;
}

function fingerprintPrefix(): string {
  return `reelay-${me.value?.id ?? "nobody"}-`;
}

function titleOf(filename: string): string {
  return filename.replace(/\.[^.]+$/, "").replace(/[_]+/g, " ").slice(0, 200);
}

export async function addFiles(files: Iterable<File>): Promise<void> {
  const limit = await serverConfig().then((config) => config.max_upload_bytes, () => Infinity);
  for (const file of files) {
    const key = keyOf(file);
    if (items.value.some(({ value }) => value.key === key && value.stage !== "refused")) {
      toast(`${file.name} is in the list already.`);
      continue;
    }
    const item = signal<Item>(newItem(key, file));
    if (file.size > limit) {
      refuse(item, `It has ${bytes(file.size)}; this server takes ${bytes(limit)} at most.`);
    } else if (file.size === 0) {
      refuse(item, "The file is empty.");
    }
    items.value = [...items.value, item];
  }
  pump();
}

function newItem(key: string, file: File): Item {
  return {
    key,
    file,
    stage: "waiting",
    sent: 0,
    speed: 0,
    resumedAt: 0,
    trouble: null,
    videoId: null,
    made: null,
    details: { title: titleOf(file.name), text: "", visibility: "public", share: true },
    saved: null,
    postId: null,
    isEditing: false,
    isSaving: false,
    isUnsaved: false,
  };
}

function refuse(item: Signal<Item>, trouble: string): void {
  change(item, { stage: "refused", trouble, speed: 0 });
}

/** Start waiting files while there is room. */
function pump(): void {
  const sending = items.value.filter(({ value }) => value.stage === "sending").length;
  const waiting = items.value.filter(({ value }) => value.stage === "waiting");
  for (const item of waiting.slice(0, Math.max(0, PARALLEL - sending))) void send(item);
}

// --- Bytes ------------------------------------------------------------------------------------

async function send(item: Signal<Item>): Promise<void> {
  change(item, { stage: "sending", trouble: null });
  const { key } = item.value;
  const known = uploads.get(key);
  if (known) {
    known.start();
    return;
  }
  const chunkSize = await serverConfig().then((config) => config.chunk_bytes, () => 8 * 2 ** 20);
  const upload = newUpload(item, chunkSize);
  uploads.set(key, upload);
  speeds.set(key, new Speed());
  const [previous] = await upload.findPreviousUploads();
  if (previous) upload.resumeFromPreviousUpload(previous);
  forgetUnfinished(previous?.urlStorageKey);
  if (item.value.stage === "sending") upload.start();
}

function newUpload(item: Signal<Item>, chunkSize: number): tus.Upload {
  const { file, details, key } = item.value;
  const upload: tus.Upload = new tus.Upload(file, {
    endpoint: ENDPOINT,
    chunkSize,
    retryDelays: RETRY_DELAYS,
    removeFingerprintOnSuccess: true,
    metadata: {
      filename: file.name,
      filetype: file.type,
      title: details.title,
      // Who may see it is told with the other details: until then the server shows it to nobody,
      // so that nothing is public while its owner is still choosing.
    },
    fingerprint: () => Promise.resolve(`${fingerprintPrefix()}${key}`),
    onBeforeRequest: (request) => request.setHeader("X-CSRFToken", csrfToken()),
    onUploadUrlAvailable: () => {
      void learnVideo(item, upload.url);
      if (upload.url) void sendTail(file, upload.url);
    },
    onProgress: (sent) => {
      const speed = speeds.get(key)?.note(sent, performance.now()) ?? 0;
      if (item.value.sent === 0 && sent > 0 && upload.url) void learnVideo(item, upload.url);
      change(item, { sent, speed });
    },
    onSuccess: () => void arrived(item, upload),
    onError: (error) => broken(item, error),
  });
  return upload;
}

async function learnVideo(item: Signal<Item>, url: string | null): Promise<void> {
  if (!url || item.value.videoId) return;
  try {
    const state = await api.get<UploadState>(new URL(url, location.href).pathname);
    if (state.video_id && !item.value.videoId) {
      change(item, { videoId: state.video_id });
      follow(item, state.video_id);
    }
    if (state.offset > item.value.sent) change(item, { resumedAt: state.offset });
  } catch {
    // It is asked again when the last byte has arrived.
  }
}

/** Where the index comes last, send it first, so that encoding begins. It comes again at its place. */
async function sendTail(file: File, url: string): Promise<void> {
  try {
    const { tail_bytes: most } = await serverConfig();
    const start = most > 0 && file.size >= SMALL_BYTES ? await tailOf(file) : null;
    if (start === null || file.size - start > most) return;
    await fetch(`${url.replace(/\/$/, "")}/tail`, {
      method: "PUT",
      headers: {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": String(start),
        "Content-Type": "application/offset+octet-stream",
        "X-CSRFToken": csrfToken(),
      },
      credentials: "same-origin",
      body: file.slice(start),
    });
  } catch {
    // It is a favour: without it, encoding begins when all of the file is there.
  }
}

async function arrived(item: Signal<Item>, upload: tus.Upload): Promise<void> {
  change(item, { stage: "arrived", sent: item.value.file.size, speed: 0 });
  pump();
  await learnVideo(item, upload.url);
}

function broken(item: Signal<Item>, error: Error | tus.DetailedError): void {
  const response = "originalResponse" in error ? error.originalResponse : null;
  const status = response?.getStatus() ?? 0;
  if (status >= 400 && status < 500 && status !== 409 && status !== 423) {
    uploads.delete(item.value.key);
    refuse(item, sentenceOf(response?.getBody()));
  } else {
    const trouble = "The connection broke. It goes on by itself when the server answers again.";
    change(item, { stage: "broken", trouble, speed: 0 });
    setTimeout(() => item.value.stage === "broken" && resume(item), MEND_AFTER_MS);
  }
  speeds.get(item.value.key)?.reset();
  pump();
}

function sentenceOf(body: string | undefined): string {
  try {
    const problem = JSON.parse(body ?? "") as { detail?: string; title?: string };
    return problem.detail || problem.title || "The server did not take the file.";
  } catch {
    return "The server did not take the file.";
  }
}

export function pause(item: Signal<Item>): void {
  change(item, { stage: "paused", speed: 0 });
  speeds.get(item.value.key)?.reset();
  void uploads.get(item.value.key)?.abort();
  pump();
}

export function resume(item: Signal<Item>): void {
  change(item, { stage: "waiting", trouble: null });
  pump();
}

/** Stop, and have the server forget what it has. */
export function cancel(item: Signal<Item>): void {
  const upload = uploads.get(item.value.key);
  remove(item);
  if (item.value.stage !== "arrived") {
    upload?.abort(true).catch(() => toast("The server keeps what it has for a while, then drops it."));
  }
  pump();
}

/** Take the row off the page; what has been made stays. */
export function remove(item: Signal<Item>): void {
  items.value = items.value.filter((each) => each !== item);
  uploads.delete(item.value.key);
  speeds.delete(item.value.key);
  unfollow(item);
}

addEventListener("online", () => {
  for (const item of items.value) if (item.value.stage === "broken") resume(item);
});

addEventListener("beforeunload", (event) => {
  if (unfinished.value.length > 0) event.preventDefault();
});

// --- What is made of them ---------------------------------------------------------------------

/** From the first byte on: encoding may begin while the file still arrives. */
function follow(item: Signal<Item>, videoId: string): void {
  const hear = (made: Progress) => {
    change(item, { made: { ...item.value.made, ...made } });
    if (isPlayable(item.value.made)) void publish(item);
    if (made.status === "completed" || hasFailed(made)) unfollow(item);
  };
  const stop = live.follow(`media:${videoId}`, {
    onSnapshot: (data) => hear(data as Progress),
    onMessage: ({ type, data }) => type === "media.progress" && hear(data as Progress),
    onRefused: (_code, detail) => change(item, { trouble: detail }),
  });
  followed.set(item.value.key, stop);
}

function unfollow(item: Signal<Item>): void {
  followed.get(item.value.key)?.();
  followed.delete(item.value.key);
}

function same(one: Details, other: Details): boolean {
  return (
    one.title === other.title && one.text === other.text && one.visibility === other.visibility
  );
}

/** Whether the person changed something that the server does not have yet. */
export function isDirty({ details, saved }: Item): boolean {
  return saved !== null && !same(details, saved);
}

/**
 * Give the server the details, once it is known that the file plays, and post it where that is
 * wanted. Whoever is still writing is waited for.
 */
export async function publish(item: Signal<Item>, force = false): Promise<void> {
  const { videoId, isEditing, isSaving, isUnsaved, saved, details, postId } = item.value;
  if (!videoId || isSaving) return;
  if (!force && (isEditing || saved || isUnsaved)) return;
  change(item, { isSaving: true, isUnsaved: false });
  try {
    const { title, text, visibility, share } = details;
    await api.patch(`/api/videos/${videoId}/`, { title, visibility });
    if (postId) {
      await api.patch(`/api/posts/${postId}/`, { text, visibility });
    } else if (share) {
      const post = await api.post<Post>("/api/posts/", { text, media: [videoId], visibility });
      change(item, { postId: post.id });
    }
    change(item, { saved: details });
  } catch (error) {
    change(item, { isUnsaved: true });
    toast(explain(error));
  } finally {
    change(item, { isSaving: false });
  }
}

// --- Uploads of an earlier visit ---------------------------------------------------------------

export interface Unfinished {
  storageKey: string;
  url: string;
  name: string;
  size: number;
  percent: number;
}

export const earlier = signal<Unfinished[]>([]);

function forgetUnfinished(storageKey: string | undefined): void {
  earlier.value = earlier.value.filter((each) => each.storageKey !== storageKey);
}

/** Look for uploads that a reload or a closed tab broke off, and ask how far they are. */
export async function findUnfinished(): Promise<void> {
  const storage = tus.defaultOptions.urlStorage;
  const active = new Set(items.value.map(({ value }) => value.key));
  const found: Unfinished[] = [];
  for (const entry of await storage.findAllUploads()) {
    const prefix = `tus::${fingerprintPrefix()}`;
    if (!entry.urlStorageKey.startsWith(prefix) || !entry.uploadUrl) continue;
    if ([...active].some((key) => entry.urlStorageKey.startsWith(`${prefix}${key}::`))) continue;
    try {
      const url = new URL(entry.uploadUrl, location.href).pathname;
      const { offset, length } = await api.get<UploadState>(url);
      if (length && offset >= length) throw new ApiError(410, "gone", "It is complete.");
      found.push({
        storageKey: entry.urlStorageKey,
        url,
        name: entry.metadata.filename ?? "a file",
        size: entry.size ?? length ?? 0,
        percent: length ? Math.floor((100 * offset) / length) : 0,
      });
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 404 || status === 410) await storage.removeUpload(entry.urlStorageKey);
    }
  }
  earlier.value = found;
}

/** Whether `file` is the one whose upload broke off. */
export function isSameFile(file: File, wanted: Unfinished): boolean {
  return wanted.storageKey.startsWith(`tus::${fingerprintPrefix()}${keyOf(file)}::`);
}

export async function discard(wanted: Unfinished): Promise<void> {
  forgetUnfinished(wanted.storageKey);
  await tus.defaultOptions.urlStorage.removeUpload(wanted.storageKey);
  await api.delete(wanted.url).catch(() => undefined);
}
