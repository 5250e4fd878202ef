/** How far each rendition is: the upload bar's second life. */

import type { Progress } from "../api/types.ts";

interface Props {
  made: Progress | null;
  title?: string;
}

export function Making({ made, title }: Props) {
  const renditions = made?.renditions ?? [];
  if (made?.status === "completed") return null;
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
