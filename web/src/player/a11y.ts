/** What axe-core finds in media-chrome 4.19, mended from outside. */

const MENUS = "media-settings-menu, media-playback-rate-menu, media-rendition-menu, media-captions-menu";

export function mendControls(root: ParentNode): () => void {
  const observers: MutationObserver[] = [];
  const captions = root.querySelector("media-captions-button");
  if (captions) observers.push(pressedNotChecked(captions));
  for (const menu of root.querySelectorAll<HTMLElement>(MENUS)) mendBackButton(menu);
  void customElements.whenDefined("media-preview-thumbnail").then(() => {
    const image = root.querySelector("media-preview-thumbnail")?.shadowRoot?.querySelector("img");
    if (image) image.alt = "";
  });
  return () => observers.forEach((observer) => observer.disconnect());
}

/** A button that is on or off is pressed; `aria-checked` belongs to other roles. */
function pressedNotChecked(button: Element): MutationObserver {
  const mend = () => {
    const value = button.getAttribute("aria-checked");
    if (value === null) return;
    button.removeAttribute("aria-checked");
    button.setAttribute("aria-pressed", value);
  };
  const observer = new MutationObserver(mend);
  observer.observe(button, { attributes: true, attributeFilter: ["aria-checked"] });
  mend();
  return observer;
}

/** A menu holds menu items only, and the way back has to have a name. */
function mendBackButton(menu: HTMLElement): void {
  const title = menu.querySelector("[slot=title]")?.textContent;
  for (const button of menu.shadowRoot?.querySelectorAll("button") ?? []) {
    button.setAttribute("role", "menuitem");
    button.setAttribute("aria-label", title ? `${title}, back` : "Back");
  }
}
