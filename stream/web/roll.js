/** A list that keeps its newest rows, and stays at its end while the reader is there. */
export class Roll {
  #rows = new Map();
  #atEnd = true;
  #height = 0;

  constructor(list, limit) {
    this.list = list;
    this.limit = limit;
    list.addEventListener("scroll", () => {
      if (list.clientHeight !== this.#height) return;  // nobody scrolled: the list became lower
      this.#atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    });
    new ResizeObserver(() => this.#follow()).observe(list);
  }

  get(key) {
    return this.#rows.get(key);
  }

  add(key, row) {
    this.change(() => {
      this.#rows.set(key, row);
      this.list.append(row);
      if (this.#rows.size > this.limit) this.#remove(this.#rows.keys().next().value);
    });
  }

  /** Run what changes rows' heights. */
  change(act) {
    act();
    this.#follow();
  }

  clear() {
    this.#rows.clear();
    this.list.replaceChildren();
    this.#atEnd = true;
  }

  #follow() {
    this.#height = this.list.clientHeight;
    if (this.#atEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  #remove(key) {
    this.#rows.get(key).remove();
    this.#rows.delete(key);
  }
}

/** An element of this class that holds this text, as text. */
export function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
