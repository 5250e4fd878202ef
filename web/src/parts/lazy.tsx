/** Pages that are loaded when they are first shown. */

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Blank, Busy } from "./basics.tsx";

export function lazy<P extends object>(load: () => Promise<{ default: ComponentType<P> }>) {
  let loaded: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [Page, setPage] = useState<ComponentType<P> | null>(() => loaded);
    const [hasFailed, setFailed] = useState(false);
    useEffect(() => {
      if (Page) return;
      load().then(
        (module) => {
          loaded = module.default;
          setPage(() => module.default);
        },
        () => setFailed(true),
      );
    }, []);
    if (hasFailed) {
      return (
        <Blank
          title="This page did not load"
          actions={
            <button type="button" class="button primary" onClick={() => location.reload()}>
              Reload
            </button>
          }
        >
          The connection broke, or Reelay was updated a moment ago.
        </Blank>
      );
    }
    return Page ? <Page {...props} /> : <Busy />;
  };
}
