/** Small line icons of our own, 20 px, drawn on a 24 grid. */

import type { ComponentChildren } from "preact";

function icon(children: ComponentChildren) {
  return function Icon({ size = 20 }: { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        stroke-width="1.9"
        stroke-linecap="round"
        stroke-linejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {children}
      </svg>
    );
  };
}

export const Heart = icon(
  <path d="M12 20s-7.5-4.6-7.5-10.2A4.3 4.3 0 0 1 12 7.1a4.3 4.3 0 0 1 7.5 2.7C19.5 15.4 12 20 12 20Z" />,
);
export const Speech = icon(
  <path d="M20 11.5c0 4-3.6 7-8 7-1 0-2-.2-2.9-.5L4.5 19.5l1.3-3.3A6.6 6.6 0 0 1 4 11.5c0-4 3.6-7 8-7s8 3 8 7Z" />,
);
export const UploadIcon = icon(<path d="M12 15V4.5m0 0L7.8 8.7M12 4.5l4.2 4.2M4.5 15.5v2a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-2" />);
export const DownloadIcon = icon(<path d="M12 4.5V15m0 0 4.2-4.2M12 15l-4.2-4.2M4.5 15.5v2a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-2" />);
export const HomeIcon = icon(<path d="M4.5 10.6 12 4.3l7.5 6.3v7.4a1.5 1.5 0 0 1-1.5 1.5h-3.6v-5.4H9.6v5.4H6a1.5 1.5 0 0 1-1.5-1.5Z" />);
export const FilmIcon = icon(
  <>
    <rect x="3.8" y="5" width="16.4" height="14" rx="2.4" />
    <path d="m10.4 9.3 4.4 2.7-4.4 2.7Z" />
  </>,
);
export const Play = icon(<path d="M8 5.3v13.4L18.6 12Z" />);
export const Pause = icon(<path d="M8.5 5.5v13m7-13v13" />);
export const Cross = icon(<path d="m6.5 6.5 11 11m0-11-11 11" />);
export const Bin = icon(<path d="M4.8 7h14.4M9.5 7V5.2c0-.5.4-.9.9-.9h3.2c.5 0 .9.4.9.9V7m2.9 0-.7 11a1.6 1.6 0 0 1-1.6 1.5H8.9A1.6 1.6 0 0 1 7.3 18L6.6 7m3.6 4v4.6m3.6-4.6v4.6" />);
export const Pen = icon(<path d="m5 19 .9-3.8L15.6 5.5a2 2 0 0 1 2.9 2.9l-9.7 9.7L5 19Zm8.9-11.8 2.9 2.9" />);
export const Again = icon(<path d="M19.2 12a7.2 7.2 0 1 1-2.2-5.2L19.2 9m0-4.6V9h-4.6" />);
export const Door = icon(<path d="M13.5 4.5H7a1.5 1.5 0 0 0-1.5 1.5v12A1.5 1.5 0 0 0 7 19.5h6.5M11 12h9.5m0 0-3.4-3.4m3.4 3.4-3.4 3.4" />);
export const Lock = icon(
  <>
    <rect x="5.2" y="10.6" width="13.6" height="9" rx="2" />
    <path d="M8.4 10.6V8a3.6 3.6 0 0 1 7.2 0v2.6" />
  </>,
);
export const Note = icon(
  <>
    <path d="M9.2 17V6.2l9.6-1.9v10.6" />
    <circle cx="6.9" cy="17" r="2.3" />
    <circle cx="16.5" cy="14.9" r="2.3" />
  </>,
);
export const LinkIcon = icon(<path d="M10 13.8a3.6 3.6 0 0 0 5.3.3l2.9-2.9a3.7 3.7 0 0 0-5.2-5.2l-1.3 1.3m2.3 2.9a3.6 3.6 0 0 0-5.3-.3l-2.9 2.9a3.7 3.7 0 0 0 5.2 5.2l1.3-1.3" />);
export const Lines = icon(<path d="M8.5 6.5h11m-11 5.5h11m-11 5.5h11M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01" />);
export const Up = icon(<path d="M12 19V5m0 0-5.5 5.5M12 5l5.5 5.5" />);
export const Spinner = icon(<path d="M12 4.2a7.8 7.8 0 1 1-7.8 7.8" />);
export const Check = icon(<path d="m5 12.6 4.6 4.6L19.2 7.3" />);
export const Alert = icon(<path d="M12 8.4v4.4m0 3.2v.1M10.4 4.8 3.6 16.7a1.8 1.8 0 0 0 1.6 2.8h13.6a1.8 1.8 0 0 0 1.6-2.8L13.6 4.8a1.9 1.9 0 0 0-3.2 0Z" />);

/** The mark: a reel that hands its light over, to the right. */
export function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" fill="var(--accent)" />
      <path d="M7.5 9.2c0-1 1.1-1.7 2-1.1l8.6 6.6c.8.6.8 1.9 0 2.5l-8.6 6.7c-.9.6-2 0-2-1.1Z" fill="var(--on-accent)" />
      <path
        d="M17.8 8.6 25 14.5c.9.8.9 2.2 0 3L17.8 23.4"
        fill="none"
        stroke="var(--on-accent)"
        stroke-width="2.6"
        stroke-linecap="round"
        stroke-linejoin="round"
        opacity="0.62"
      />
    </svg>
  );
}
