/** The bar at the top: where one can go, and who one is. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { explain } from "../api/client.ts";
import { path } from "../router.ts";
import { mayRun, me, signOut } from "../session.ts";
import { overall } from "../upload/state.ts";
import { Avatar } from "./basics.tsx";
import { Door, FilmIcon, HomeIcon, Lines, Mark, UploadIcon } from "./icons.tsx";
import { toast } from "./toasts.tsx";

const isOpen = signal(false);

function current(to: string) {
  return path.value === to ? ("page" as const) : undefined;
}

interface MenuProps {
  username: string;
  email: string;
  mayRun: boolean;
}

function AccountMenu({ username, email, mayRun }: MenuProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    isOpen.value = false;
  }, [path.value]);
  useEffect(() => {
    const away = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) isOpen.value = false;
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen.value) return;
    isOpen.value = false;
    box.current?.querySelector("button")?.focus();
  };
  return (
    <div class="account" ref={box} onKeyDown={onKeyDown}>
      <button
        type="button"
        aria-label={`Account of ${username}`}
        aria-expanded={isOpen.value}
        aria-controls="account-menu"
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        <Avatar name={username} />
      </button>
      <div class="account-menu" id="account-menu" hidden={!isOpen.value}>
        <div class="who">
          <strong>{username}</strong>
          <span>{email}</span>
        </div>
        <a href="/videos">
          <FilmIcon /> Your videos
        </a>
        {mayRun && (
          <a href="/queue">
            <Lines /> Queue
          </a>
        )}
        <button type="button" onClick={() => signOut().catch((error) => toast(explain(error)))}>
          <Door /> Sign out
        </button>
      </div>
    </div>
  );
}

/** Uploads go on while one looks around; the way back to them says how far they are. */
function UploadLabel() {
  const percent = overall.value;
  if (percent === null || path.value === "/upload") return <span class="label">Upload</span>;
  return <span class="percent">{percent} %</span>;
}

export function Header() {
  const user = me.value;
  return (
    <header class="site-header">
      <div class="inner">
        <a class="wordmark" href="/" aria-label="Reelay, home">
          <Mark />
          <span class="name">reelay</span>
        </a>
        <nav class="site-nav" aria-label="Main">
          <a href="/" aria-current={current("/")}>
            <HomeIcon /> <span class="label">Feed</span>
          </a>
          {user && (
            <a href="/videos" aria-current={current("/videos")}>
              <FilmIcon /> <span class="label">Your videos</span>
            </a>
          )}
          {user && (
            <a class="button primary icon-only-small" href="/upload" aria-current={current("/upload")}>
              <UploadIcon /> <UploadLabel />
            </a>
          )}
          {user === null && (
            <>
              <a href="/login" aria-current={current("/login")}>
                Sign in
              </a>
              <a class="button primary" href="/register" aria-current={current("/register")}>
                Join
              </a>
            </>
          )}
        </nav>
        {user && <AccountMenu username={user.username} email={user.email} mayRun={mayRun(user)} />}
      </div>
    </header>
  );
}
