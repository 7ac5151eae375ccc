/** The finished segments, each with when it was said, how it was made and how long it took. */

import { cost } from "./latency.js";
import { element, Roll } from "./roll.js";

const KEPT = 60;
const SHOWN = 4000;

export function clock(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  const parts = [whole / 3600, (whole / 60) % 60, whole % 60].map((part) =>
    Math.floor(part).toString().padStart(2, "0"));
  return parts.join(":");
}

export class Transcript {
  #roll;
  #notes = 0;

  constructor(list) {
    this.#roll = new Roll(list, KEPT);
  }

  add(caption) {
    if (caption.text === "") return;
    const row = element("li", "line");
    const text = element("bdi", "text", caption.text.slice(0, SHOWN));
    text.lang = caption.language;
    row.append(element("time", "", clock(caption.start)), text, cost(caption));
    this.#roll.add(caption.segment, row);
  }

  retract(segment, reason) {
    const row = this.#roll.get(segment);
    if (!row) return;
    row.classList.add("gone");
    row.querySelector(".text").textContent = `withdrawn: ${reason}`;
  }

  /** What the reader must know about the captions around it. */
  note(text) {
    this.#notes += 1;
    this.#roll.add(`note ${this.#notes}`, element("li", "note", text));
  }

  clear() {
    this.#roll.clear();
  }
}
