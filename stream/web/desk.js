/** The moderation desk: posts that wait, posts that were blocked or shown, and a moderator's word. */

import { element } from "./roll.js";
import { Seen } from "./track.js";

const KEPT = { review: 1000, block: 200, allow: 200 };
const SHOWN = 2000;
const EMPTY = {
  review: "Nothing waits.",
  block: "Nothing was blocked.",
  allow: "Nothing has been shown yet.",
};
const SAID = { allow: "allowed", block: "blocked" };
/** What may be decided about a post in each state, and what the button says. */
const CHOICES = {
  review: [["allow", "Allow"], ["block", "Block"]],
  block: [["allow", "Allow"]],
  allow: [["block", "Take back"]],
};

export class Desk {
  #cases = new Map();
  #decided = new Seen(4096);
  #view = "review";

  /**
   * `at(id)` gives the page's elements, `decide(post, action)` a promise of the decision. Keys in
   * the list: up and down move, A allows, B blocks or takes back.
   */
  constructor({ at, decide }) {
    this.at = at;
    this.decide = decide;
    this.list = at("cases");
    at("desk-views").addEventListener("change", ({ target }) => this.#show(target.value));
    this.list.addEventListener("click", ({ target }) => this.#clicked(target.closest("button")));
    this.list.addEventListener("keydown", (event) => this.#pressed(event));
    this.#count();
  }

  /** Only who may decide sees the desk. */
  open(moderator) {
    this.at("desk").hidden = !moderator;
  }

  /** A post that waits, or that a rule has blocked. */
  review({ post, author, text, labels, reasons, action = "review" }) {
    if (!this.#decided.has(post)) this.#put(post, action, { author, text, labels, reasons });
  }

  /** A post that is shown; it can be taken back. */
  allow({ post, author, text }) {
    this.#put(post, "allow", { author, text });
  }

  /** Somebody has decided, here or at another desk. */
  decision({ post, action, by }) {
    this.#decided.add(post);
    if (!this.#cases.has(post)) return;
    const { told } = this.#cases.get(post);
    this.#remove(post);
    this.#tell(`${told.author || "anonymous"} was ${SAID[action]}${by ? ` by ${by}` : ""}.`);
  }

  retract(post) {
    this.#remove(post);
  }

  clear() {
    this.#cases.clear();
    this.list.replaceChildren();
    this.#tell("");
    this.#count();
  }

  #put(post, state, told) {
    const known = this.#cases.get(post);
    if (known?.state === state) return;
    this.#remove(post);
    const row = newRow(post, state, told);
    row.hidden = state !== this.#view;
    this.#cases.set(post, { state, told, row });
    this.list.append(row);
    const same = [...this.#cases].filter(([, each]) => each.state === state);
    if (same.length > KEPT[state]) this.#remove(same[0][0]);
    this.#count();
  }

  #remove(post) {
    const known = this.#cases.get(post);
    if (!known) return;
    const held = known.row.contains(document.activeElement);
    const next = held ? neighbour(known.row, 1) ?? neighbour(known.row, -1) : null;
    known.row.remove();
    this.#cases.delete(post);
    if (held) (next?.querySelector("button") ?? this.list).focus();
    this.#count();
  }

  #show(view) {
    this.#view = view;
    for (const { state, row } of this.#cases.values()) row.hidden = state !== view;
    this.#count();
  }

  #count() {
    const counts = { review: 0, block: 0, allow: 0 };
    for (const { state } of this.#cases.values()) counts[state] += 1;
    for (const [state, count] of Object.entries(counts)) {
      this.at(`count-${state}`).textContent = String(count);
    }
    this.list.hidden = counts[this.#view] === 0;
    this.at("desk-empty").hidden = counts[this.#view] !== 0;
    this.at("desk-empty").textContent = EMPTY[this.#view];
  }

  #clicked(button) {
    if (button) this.#ask(button.closest(".case"), button.dataset.choice);
  }

  #pressed(event) {
    const row = event.target.closest(".case");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const choice = { a: "allow", b: "block" }[event.key.toLowerCase()];
    if (step) neighbour(row, step)?.querySelector("button").focus();
    else if (choice && row.querySelector(`[data-choice="${choice}"]`)) this.#ask(row, choice);
    else return;
    event.preventDefault();
  }

  /** The row goes when the log has the decision; until then it cannot be decided again. */
  async #ask(row, choice) {
    if (row.ariaBusy === "true") return;
    row.ariaBusy = "true";
    try {
      await this.decide(row.dataset.post, choice);
    } catch (error) {
      row.ariaBusy = "false";
      this.#tell(`Nothing was decided: ${error.message}`);
    }
  }

  #tell(words) {
    this.at("desk-status").textContent = words;
  }
}

function newRow(post, state, { author, text, labels, reasons }) {
  const row = element("li", "case");
  row.dataset.post = post;
  row.dataset.state = state;
  const words = element("p", "words");
  words.append(element("bdi", "author", author || "anonymous"), " ");
  words.append(element("bdi", "text", text.slice(0, SHOWN)));
  row.append(words, whyOf(reasons), scoresOf(labels), choicesOf(state, author, text));
  return row;
}

function whyOf(reasons = []) {
  const list = element("ul", "reasons");
  for (const reason of reasons.slice(0, 8)) list.append(element("li", "", reason.slice(0, 200)));
  return list;
}

/** The highest scores, as bars that say their figure too. */
function scoresOf(labels = {}) {
  const list = element("dl", "scores");
  const highest = Object.entries(labels).sort(([, a], [, b]) => b - a).slice(0, 4);
  for (const [label, score] of highest) {
    const pair = element("div");
    const figure = element("dd", "", score.toFixed(2));
    const part = element("i");
    part.style.width = `${Math.round(100 * Math.min(1, Math.max(0, score)))}%`;
    figure.append(part);
    pair.append(element("dt", "", label.slice(0, 40)), figure);
    list.append(pair);
  }
  return list;
}

function choicesOf(state, author, text) {
  const choices = element("div", "choices");
  for (const [choice, words] of CHOICES[state]) {
    const button = element("button", choice, words);
    button.type = "button";
    button.dataset.choice = choice;
    button.ariaLabel = `${words}: ${author || "anonymous"}, ${text.slice(0, 60)}`;
    button.setAttribute("aria-keyshortcuts", choice[0]);
    choices.append(button);
  }
  return choices;
}

/** The next row that is shown, in a direction. */
function neighbour(row, step) {
  const along = step > 0 ? "nextElementSibling" : "previousElementSibling";
  let found = row[along];
  while (found?.hidden) found = found[along];
  return found;
}
