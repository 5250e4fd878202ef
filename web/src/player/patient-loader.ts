/** hls.js's loader, waiting as long as the server says where a segment is still being made. */

import Hls, {
  type Loader,
  type LoaderCallbacks,
  type LoaderConfiguration,
  type LoaderContext,
  type LoaderStats,
} from "hls.js";

const ATTEMPTS = 20;
const WAIT_DEFAULT_SECONDS = 1;
const WAIT_MAX_SECONDS = 10;
/** How long our server is asked to hold a request for a segment that is still being made. */
export const HOLD_SECONDS = 20;
/** A link takes so long until the first byte at most; longer, and the server was still making it. */
const LINK_MS = 500;

type Inner = Loader<LoaderContext>;

export class PatientLoader implements Inner {
  private readonly make: () => Inner;
  private inner: Inner;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(config: object) {
    const Base = Hls.DefaultConfig.loader as unknown as new (config: object) => Inner;
    this.make = () => new Base(config);
    this.inner = this.make();
  }

  get stats(): LoaderStats {
    return this.inner.stats;
  }
  set stats(stats: LoaderStats) {
    this.inner.stats = stats;
  }
  get context(): LoaderContext | null {
    return this.inner.context;
  }
  set context(context: LoaderContext | null) {
    this.inner.context = context;
  }

  load(
    context: LoaderContext,
    config: LoaderConfiguration,
    callbacks: LoaderCallbacks<LoaderContext>,
    attempt = 1,
  ): void {
    // Elsewhere the header would cost a question ahead of each request (CORS).
    if ("frag" in context && new URL(context.url, location.href).origin === location.origin) {
      context.headers = { ...context.headers, Prefer: `wait=${HOLD_SECONDS}` };
    }
    const onError: typeof callbacks.onError = (error, where, details, stats) => {
      if (error.code !== 503 || attempt >= ATTEMPTS) {
        callbacks.onError(error, where, details, stats);
        return;
      }
      const asked = Number(this.getResponseHeader("Retry-After")) || WAIT_DEFAULT_SECONDS;
      this.timer = setTimeout(() => {
        this.inner.destroy();
        this.inner = this.make();
        this.load(context, config, callbacks, attempt + 1);
      }, Math.min(asked, WAIT_MAX_SECONDS) * 1000);
    };
    const onSuccess: typeof callbacks.onSuccess = (response, stats, where, details) => {
      // Else hls.js took the link for a slow one, and the picture would not sharpen.
      stats.loading.start = Math.max(stats.loading.start, stats.loading.first - LINK_MS);
      callbacks.onSuccess(response, stats, where, details);
    };
    this.inner.load(context, config, { ...callbacks, onError, onSuccess });
  }

  abort(): void {
    clearTimeout(this.timer);
    this.inner.abort();
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.inner.destroy();
  }

  getCacheAge(): number | null {
    return this.inner.getCacheAge?.() ?? null;
  }

  getResponseHeader(name: string): string | null {
    return this.inner.getResponseHeader?.(name) ?? null;
  }
}
