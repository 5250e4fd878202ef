/** How far each rendition is: the upload bar's second life. */

import type { Progress } from "../api/types.ts";
import { queueWords } from "./queue-words.ts";

interface Props {
  made: Progress | null;
  title?: string;
}

export function Making({ made, title }: Props) {
  const renditions = made?.renditions ?? [];
  if (made?.status === "completed") return null;
  const words = queueWords(made?.status ?? "", made?.queue);
  const percent = Math.floor(made?.progress_percent ?? 0);
  return (
    <div class="making" data-testid="making">
      {title && <p class="making-title">{title}</p>}
      <div class="row-bar">
        <progress
          class="bar"
          max={100}
          value={made?.playlist_url ? percent : undefined}
          aria-label="Encoding, all qualities"
        />
        <span class="row-percent">{made?.playlist_url ? `${percent} %` : "…"}</span>
      </div>
      {words && <p class="making-title">{words}</p>}
      {renditions.length > 0 && (
        <ul class="rungs">
          {renditions.map(({ name, progress_percent }) => (
            <li key={name} class={progress_percent >= 100 ? "done" : ""}>
              <span>{name === "audio" ? "Sound" : name}</span>
              <progress
                class="bar"
                max={100}
                value={progress_percent}
                aria-label={`Encoding ${name}`}
              />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
