/** How long each message took: a bar of stages, a line of the last messages, their percentiles. */

import { element } from "./roll.js";
import { put } from "./stage.js";

const STAGES = ["ingress", "queue", "decode", "fanout"];
const SVG = "http://www.w3.org/2000/svg";
const KEPT = 120;

export function milliseconds(value) {
  return value < 10 ? value.toFixed(1) : Math.round(value).toString();
}

/** A bar whose full width is the budget, or the whole time where that is longer. */
export function bar(latency, budgetMs, late) {
  const box = element("span", "bar");
  const whole = Math.max(budgetMs, latency.total_ms, 1);
  const words = STAGES.map((stage) => `${stage} ${milliseconds(latency[`${stage}_ms`])}`).join(", ");
  box.classList.toggle("late", late);
  box.role = "img";
  box.ariaLabel = `${milliseconds(latency.total_ms)} of ${budgetMs} milliseconds: ${words}`;
  box.title = `${words} ms`;
  for (const stage of STAGES) box.append(piece(stage, latency[`${stage}_ms`] / whole));
  if (latency.total_ms > budgetMs) box.append(mark(budgetMs / whole));
  return box;
}

function piece(stage, share) {
  const part = element("i", stage);
  part.style.width = `${100 * share}%`;
  return part;
}

function mark(share) {
  const line = document.createElement("b");
  line.style.left = `${100 * share}%`;
  return line;
}

/** A row's rung, marks, bar and total; of a caption, a translation or a verdict. */
export function cost({ rung, late, degraded, latency, budget_ms: budgetMs }) {
  const box = element("span", "cost");
  const badge = element("span", "badge", rung);
  badge.dataset.rung = rung;
  box.append(badge);
  if (late) box.append(element("span", "badge bad", "late"));
  if (degraded) box.append(element("span", "badge warn", "degraded"));
  box.append(bar(latency, budgetMs, late));
  box.append(element("span", "ms", `${milliseconds(latency.total_ms)} ms`));
  return box;
}

/** The panel: the newest message in figures, the last 120 as a line. */
export class LatencyPanel {
  #points = [];

  constructor(byId) {
    this.at = byId;
    this.figures = [...byId("stages").querySelectorAll("dd")];
  }

  add({ latency, budget_ms: budgetMs, late }) {
    this.#points.push({ total: latency.total_ms, budget: budgetMs, late });
    if (this.#points.length > KEPT) this.#points.shift();
    this.newest = { latency, budgetMs, late };
  }

  clear() {
    this.#points = [];
    this.newest = undefined;
    this.at("sparkline").replaceChildren();
  }

  draw() {
    if (!this.newest) return;
    const { latency, budgetMs, late } = this.newest;
    put(this.at("total"), milliseconds(latency.total_ms));
    put(this.at("of-budget"), `of ${budgetMs} ms`);
    this.at("total").classList.toggle("late", late);
    this.at("message-bar").replaceChildren(bar(latency, budgetMs, late));
    STAGES.forEach((stage, index) => {
      put(this.figures[index], milliseconds(latency[`${stage}_ms`]));
    });
    this.#summarise();
  }

  #summarise() {
    const totals = this.#points.map(({ total }) => total).sort((a, b) => a - b);
    const late = this.#points.filter((point) => point.late).length / totals.length;
    const [median, p95] = [quantile(totals, 0.5), quantile(totals, 0.95)].map(milliseconds);
    put(this.at("median"), `${median} ms`);
    put(this.at("p95"), `${p95} ms`);
    put(this.at("late-share"), `${(100 * late).toFixed(late ? 1 : 0)} %`);
    this.at("sparkline").replaceChildren(...sparkline(this.#points, totals.at(-1)));
    this.at("sparkline").ariaLabel =
      `Latency of the last ${totals.length} messages: median ${median} ms, 95th percentile ${p95} ms`;
  }
}

function quantile(sorted, share) {
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)];
}

/**
 * In a box of 120 by 40: the budget dashed, the line, what was late in red. Three budgets is the
 * top, so that one very late message does not flatten all others.
 */
function sparkline(points, highest) {
  const budget = points.at(-1).budget;
  const top = Math.min(1.15 * Math.max(budget, highest), 3 * budget);
  const y = (value) => (40 - (40 * Math.min(value, top)) / top).toFixed(2);
  const x = (index) => (KEPT - points.length + index + 0.5).toFixed(2);
  const line = points.map(({ total }, index) => `${x(index)},${y(total)}`).join(" ");
  const late = points.flatMap((point, index) =>
    point.late ? [shape("line", { class: "late", x1: x(index), x2: x(index), y1: 40, y2: y(point.total) })] : []);
  return [
    shape("line", { class: "budget", x1: 0, x2: KEPT, y1: y(budget), y2: y(budget) }),
    ...late,
    shape("polyline", { class: "total", points: line }),
  ];
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
