/** What people say about a video or a post: the fields of every form that asks for it. */

import type { Visibility } from "../api/types.ts";

export interface Details {
  title: string;
  text: string;
  visibility: Visibility;
}

const CHOICES: [Visibility, string][] = [
  ["public", "Everyone"],
  ["unlisted", "Everyone with the link"],
  ["private", "Only you"],
];

/** Who that is, to stand behind a "Now," or an "Once saved,". */
export function whoSees(visibility: Visibility, isPosted: boolean): string {
  return {
    public: `everybody can watch it${isPosted ? " and finds it on the front page" : ""}.`,
    unlisted: "whoever has the link can watch it.",
    followers: "your followers can watch it.",
    private: "only you can watch it.",
  }[visibility];
}

interface Props {
  /** Begins the ids of the fields: unique on the page. */
  id: string;
  details: Details;
  onChange(part: Partial<Details>): void;
  /** What the choice of who can see it comes to. */
  hint: string;
  hasTitle?: boolean;
  hasCaption?: boolean;
  isCaptionOff?: boolean;
}

export function DetailsFields({
  id,
  details,
  onChange,
  hint,
  hasTitle = true,
  hasCaption = true,
  isCaptionOff = false,
}: Props) {
  // Nobody can choose followers here yet, but programs can.
  const isOther = !CHOICES.some(([value]) => value === details.visibility);
  const choices = isOther ? [...CHOICES, [details.visibility, "Followers"] as const] : CHOICES;
  return (
    <>
      {hasTitle && (
        <div class="field">
          <label for={`${id}-title`}>Title</label>
          <input
            class="input"
            id={`${id}-title`}
            maxLength={200}
            value={details.title}
            onInput={(event) => onChange({ title: event.currentTarget.value })}
          />
        </div>
      )}
      <div class="field">
        <label for={`${id}-who`}>Who can see it</label>
        <select
          class="input"
          id={`${id}-who`}
          aria-describedby={`${id}-who-hint`}
          value={details.visibility}
          onChange={(event) => onChange({ visibility: event.currentTarget.value as Visibility })}
        >
          {choices.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <p class="hint wide" id={`${id}-who-hint`}>
        {hint}
      </p>
      {hasCaption && (
        <div class="field wide">
          <label for={`${id}-text`}>Caption</label>
          <textarea
            class="input"
            id={`${id}-text`}
            maxLength={5000}
            value={details.text}
            placeholder="What is it about?"
            disabled={isCaptionOff}
            onInput={(event) => onChange({ text: event.currentTarget.value })}
          />
        </div>
      )}
    </>
  );
}
