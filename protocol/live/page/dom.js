// What the page's parts make elements with.

/** An element. `more` are attributes; on* are listeners, true is an attribute without a value. */
export function h(tag, more = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(more)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

export const $ = (selector) => document.querySelector(selector);

/** "12:34:56.789" */
export function clock(date) {
  return date.toLocaleTimeString("en-GB") + "." + String(date.getMilliseconds()).padStart(3, "0");
}

const MOST_ROWS = 500;

/**
 * A list that grows at its end, keeps the last 500 rows and stays at its end unless somebody has
 * scrolled away. Its rows are chosen with the pointer, the arrow keys, Home and End.
 */
export class Log {
  #list;
  #empty;
  #chosen;
  #waiting = [];

  constructor(list, empty, chosen = () => {}) {
    this.#list = list;
    this.#empty = empty;
    this.#chosen = chosen;
    list.addEventListener("click", (event) => this.choose(event.target.closest("[role=option]")));
    list.addEventListener("keydown", (event) => this.#key(event));
  }

  add(row) {
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", "false");
    this.#waiting.push(row);
    if (this.#waiting.length === 1) requestAnimationFrame(() => this.#show());
  }

  clear() {
    this.#waiting.length = 0;
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    this.#list.removeAttribute("aria-activedescendant");
    this.#chosen(null);
  }

  #show() {
    const list = this.#list;
    const at_end = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(...this.#waiting.splice(0).slice(-MOST_ROWS));
    while (list.childElementCount > MOST_ROWS) list.firstElementChild.remove();
    this.#empty.hidden = list.childElementCount > 0;
    if (at_end) list.scrollTop = list.scrollHeight;
  }

  choose(row) {
    if (!row) return;
    this.#list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    row.setAttribute("aria-selected", "true");
    row.id ||= `row-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    this.#list.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
    this.#chosen(row);
  }

  #key(event) {
    const list = this.#list;
    const now = list.querySelector("[aria-selected=true]");
    const next = {
      ArrowDown: () => (now ? now.nextElementSibling : list.firstElementChild),
      ArrowUp: () => (now ? now.previousElementSibling : list.lastElementChild),
      Home: () => list.firstElementChild,
      End: () => list.lastElementChild,
    }[event.key];
    if (!next) return;
    event.preventDefault();
    this.choose(next());
  }
}
