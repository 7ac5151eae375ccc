/** One channel as a client follows it: its cursor, and what has come already. */

import { Seen, Track } from "./track.js";

/** Where a subscription stands, and what it has let through. */
export class Subscription {
  #seen = new Seen(4096);
  #tracks = new Map();

  constructor({ since, ...request }) {
    this.request = request;
    this.cursor = since;
    this.resuming = false;
  }

  ask() {
    this.resuming = this.cursor !== undefined;
    return { ...this.request, ...(this.resuming && { since: this.cursor }) };
  }

  /**
   * A fresh start adopts the server's cursor; a resumed one moves as the missed messages come.
   * True when something is lost: it could not be resumed, or the server says so by itself.
   */
  answered({ id, cursor, recovered }) {
    if (!this.resuming || !recovered) this.cursor = cursor;
    const lost = !recovered && (this.resuming || id !== this.request.id);
    if (lost) this.#seen = new Seen(4096);  // what waits for moderators is told again
    return lost;
  }

  /** False for what came before. Moves the cursor in either case. */
  admit(message) {
    if (typeof message.cursor === "string") this.cursor = message.cursor;
    switch (message.type) {
      case "caption":
      case "translation":
        return this.#track(`${message.type} ${message.language}`).apply(message);
      case "retract":
        for (const track of this.#tracks.values()) track.retract(message.segment);
        return this.#seen.add(`retract ${message.segment} ${message.post}`);
      case "post":
      case "review":
        return this.#seen.add(`${message.type} ${message.post}`);
      case "decision":
        return this.#seen.add(`decision ${message.post} ${message.action}`);
      default:
        return true;
    }
  }

  #track(name) {
    if (!this.#tracks.has(name)) {
      if (this.#tracks.size >= 64) this.#tracks.delete(this.#tracks.keys().next().value);
      this.#tracks.set(name, new Track());
    }
    return this.#tracks.get(name);
  }
}
