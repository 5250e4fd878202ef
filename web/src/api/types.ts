/** The shapes that the server sends, under short names. `npm run types` writes schema.d.ts. */

import type { components, operations } from "./schema.d.ts";

type Schemas = components["schemas"];

export type Status = Schemas["VideoStatusEnum"];
export type Visibility = Schemas["Visibility"];
export type Me = Schemas["Account"];
export type Rendition = Schemas["VideoRendition"];
export type Video = Schemas["Video"];
export type OwnVideo = Schemas["OwnVideo"];
export type Post = Schemas["PostShape"];
export type Comment = Schemas["CommentShape"];
export type Config = Schemas["Config"];

export type ReEncode = Schemas["ReEncode"];

export type Download = Schemas["DownloadShape"];

export type Job = Schemas["JobShape"];
/** The whole queue at a glance, for administrators. */
export type Queue = Schemas["QueueShape"];

/** What changes while a video is being made; the socket sends it whole, with absolute values. */
export type Progress = Pick<
  Video,
  | "status"
  | "progress_percent"
  | "early"
  | "duration"
  | "width"
  | "height"
  | "playlist_url"
  | "poster_url"
  | "storyboard_url"
  | "waveform_url"
  | "loudness"
  | "error"
  | "damaged"
  | "queue"
  | "renditions"
  | "re_encode"
>;

export interface Page<T> {
  results: T[];
  next: string | null;
  previous: string | null;
}

export type UploadState =
  operations["uploads_read"]["responses"][200]["content"]["application/json"];
