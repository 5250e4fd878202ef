/** Says when the page is no longer live; silent for the hiccups that nobody would notice. */

import { useEffect, useState } from "preact/hooks";
import { liveStatus } from "../live/index.ts";

const PATIENCE_MS = 2500;

export function ConnectionChip() {
  const status = liveStatus.value;
  const isFine = status === "live" || status === "idle";
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (isFine) {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [isFine]);
  return (
    <div role="status">
      {isLate && !isFine && (
        <span class="chip busy connection">
          <span class="dot" /> {navigator.onLine ? "Reconnecting…" : "You are offline"}
        </span>
      )}
    </div>
  );
}
