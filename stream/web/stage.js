/** The caption stage: lines that roll up, settled text solid, unsettled text dimmer. */

import { splitSettled } from "./track.js";

/** More than any stage shows; a hostile caption of 16,000 characters costs no more than this. */
const SHOWN = 600;
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** One window of lines, anchored at its bottom; a window holds at most three segments. */
export class Lines {
  #paragraphs = new Map();

  constructor(box) {
    this.box = box;
  }

  /** Draw these segments (oldest first), reusing what stands, and roll up by what came. */
  show(segments) {
    const anchor = this.box.lastElementChild;
    const before = anchor ? this.#fromBottom(anchor) : 0;
    const wanted = new Set(segments.map(({ segment }) => segment));
    for (const [id, paragraph] of this.#paragraphs) if (!wanted.has(id)) this.#remove(id, paragraph);
    for (const segment of segments) write(this.#paragraph(segment.segment), segment);
    if (anchor?.isConnected) this.#roll(this.#fromBottom(anchor) - before);
  }

  clear() {
    this.show([]);
  }

  #paragraph(id) {
    const known = this.#paragraphs.get(id);
    if (known) return known;
    const paragraph = document.createElement("p");
    paragraph.dir = "auto";
    paragraph.append(part("settled"), part("unsettled"));
    this.#paragraphs.set(id, paragraph);
    this.box.append(paragraph);
    return paragraph;
  }

  #remove(id, paragraph) {
    paragraph.remove();
    this.#paragraphs.delete(id);
  }

  #fromBottom(paragraph) {
    return this.box.offsetHeight - paragraph.offsetTop;
  }

  #roll(height) {
    if (height <= 0 || STILL.matches) return;
    this.box.animate(
      [{ transform: `translateY(${height}px)` }, { transform: "none" }],
      { duration: 160, easing: "ease-out" },
    );
  }
}

function part(name) {
  const span = document.createElement("span");
  span.className = name;
  return span;
}

function write(paragraph, { text, stable, final, language }) {
  const [settled, unsettled] = final ? [text, ""] : splitSettled(text, stable);
  const room = Math.max(SHOWN - unsettled.length, 0);
  if (paragraph.lang !== language) paragraph.lang = language;
  put(paragraph.firstChild, settled.slice(Math.max(settled.length - room, 0)));
  put(paragraph.lastChild, unsettled.slice(-SHOWN));
}

/** Writing only what changed keeps selections, and screen readers, undisturbed. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
