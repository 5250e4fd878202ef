/** Pages for members send guests to sign in, and back afterwards. */

import { useEffect } from "preact/hooks";
import type { Me } from "../api/types.ts";
import { navigate, path } from "../router.ts";
import { me } from "../session.ts";

export function useSignedIn(): Me | null {
  const user = me.value;
  useEffect(() => {
    if (user !== null) return;
    navigate(`/login?next=${encodeURIComponent(path.value)}`, { replace: true });
  }, [user]);
  return user ?? null;
}
