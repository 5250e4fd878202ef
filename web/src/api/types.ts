/** The shapes that the server sends; docs/api.md explains them. */

export type Status =
  | "uploading"
  | "in_queue"
  | "processing"
  | "completed"
  | "failed"
  | "cancelled";

export type Visibility = "public" | "unlisted" | "followers" | "private";

export interface Person {
  id: string;
  username: string;
}

export interface Me extends Person {
  email: string;
  role: "user" | "admin" | "super_admin";
  created_at: string;
}

export interface Rendition {
  name: string;
  width: number;
  height: number;
  status: string;
  progress_percent: number;
  /** Inclusive ranges of segment numbers that exist. */
  made: [number, number][];
}

export interface Fault {
  code: string;
  detail: string;
}

/** What changes while a video is being made; sent whole, with absolute values. */
export interface Progress {
  status: Status;
  progress_percent: number;
  playlist_url?: string | null;
  poster_url?: string | null;
  duration?: number | null;
  renditions: Rendition[];
  error: Fault | null;
}

export interface Video extends Progress {
  video_id: string;
  title: string;
  filename: string;
  kind: "video" | "audio";
  owner: Person;
  visibility: Visibility;
  duration: number | null;
  width: number | null;
  height: number | null;
  size_bytes: number | null;
  playlist_url: string | null;
  poster_url: string | null;
  damaged: [number, number][];
  created_at: string;
  updated_at: string;
  version: number;
}

export interface Post {
  id: string;
  author: Person;
  text: string;
  media: string[];
  videos?: Video[];
  likes: number;
  liked: boolean;
  comments: number;
  visibility: Visibility;
  version: number;
  created_at: string;
}

export interface Comment {
  id: string;
  post: string;
  author: Person;
  text: string;
  created_at: string;
}

export interface Page<T> {
  results: T[];
  next: string | null;
  previous: string | null;
}

export interface Config {
  max_upload_bytes: number;
  chunk_bytes: number;
  registration_open: boolean;
}

export interface UploadState {
  upload_id: string;
  offset: number;
  length: number | null;
  status: string;
  video_id: string | null;
}
