/** The chat: posts that passed, posts that wait, and the verdict of what is posted here. */

import { cost, milliseconds } from "./latency.js";
import { element, Roll } from "./roll.js";

const KEPT = 60;
const SHOWN = 2000;
const SAID = { allow: "allowed", review: "in review", block: "blocked" };

export class Chat {
  #roll;

  /**
   * `ask(text, author, post, budgetMs)` gives a promise of the verdict, `newId` names a post; the
   * budget stands in the form's `data-budget-ms`.
   */
  constructor({ list, form, status, ask, newId }) {
    this.#roll = new Roll(list, KEPT);
    this.status = status;
    this.ask = ask;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { text, author } = form.elements;
      const budgetMs = Number(form.dataset.budgetMs);
      if (text.value.trim()) this.#post(newId(), author.value.trim(), text.value.trim(), budgetMs);
      text.value = "";
    });
  }

  /** A post that everybody may read; one that is shown already is now allowed. */
  allow({ post, author, text }) {
    this.#show(post, author, text, "allow");
  }

  /** A post that waits for a moderator, or that a rule has blocked. */
  review({ post, author, text, labels, reasons, action = "review" }) {
    this.#show(post, author, text, action);
    this.#update(post, (row) => put(row, "why", why(labels, reasons)));
  }

  decide({ post, action, by }) {
    this.#update(post, (row) => {
      mark(row, action);
      put(row, "why", by ? `decided by ${by}` : "decided");
    });
  }

  retract(post, reason) {
    this.#update(post, (row) => {
      row.classList.add("gone");
      put(row, "text", `withdrawn: ${reason}`);
    });
  }

  clear() {
    this.#roll.clear();
    this.status.textContent = "";
  }

  async #post(post, author, text, budgetMs) {
    this.#show(post, author, text, "waiting");
    try {
      this.#judged(post, { ...(await this.ask(text, author, post, budgetMs)), budget_ms: budgetMs });
    } catch (error) {
      this.#update(post, (row) => mark(row, "failed"));
      this.status.textContent = `Your post was not judged: ${error.message}`;
    }
  }

  #judged(post, verdict) {
    const { action, labels, reasons, latency, degraded } = verdict;
    const cause = degraded ? ", by the channel’s default" : "";
    this.status.textContent =
      `Your post is ${SAID[action]}, after ${milliseconds(latency.total_ms)} ms${cause}.`;
    this.#update(post, (row) => {
      mark(row, action);
      put(row, "why", why(labels, reasons));
      row.append(cost(verdict));
    });
  }

  #show(post, author, text, action) {
    if (!this.#roll.get(post)) this.#roll.add(post, newRow(author, text));
    this.#update(post, (row) => mark(row, action));
  }

  #update(post, act) {
    const row = this.#roll.get(post);
    if (row) this.#roll.change(() => act(row));
  }
}

function newRow(author, text) {
  const row = element("li", "post");
  const words = element("p", "words");
  words.append(element("bdi", "author", author || "anonymous"), " ");
  words.append(element("bdi", "text", text.slice(0, SHOWN)));
  row.append(element("span", "badge action"), words, element("span", "why"));
  return row;
}

function put(row, part, text) {
  row.querySelector(`.${part}`).textContent = text;
}

function mark(row, action) {
  row.dataset.action = action;
  put(row, "action", SAID[action] ?? action);
}

/** The rules' reasons, or the highest scores where no rule spoke. */
function why(labels = {}, reasons = []) {
  if (reasons.length) return reasons.slice(0, 3).join(" · ").slice(0, 300);
  const scores = Object.entries(labels).sort(([, a], [, b]) => b - a).slice(0, 3);
  return scores.map(([label, score]) => `${label} ${score.toFixed(2)}`).join(" · ");
}
