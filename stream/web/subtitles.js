/** Subtitles: the languages that come, and the one of them that is shown under the captions. */

import { element } from "./roll.js";
import { Lines } from "./stage.js";
import { Track } from "./track.js";

const LANGUAGES = 32;
const SHOWN = 2;

/** A menu that grows by what is heard, and a lane for what is chosen in it. */
export class Subtitles {
  #parts;
  #lines;
  #tracks = new Map();
  #wished;

  /**
   * `menu`, `label`, `lane` and `lines` are elements; `wished` is a language to show as soon as it
   * comes; `chosen` is told each choice.
   */
  constructor({ wished, chosen, ...parts }) {
    this.#parts = parts;
    this.#wished = wished;
    this.#lines = new Lines(parts.lines);
    parts.menu.addEventListener("change", () => {
      this.#wished = parts.menu.value;
      parts.lane.hidden = !this.#wished;
      chosen(this.#wished);
    });
  }

  add(translation) {
    const { language } = translation;
    if (!this.#tracks.has(language)) {
      if (this.#tracks.size >= LANGUAGES) return;
      this.#tracks.set(language, new Track());
      this.#offer(language);
    }
    this.#tracks.get(language).apply(translation);
  }

  draw() {
    this.#lines.show(this.#tracks.get(this.#parts.menu.value)?.last(SHOWN) ?? []);
  }

  retract(segment) {
    for (const track of this.#tracks.values()) track.retract(segment);
  }

  dropPartials() {
    for (const track of this.#tracks.values()) track.dropPartials();
  }

  /** Another channel: its languages are not known yet, but what is wished for stays. */
  clear() {
    const { menu, label, lane } = this.#parts;
    this.#tracks.clear();
    this.#lines.clear();
    menu.replaceChildren(menu.firstElementChild);
    label.hidden = lane.hidden = true;
  }

  #offer(language) {
    const { menu, label, lane } = this.#parts;
    const option = element("option", "", languageName(language));
    option.value = language;
    menu.append(option);
    label.hidden = false;
    if (language !== this.#wished) return;
    menu.value = language;
    lane.hidden = false;
  }
}

function languageName(language) {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(language);
  } catch {
    return language;
  }
}
