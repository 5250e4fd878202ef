/** Talks to the REST API: JSON in, JSON out, and every failure an `ApiError`. */

interface FieldError {
  pointer?: string;
  detail: string;
}

/** A refusal by the server (RFC 9457), or a server that could not be reached (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: Record<string, string>;

  constructor(status: number, code: string, detail: string, fields: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

export function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";

async function send<T>(method: Method, url: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  let answer: Response;
  try {
    answer = await fetch(url, {
      method,
      headers,
      credentials: "same-origin",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "offline", "The server cannot be reached. Check your connection.");
  }
  if (!answer.ok) throw await refusal(answer);
  if (answer.status === 204) return undefined as T;
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

async function refusal(answer: Response): Promise<ApiError> {
  const retry = answer.headers.get("Retry-After");
  const fallback =
    answer.status === 429
      ? `That was a little too fast. Try again ${retry ? `in ${retry} s` : "in a moment"}.`
      : "Something went wrong on the server. Try again in a moment.";
  try {
    const problem = (await answer.json()) as {
      code?: string;
      title?: string;
      detail?: string;
      errors?: FieldError[];
    };
    const fields: Record<string, string> = {};
    for (const error of problem.errors ?? []) {
      const field = (error.pointer ?? "").replace(/^#?\//, "");
      if (field && !fields[field]) fields[field] = error.detail;
    }
    const detail = problem.detail || problem.title || fallback;
    return new ApiError(answer.status, problem.code ?? "error", detail, fields);
  } catch {
    return new ApiError(answer.status, "error", fallback);
  }
}

export const api = {
  get: <T>(url: string) => send<T>("GET", url),
  post: <T>(url: string, body: unknown = {}) => send<T>("POST", url, body),
  patch: <T>(url: string, body: unknown) => send<T>("PATCH", url, body),
  delete: <T = void>(url: string) => send<T>("DELETE", url),
};

/** A sentence for people about any failure. */
export function explain(error: unknown): string {
  return error instanceof ApiError ? error.message : "Something went wrong. Try again.";
}

/** The `next` of a page is absolute; keep to our own origin, whatever proxy is in between. */
export function samePath(url: string): string {
  const parsed = new URL(url, location.href);
  return parsed.pathname + parsed.search;
}
