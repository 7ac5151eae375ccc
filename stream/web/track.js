/** What stands on a screen of a channel, whatever order and repeats it comes in. */

/** Split a text after `count` Unicode code points: what is settled, what may still change. */
export function splitSettled(text, count) {
  let end = 0;
  for (let taken = 0; taken < count && end < text.length; taken += 1) {
    end += text.codePointAt(end) > 0xffff ? 2 : 1;
  }
  return [text.slice(0, end), text.slice(end)];
}

/** The last `limit` values; `add` says whether the value is new. */
export class Seen {
  #values = new Set();

  constructor(limit) {
    this.limit = limit;
  }

  has(value) {
    return this.#values.has(value);
  }

  add(value) {
    if (this.#values.has(value)) return false;
    this.#values.add(value);
    if (this.#values.size > this.limit) this.#values.delete(this.#values.values().next().value);
    return true;
  }
}

/**
 * What stands on a screen: the newest revision of each segment, at most `limit` segments, oldest
 * first. A final stands: nothing but a retraction changes it, then or later.
 */
export class Track {
  #segments = new Map();
  #settled = new Seen(1024);

  constructor(limit = 64) {
    this.limit = limit;
  }

  /** False when this segment has a final, or a revision as new as this. */
  apply(caption) {
    const { segment, revision, final } = caption;
    if (this.#settled.has(segment)) return false;
    if (!final && (this.#segments.get(segment)?.revision ?? -1) >= revision) return false;
    if (final) this.#settled.add(segment);
    this.#segments.set(segment, caption);
    if (this.#segments.size > this.limit) this.#segments.delete(this.#segments.keys().next().value);
    return true;
  }

  /** Take a segment back for good, and what was translated from it. */
  retract(segment) {
    this.#settled.add(segment);
    for (const [id, { source_segment: source }] of this.#segments) {
      if (id === segment || source === segment) this.#segments.delete(id);
    }
  }

  /** Forget what never got its final: the stream went on without it. */
  dropPartials() {
    for (const [segment, { final }] of this.#segments) if (!final) this.#segments.delete(segment);
  }

  /** The last `count` segments that have a text. */
  last(count) {
    return [...this.#segments.values()].filter(({ text }) => text !== "").slice(-count);
  }
}
