/** Short notices at the foot of the page; read out politely, gone after a while. */

import { signal } from "@preact/signals";
import { Cross } from "./icons.tsx";

interface Toast {
  id: number;
  text: string;
}

const toasts = signal<Toast[]>([]);
const SHOWN_MS = 6000;
let next = 0;

export function toast(text: string): void {
  const id = ++next;
  toasts.value = [...toasts.value.slice(-2), { id, text }];
  setTimeout(() => dismiss(id), SHOWN_MS);
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((each) => (
        <div class="toast" key={each.id}>
          <span>{each.text}</span>
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(each.id)}>
            <Cross size={16} />
          </button>
        </div>
      ))}
    </div>
  );
}
