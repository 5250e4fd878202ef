/** Sign in and join. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, explain } from "../api/client.ts";
import { PageTitle } from "../parts/basics.tsx";
import { navigate, nextPath, query } from "../router.ts";
import { me, register, signIn } from "../session.ts";

interface FieldProps {
  name: string;
  label: string;
  type?: "text" | "email" | "password";
  autocomplete: string;
  hint?: string;
  error?: string;
}

function Field({ name, label, type = "text", autocomplete, hint, error }: FieldProps) {
  const [isShown, setShown] = useState(false);
  const isPassword = type === "password";
  const described = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(" ");
  const input = (
    <input
      class="input"
      id={name}
      name={name}
      type={(isPassword && isShown ? "text" : type) as "text"}
      autoComplete={autocomplete}
      autoCapitalize="none"
      spellcheck={false}
      required
      aria-invalid={error ? true : undefined}
      aria-describedby={described || undefined}
    />
  );
  return (
    <div class="field">
      <label for={name}>{label}</label>
      {isPassword ? (
        <div class="with-toggle">
          {input}
          <button type="button" aria-pressed={isShown} onClick={() => setShown(!isShown)}>
            {isShown ? "Hide" : "Show"}
            <span class="visually-hidden"> password</span>
          </button>
        </div>
      ) : (
        input
      )}
      {hint && (
        <span class="hint" id={`${name}-hint`}>
          {hint}
        </span>
      )}
      {error && (
        <span class="field-error" id={`${name}-error`}>
          {error}
        </span>
      )}
    </div>
  );
}

/** Submitting, refusals shown at their field, the focus on the first of them. */
function useForm(submit: (values: Record<string, string>) => Promise<void>) {
  const form = useRef<HTMLFormElement>(null);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    if (!refused) return;
    const first = form.current?.querySelector<HTMLElement>("[aria-invalid], .form-error");
    first?.focus();
  }, [refused]);
  const onSubmit = async (event: Event) => {
    event.preventDefault();
    if (isBusy || !form.current) return;
    setBusy(true);
    setRefused(null);
    try {
      await submit(Object.fromEntries(new FormData(form.current)) as Record<string, string>);
      navigate(nextPath(), { replace: true });
    } catch (error) {
      setRefused(error instanceof ApiError ? error : new ApiError(0, "error", explain(error)));
    } finally {
      setBusy(false);
    }
  };
  const fields = refused?.fields ?? {};
  const names = [...(form.current?.elements ?? [])].map((each) => (each as HTMLInputElement).name);
  const isPlaced = Object.keys(fields).some((name) => names.includes(name));
  const general = refused && !isPlaced ? Object.values(fields)[0] ?? refused.message : null;
  return { form, fields, general, isBusy, onSubmit };
}

function GeneralError({ text }: { text: string | null }) {
  return (
    <div role="alert">
      {text && (
        <p class="form-error" tabIndex={-1}>
          {text}
        </p>
      )}
    </div>
  );
}

function useGuestsOnly() {
  useEffect(() => {
    if (me.value) navigate(nextPath(), { replace: true });
  }, []);
}

export function SignIn() {
  useGuestsOnly();
  const { form, fields, general, isBusy, onSubmit } = useForm((values) =>
    signIn(values.login ?? "", values.password ?? ""),
  );
  return (
    <div class="content">
      <div class="sign">
        <header>
          <PageTitle>Sign in</PageTitle>
          <p>Good to see you again.</p>
        </header>
        <form ref={form} onSubmit={onSubmit} noValidate={false}>
          <GeneralError text={general} />
          <Field name="login" label="Username or e-mail" autocomplete="username" error={fields.login} />
          <Field
            name="password"
            label="Password"
            type="password"
            autocomplete="current-password"
            error={fields.password}
          />
          <button class="button primary" aria-disabled={isBusy}>
            {isBusy ? "Signing in…" : "Sign in"}
          </button>
        </form>
        <p class="aside">
          New here? <a href={`/register${query.value}`}>Create an account</a>
        </p>
      </div>
    </div>
  );
}

export function Register() {
  useGuestsOnly();
  const { form, fields, general, isBusy, onSubmit } = useForm((values) =>
    register(values.username ?? "", values.email ?? "", values.password ?? ""),
  );
  return (
    <div class="content">
      <div class="sign">
        <header>
          <PageTitle>Create an account</PageTitle>
          <p>Upload a video and it plays seconds later, on every screen that watches.</p>
        </header>
        <form ref={form} onSubmit={onSubmit}>
          <GeneralError text={general} />
          <Field
            name="username"
            label="Username"
            autocomplete="username"
            hint="Everybody sees it beside what you post."
            error={fields.username}
          />
          <Field name="email" label="E-mail" type="email" autocomplete="email" error={fields.email} />
          <Field
            name="password"
            label="Password"
            type="password"
            autocomplete="new-password"
            hint="A few random words are better than a short riddle."
            error={fields.password}
          />
          <button class="button primary" aria-disabled={isBusy}>
            {isBusy ? "Creating your account…" : "Create account"}
          </button>
        </form>
        <p class="aside">
          Already here? <a href={`/login${query.value}`}>Sign in</a>
        </p>
      </div>
    </div>
  );
}
