/** A question before something that cannot be undone. */

import { useEffect, useRef } from "preact/hooks";

interface Props {
  title: string;
  text: string;
  action: string;
  onAnswer(isYes: boolean): void;
}

export function Confirm({ title, text, action, onAnswer }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      class="confirm"
      ref={dialog}
      aria-labelledby="confirm-title"
      aria-describedby="confirm-text"
      onClose={() => onAnswer(dialog.current?.returnValue === "yes")}
    >
      <form method="dialog">
        <h2 id="confirm-title">{title}</h2>
        <p id="confirm-text">{text}</p>
        <div class="row-actions">
          <button class="button" value="no">
            Keep it
          </button>
          <button class="button danger" value="yes">
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}
