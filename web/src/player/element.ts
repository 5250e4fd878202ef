/** `<reelay-player>`: picture, controls and an engine behind them, usable on any page of ours. */

import "media-tracks/polyfill";
import "media-chrome";
import "media-chrome/menu";
import "./player.css";
import { h, render } from "preact";
import { SeekWave } from "../parts/waveform.tsx";
import { mendControls } from "./a11y.ts";
import type { Engine, Made, Quality, Trouble } from "./engine.ts";
import { HlsEngine } from "./hls-engine.ts";
import {
  correction,
  isStableVolume,
  Levelled,
  type Loudness,
  rememberStableVolume,
} from "./loudness.ts";
import { NativeEngine } from "./native-engine.ts";

/** media-tracks gives media elements the lists that media-chrome's quality menu reads. */
interface TracksVideo extends HTMLVideoElement {
  addVideoTrack(kind: string): VideoTrackLike;
  removeVideoTrack(track: VideoTrackLike): void;
  videoRenditions: EventTarget & { selectedIndex: number };
}
interface VideoTrackLike {
  selected: boolean;
  addRendition(
    src: string,
    width: number,
    height: number,
    codec: string,
    bitrate: number,
  ): { id: string };
}

const CONTROLS = `
<media-controller hotkeys keyboardforwardseekoffset="5" keyboardbackwardseekoffset="5">
  <video slot="media" playsinline preload="auto"></video>
  <media-loading-indicator slot="centered-chrome" noautohide></media-loading-indicator>
  <div class="wave" slot="centered-chrome" noautohide></div>
  <media-settings-menu hidden anchor="auto">
    <media-settings-menu-item>Quality
      <media-rendition-menu slot="submenu" hidden><div slot="title">Quality</div></media-rendition-menu>
    </media-settings-menu-item>
    <media-settings-menu-item>Speed
      <media-playback-rate-menu slot="submenu" hidden rates="0.5 0.75 1 1.25 1.5 2"><div slot="title">Speed</div></media-playback-rate-menu>
    </media-settings-menu-item>
    <media-settings-menu-item>Subtitles
      <media-captions-menu slot="submenu" hidden><div slot="title">Subtitles</div></media-captions-menu>
    </media-settings-menu-item>
    <media-settings-menu-item type="checkbox" class="stable">Stable volume<span slot="suffix"></span></media-settings-menu-item>
  </media-settings-menu>
  <media-control-bar class="seek">
    <media-time-range><media-preview-thumbnail slot="preview"></media-preview-thumbnail><media-preview-time-display slot="preview"></media-preview-time-display></media-time-range>
  </media-control-bar>
  <media-control-bar class="buttons">
    <media-play-button></media-play-button>
    <media-seek-backward-button class="wide" seekoffset="10"></media-seek-backward-button>
    <media-seek-forward-button class="wide" seekoffset="10"></media-seek-forward-button>
    <media-mute-button></media-mute-button>
    <media-volume-range class="wide"></media-volume-range>
    <media-time-display showduration notoggle></media-time-display>
    <span class="gap"></span>
    <media-captions-button notooltip></media-captions-button>
    <media-settings-menu-button><svg slot="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M19.4 13a7.6 7.6 0 0 0 0-2l2-1.6-2-3.4-2.4 1a7.4 7.4 0 0 0-1.7-1L15 3.5h-4l-.4 2.5a7.4 7.4 0 0 0-1.7 1l-2.4-1-2 3.4 2 1.6a7.6 7.6 0 0 0 0 2l-2 1.6 2 3.4 2.4-1a7.4 7.4 0 0 0 1.7 1l.4 2.5h4l.4-2.5a7.4 7.4 0 0 0 1.7-1l2.4 1 2-3.4ZM13 15.3a3.3 3.3 0 1 1 0-6.6 3.3 3.3 0 0 1 0 6.6Z"/></svg></media-settings-menu-button>
    <media-pip-button class="wide"></media-pip-button>
    <media-fullscreen-button></media-fullscreen-button>
  </media-control-bar>
</media-controller>
<div class="trouble" role="alertdialog" aria-labelledby="trouble-title" hidden>
  <h2 id="trouble-title"></h2>
  <p></p>
  <button type="button" class="button primary">Try again</button>
</div>`;

const WORDS: Record<Trouble, [string, string]> = {
  gone: ["This link has run out", "Ask for the video again to go on where you were."],
  lost: ["This part of the video is lost", "The server has no file left to make it from."],
  network: ["The video does not arrive", "The connection broke, or the server is busy."],
  media: ["This part cannot be played", "Your browser could not make sense of it."],
};

export class ReelayPlayer extends HTMLElement {
  private engine: Engine | null = null;
  private source = "";
  /** The link that a new one was asked for. */
  private renewedFor = "";
  private made: readonly Made[] = [];
  private isComplete = false;
  private levelled: Levelled | null = null;
  private readonly stableWatch = new MutationObserver(() => this.onStable());
  private loudness: Loudness | null = null;
  private waveform: string | null = null;
  private storyboard: string | null = null;
  private track: VideoTrackLike | null = null;
  private stopMending: (() => void) | null = null;

  connectedCallback(): void {
    if (!this.firstElementChild) this.innerHTML = CONTROLS;
    this.stopMending = mendControls(this);
    this.video.poster = this.getAttribute("poster") ?? "";
    this.video.videoRenditions.addEventListener("change", this.onQualityChosen);
    this.trouble.querySelector("button")!.onclick = () => this.tryAgain();
    document.addEventListener("keydown", this.onPageKey);
    this.listStills();
    this.levelled ??= new Levelled(this.video);
    this.stable.setAttribute("aria-checked", String(isStableVolume()));
    this.stableWatch.observe(this.stable, { attributeFilter: ["aria-checked"] });
    this.level(this.loudness);
    this.drawWave();
    if (this.source) this.start();
  }

  disconnectedCallback(): void {
    this.stopMending?.();
    this.video.videoRenditions.removeEventListener("change", this.onQualityChosen);
    document.removeEventListener("keydown", this.onPageKey);
    this.stableWatch.disconnect();
    this.levelled?.release();
    render(null, this.wave);
    this.stop();
  }

  get video(): TracksVideo {
    return this.querySelector("video") as TracksVideo;
  }

  private get stable(): HTMLElement {
    return this.querySelector<HTMLElement>(".stable")!;
  }

  private get wave(): HTMLElement {
    return this.querySelector<HTMLElement>(".wave")!;
  }

  private get trouble(): HTMLElement {
    return this.querySelector<HTMLElement>(".trouble")!;
  }

  /** Play `playlistUrl`. The same video under a newer link goes on where it was. */
  load(playlistUrl: string, posterUrl: string | null): void {
    if (posterUrl) this.setAttribute("poster", posterUrl);
    if (this.isConnected && posterUrl && !this.video.poster) this.video.poster = posterUrl;
    if (playlistUrl === this.source) {
      if (this.renewedFor === playlistUrl) this.showTrouble("gone");
      return;
    }
    const at = this.source && this.isConnected ? this.video.currentTime : 0;
    this.source = playlistUrl;
    if (!this.isConnected) return;
    this.start();
    if (at > 0) this.engine?.seek(at);
  }

  /** Say what exists now, and whether that is all there will be. */
  offer(made: readonly Made[], isComplete: boolean): void {
    this.made = made;
    this.isComplete = isComplete;
    this.engine?.offer(made, isComplete);
  }

  /** Show stills of the storyboard where the time range is pointed at; null where there is none. */
  preview(storyboardUrl: string | null): void {
    this.storyboard = storyboardUrl;
    if (this.isConnected) this.listStills();
  }

  /** Turn down what is loud, unless the person does not want that. */
  level(loudness: Loudness | null): void {
    this.loudness = loudness;
    const isStable = this.stable.getAttribute("aria-checked") !== "false";
    this.levelled?.correct(correction(loudness, isStable));
  }

  /** Show the waveform of a sound in the place of its picture. */
  draw(waveformUrl: string): void {
    this.waveform = waveformUrl;
    if (this.isConnected) this.drawWave();
  }

  private drawWave(): void {
    const { waveform, video } = this;
    if (waveform) render(h(SeekWave, { url: waveform, video }), this.wave);
  }

  private onStable(): void {
    rememberStableVolume(this.stable.getAttribute("aria-checked") === "true");
    this.level(this.loudness);
  }

  /** media-chrome looks for a track with this label. */
  private listStills(): void {
    const { storyboard, video } = this;
    video.querySelector("track[label=thumbnails]")?.remove();
    if (!storyboard) return;
    const track = document.createElement("track");
    Object.assign(track, { kind: "metadata", label: "thumbnails", default: true, src: storyboard });
    video.append(track);
    track.track.mode = "hidden";
  }

  private start(): void {
    this.stop();
    this.trouble.hidden = true;
    const Chosen = HlsEngine.isSupported() ? HlsEngine : NativeEngine;
    this.engine = new Chosen(this.video, {
      onQualities: (qualities) => this.listQualities(qualities),
      onTrouble: (trouble) => this.onTrouble(trouble),
    });
    this.engine.offer(this.made, this.isComplete);
    this.engine.load(`${this.source}?planned=1`);
  }

  private stop(): void {
    this.engine?.destroy();
    this.engine = null;
    if (this.track) this.video.removeVideoTrack(this.track);
    this.track = null;
  }

  private listQualities(qualities: Quality[]): void {
    if (this.track) this.video.removeVideoTrack(this.track);
    this.track = this.video.addVideoTrack("main");
    this.track.selected = true;
    for (const { id, width, height, codec, bitrate } of qualities) {
      this.track.addRendition(id, width, height, codec, bitrate).id = id;
    }
  }

  private readonly onQualityChosen = (): void => {
    const index = this.video.videoRenditions.selectedIndex;
    this.engine?.choose(index < 0 ? null : String(index));
  };

  /** A link that has run out is renewed without a word; only if that fails, too, it is said. */
  private onTrouble(trouble: Trouble): void {
    if (trouble === "gone" && this.renewedFor !== this.source) {
      this.renewedFor = this.source;
      this.dispatchEvent(new CustomEvent("expired"));
      return;
    }
    this.showTrouble(trouble);
  }

  private showTrouble(trouble: Trouble): void {
    const [title, text] = WORDS[trouble];
    this.trouble.querySelector("h2")!.textContent = title;
    this.trouble.querySelector("p")!.textContent = text;
    this.trouble.dataset.trouble = trouble;
    this.trouble.hidden = false;
    this.trouble.querySelector("button")!.focus();
  }

  private tryAgain(): void {
    this.trouble.hidden = true;
    if (this.trouble.dataset.trouble === "gone") {
      // The page asks the API, which answers with a new link or says why there is none.
      this.dispatchEvent(new CustomEvent("expired"));
      return;
    }
    this.engine?.retry();
    void this.video.play().catch(() => undefined);
    this.querySelector<HTMLElement>("media-play-button")?.focus();
  }

  /** Keys that work wherever nothing else wants them: k, j, l, m, f. */
  private readonly onPageKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (this.contains(target) || target.closest("input, textarea, select, [contenteditable]")) return;
    const { video } = this;
    const act = {
      k: () => void (video.paused ? video.play().catch(() => undefined) : video.pause()),
      j: () => this.engine?.seek(Math.max(0, video.currentTime - 10)),
      l: () => this.engine?.seek(Math.min(video.duration || 0, video.currentTime + 10)),
      m: () => (video.muted = !video.muted),
      f: () => this.querySelector<HTMLElement>("media-fullscreen-button")?.click(),
    }[event.key];
    act?.();
  };
}

customElements.define("reelay-player", ReelayPlayer);
