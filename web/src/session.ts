/** Who is signed in. The shell says so in the page, so that nothing flickers. */

import { signal } from "@preact/signals";
import { api } from "./api/client.ts";
import type { Config, Me } from "./api/types.ts";
import { live } from "./live/index.ts";
import { navigate } from "./router.ts";

interface Bootstrap {
  me?: Me | null;
}

function bootstrap(): Bootstrap {
  const element = document.getElementById("bootstrap");
  return element?.textContent ? (JSON.parse(element.textContent) as Bootstrap) : {};
}

/** `undefined` until known, `null` for a guest. */
export const me = signal<Me | null | undefined>(bootstrap().me);

export async function loadMe(): Promise<void> {
  if (me.value !== undefined) return;
  try {
    me.value = await api.get<Me>("/api/me/");
  } catch {
    me.value = null;
  }
}

export async function signIn(login: string, password: string): Promise<void> {
  await api.post("/api/login/", { login, password, session: true });
  me.value = await api.get<Me>("/api/me/");
  live.reconnect();
}

export async function register(username: string, email: string, password: string): Promise<void> {
  await api.post("/api/register/", { username, email, password });
  await signIn(username, password);
}

export async function signOut(): Promise<void> {
  await api.post("/api/logout/");
  me.value = null;
  live.reconnect();
  navigate("/");
}

/** Whether somebody is one of those who run the instance. */
export function mayRun(user: Me): boolean {
  return user.role === "admin" || user.role === "super_admin";
}

let config: Promise<Config> | undefined;

/** The limits of this server; asked for once. */
export function serverConfig(): Promise<Config> {
  config ??= api.get<Config>("/api/config/").catch((error: unknown) => {
    config = undefined;
    throw error;
  });
  return config;
}
