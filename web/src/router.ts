/** Client-side routes: one signal with the path, links that stay in the page, scroll kept on Back. */

import { signal } from "@preact/signals";

export const path = signal(location.pathname);
export const query = signal(location.search);

/** False until the first navigation: the first page must not steal the focus. */
export let hasNavigated = false;

/** Whether the page that is shown was come back to, and should look as it was left. */
export let isComingBack = false;

const positions = new Map<string, number>();
let here = keyOf(history.state) ?? "start";

function keyOf(state: unknown): string | null {
  return (state as { key?: string } | null)?.key ?? null;
}

function show(): void {
  hasNavigated = true;
  query.value = location.search;
  path.value = location.pathname;
}

/** Go to `to`, a path of this site. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  isComingBack = false;
  positions.set(here, scrollY);
  here = options.replace ? here : Math.random().toString(36).slice(2);
  history[options.replace ? "replaceState" : "pushState"]({ key: here }, "", to);
  show();
  scrollTo({ top: 0, behavior: "instant" });
}

function onClick(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.("a");
  if (!link || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href, location.href);
  if (url.origin !== location.origin || isServers(url.pathname)) return;
  if (url.hash && url.pathname === location.pathname) return;
  event.preventDefault();
  navigate(url.pathname + url.search);
}

function isServers(pathname: string): boolean {
  return /^\/(api|admin|static|hls|accounts|problems)(\/|$)/.test(pathname);
}

export function startRouter(): void {
  history.scrollRestoration = "manual";
  document.addEventListener("click", onClick);
  addEventListener("popstate", (event) => {
    isComingBack = true;
    positions.set(here, scrollY);
    here = keyOf(event.state) ?? "start";
    show();
    const top = positions.get(here) ?? 0;
    requestAnimationFrame(() => requestAnimationFrame(() => scrollTo({ top, behavior: "instant" })));
  });
}

/** The value of `name` in the query, if it is a path of this site. */
export function nextPath(fallback = "/"): string {
  const next = new URLSearchParams(query.value).get("next");
  return next && /^\/(?!\/|\\)/.test(next) ? next : fallback;
}
