/** The page's one live connection, and hooks that follow a topic for as long as a view is shown. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { LiveClient, type Follower, type LiveStatus, type Socket } from "./client.ts";

export const liveStatus = signal<LiveStatus>("idle");

export const live = new LiveClient({
  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    return new WebSocket(`${scheme}://${location.host}/ws/`) as unknown as Socket;
  },
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  random: Math.random,
  onStatus: (status) => {
    liveStatus.value = status;
  },
});

addEventListener("online", () => live.wake());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) live.wake();
});

/** Follow `topic` while the component is shown; null follows nothing. */
export function useTopic(topic: string | null, follower: Follower, since?: number | null): void {
  useEffect(() => (topic ? live.follow(topic, follower, since ?? null) : undefined), [topic]);
}
