/**
 * Ontime's protocol `ontime.v1` for browsers; no dependencies.
 *
 *   const client = new Ontime({ url: "wss://host/v1/stream", token });
 *   const track = new Track();
 *   client.addEventListener("caption", ({ detail }) => track.apply(detail));
 *   client.subscribe("demo");
 *   const verdict = await client.gate("demo", "hello", { publish: true });
 *
 * The client comes back by itself, with backoff and jitter, and asks each channel to go on from
 * where it stood, so finals, posts and retractions come once: none lost, none doubled.
 */

import { Subscription } from "./subscription.js";

export { splitSettled, Track } from "./track.js";

/** Close codes after which asking again would get the same answer: policy, no token, not allowed. */
const FATAL = new Set([1008, 4001, 4003]);
/** Close codes that ask for patience: overloaded, too many. */
const PATIENCE = new Set([1013, 4029]);
const PATIENCE_MS = 2_000;
/** A gateway that has just started reads its logs first. */
const NOT_READY_MS = 500;
/** A connection that lived this long resets the backoff. */
const HEALTHY_MS = 5_000;
/** A gate's or translation's answer that is this late is not coming. */
const ANSWER_MS = 15_000;
const KNOWN = new Set([
  "subscribed", "unsubscribed", "caption", "translation", "verdict", "post", "retract", "review",
  "decision", "gap", "stale", "opened", "closed", "configured", "pong", "error",
]);

/** What a subscription brings; the rest answers this connection. */
const SUBSCRIBED = new Set([
  "caption", "translation", "post", "retract", "review", "decision", "gap", "stale",
]);

/** An `error` of the server, or why no answer came; `code` is the protocol's word. */
export class OntimeError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "OntimeError";
    this.code = code;
  }
}

/** 128 random bits; `crypto.randomUUID` is missing on plain http. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * A connection that comes back. Dispatches one `CustomEvent` per server message, named by its
 * type, the message as `detail` (`subscribed` also says `lost`, `pong` `rttMs`), and `state`:
 * { state: "connecting" | "live" | "waiting" | "refused" | "closed", code, reason, retryMs }.
 */
export class Ontime extends EventTarget {
  #url;
  #protocols;
  #timing;
  #socket = null;
  #attempt = 0;
  #openedAt = 0;
  #heardAt = 0;
  #retry = 0;
  #pinger = 0;
  #subscriptions = new Map();
  #asked = new Map();
  #pinged = { id: "", at: 0 };
  #ended = new AbortController();

  /** `baseMs`, `capMs`: the backoff's bounds; `pingMs`: how long silence may last; `random`: jitter. */
  constructor({ url, token, baseMs = 250, capMs = 15_000, pingMs = 10_000, random = Math.random }) {
    super();
    this.#url = url;
    this.#protocols = token ? ["ontime.v1", `bearer.${token}`] : ["ontime.v1"];
    this.#timing = { baseMs, capMs, pingMs, random };
    const { signal } = this.#ended;
    addEventListener("online", () => this.#retryNow(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#retryNow(), { signal });
    queueMicrotask(() => this.#connect());
  }

  /** Listen to a channel; `options`: kinds, languages, partials, since. */
  subscribe(channel, options = {}) {
    const subscription = new Subscription({ type: "subscribe", id: newId(), channel, ...options });
    this.#subscriptions.set(channel, subscription);
    this.#send(subscription.ask());
  }

  unsubscribe(channel) {
    if (this.#subscriptions.delete(channel)) this.#send({ type: "unsubscribe", channel });
  }

  /** Ask for a verdict; `post` makes a repeat harmless, so it is asked again after a lost link. */
  gate(channel, text, { author = "", post = newId(), publish = false, budgetMs } = {}) {
    const budget = budgetMs === undefined ? {} : { budget_ms: budgetMs };
    return this.#ask({ type: "gate", id: newId(), channel, text, author, post, publish, ...budget });
  }

  /** A moderator's word, "allow" or "block", on a post that waits, was blocked or is shown. */
  decide(channel, post, action) {
    return this.#ask({ type: "decide", id: newId(), channel, post, action });
  }

  translate(text, target, { source = "en", budgetMs } = {}) {
    const budget = budgetMs === undefined ? {} : { budget_ms: budgetMs };
    return this.#ask({ type: "translate", id: newId(), text, source, target, ...budget });
  }

  /** Leave for good. */
  close() {
    this.#ended.abort();
    this.#drop();
    this.#fail(new OntimeError("closed", "the client is closed"));
    this.#tell("closed");
  }

  #connect() {
    if (this.#ended.signal.aborted || this.#socket) return;
    clearTimeout(this.#retry);
    this.#tell("connecting");
    const socket = new WebSocket(this.#url, this.#protocols);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#lost(code, reason);
  }

  #opened() {
    this.#openedAt = this.#heardAt = performance.now();
    this.#tell("live");
    for (const subscription of this.#subscriptions.values()) this.#send(subscription.ask());
    for (const { request } of this.#asked.values()) this.#send(request);
    this.#pinger = setInterval(() => this.#ping(), this.#timing.pingMs);
    this.#ping();
  }

  #lost(code, reason) {
    this.#drop();
    if (FATAL.has(code)) {
      this.#fail(new OntimeError("refused", reason || `closed with ${code}`));
      this.#tell("refused", { code, reason });
      return;
    }
    const retryMs = this.#backoff(code);
    this.#retry = setTimeout(() => this.#connect(), retryMs);
    this.#tell("waiting", { code, reason, retryMs });
  }

  /** Full jitter: a gateway that restarts is not met by all its subscribers at once. */
  #backoff(code) {
    const { baseMs, capMs, random } = this.#timing;
    if (this.#openedAt && performance.now() - this.#openedAt > HEALTHY_MS) this.#attempt = 0;
    this.#openedAt = 0;
    const ceiling = Math.min(capMs, baseMs * 2 ** this.#attempt);
    this.#attempt += 1;
    return random() * ceiling + (PATIENCE.has(code) ? PATIENCE_MS : 0);
  }

  #retryNow() {
    if (!this.#retry || this.#socket) return;
    this.#connect();
  }

  #drop() {
    clearInterval(this.#pinger);
    clearTimeout(this.#retry);
    this.#retry = 0;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** A link can be dead without a close; silence for three pings counts as one. */
  #ping() {
    const now = performance.now();
    if (now - this.#heardAt > 3 * this.#timing.pingMs) {
      this.#lost(1006, "nothing heard");
      return;
    }
    this.#pinged = { id: newId(), at: now };
    this.#send({ type: "ping", id: this.#pinged.id });
  }

  #receive(data) {
    this.#heardAt = performance.now();
    const message = parse(data);
    if (!message) return;
    this.#settle(message);  // a decision may have come already, as everybody's
    if (!this.#admit(message)) return;
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
  }

  /** False for repeats, for channels left meanwhile, and for a pong that nobody waits for. */
  #admit(message) {
    const subscription = this.#subscriptions.get(message.channel);
    if (SUBSCRIBED.has(message.type)) {
      return subscription ? subscription.admit(message) : message.id !== undefined;
    }
    if (message.type === "subscribed") {
      message.lost = subscription?.answered(message);
      return subscription !== undefined;
    }
    if (message.type === "error") return !this.#askAgain(message);
    if (message.type === "pong") {
      message.rttMs = this.#heardAt - this.#pinged.at;
      return message.id === this.#pinged.id;
    }
    return true;
  }

  /**
   * A cursor that cannot be read is given up, and a server that is not ready yet asked once more
   * a little later. True when the error needs nobody else.
   */
  #askAgain({ id, code }) {
    const found = [...this.#subscriptions.values()].find(({ request }) => request.id === id);
    if (code === "malformed" && found?.cursor) {
      found.cursor = undefined;
      this.#send(found.ask());
    } else if (code === "unavailable" && found) {
      const socket = this.#socket;
      const retry = () => socket === this.#socket && this.#has(found) && this.#send(found.ask());
      setTimeout(retry, NOT_READY_MS * (0.5 + this.#timing.random()));
    } else {
      return false;
    }
    return true;
  }

  #has(subscription) {
    return this.#subscriptions.get(subscription.request.channel) === subscription;
  }

  #ask(request) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(request.id);
        reject(new OntimeError("timeout", "no answer came"));
      }, ANSWER_MS);
      this.#asked.set(request.id, { request, resolve, reject, timer });
      this.#send(request);
    });
  }

  #settle(message) {
    const asked = this.#asked.get(message.id);
    if (!asked) return;
    this.#asked.delete(message.id);
    clearTimeout(asked.timer);
    if (message.type === "error") asked.reject(new OntimeError(message.code, message.message));
    else asked.resolve(message);
  }

  #fail(error) {
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#asked.clear();
  }

  /** Nothing is queued: what must be said is said again by `#opened`. */
  #send(request) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(request));
  }

  #tell(state, more = {}) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, ...more } }));
  }
}

/** A server's frame, or null for what this version doesn't know. */
function parse(data) {
  try {
    const message = JSON.parse(data);
    return KNOWN.has(message?.type) ? message : null;
  } catch {
    return null;
  }
}
