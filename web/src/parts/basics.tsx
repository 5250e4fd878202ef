/** The smallest pieces that every page is made of. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { hasNavigated } from "../router.ts";
import { age, fullDate } from "./format.ts";
import { Spinner } from "./icons.tsx";

/** The page's one `h1`: names the tab, and takes the focus after a change of route. */
export function PageTitle({ children, tab }: { children: ComponentChildren; tab?: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (hasNavigated) heading.current?.focus({ preventScroll: true });
  }, []);
  const name = tab ?? (typeof children === "string" ? children : "");
  useEffect(() => {
    document.title = name ? `${name} · Reelay` : "Reelay";
  }, [name]);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}

export function Avatar({ name }: { name: string }) {
  let hue = 7;
  for (const letter of name) hue = (hue * 31 + letter.charCodeAt(0)) % 360;
  return (
    <span class="avatar" style={{ "--hue": String(hue) }} aria-hidden="true">
      {name.slice(0, 1)}
    </span>
  );
}

export function Age({ of }: { of: string }) {
  return (
    <time dateTime={of} title={fullDate(of)}>
      {age(of)}
    </time>
  );
}

export function Busy({ label = "Loading" }: { label?: string }) {
  return (
    <div class="blank" role="status">
      <span class="spin">
        <Spinner size={28} />
      </span>
      <span class="visually-hidden">{label}</span>
    </div>
  );
}

interface BlankProps {
  title: string;
  children: ComponentChildren;
  actions?: ComponentChildren;
}

/** A page that has nothing to show, and says what to do about it. */
export function Blank({ title, children, actions }: BlankProps) {
  return (
    <div class="blank">
      <PageTitle>{title}</PageTitle>
      <p>{children}</p>
      {actions && <div class="actions">{actions}</div>}
    </div>
  );
}
