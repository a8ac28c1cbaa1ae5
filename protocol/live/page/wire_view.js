// The packets on the wire: their list, and one of them explained beside its bytes.

import { $, clock, h, Log } from "./dom.js";
import { dissect } from "./dissect.js";

const MOST_SHOWN = 2048; // bytes of one packet in the dump

export class WireView {
  #log;
  #packets = new WeakMap(); // rows to packets
  #version = 5;

  constructor() {
    this.#log = new Log($("#packets"), $("#packets-empty"), (row) => this.#explain(row));
    $("#clear-packets").addEventListener("click", () => this.#log.clear());
  }

  /** `direction` is "sent" or "received", as this page sees it. */
  add(direction, bytes) {
    const packet = dissect(bytes, this.#version);
    if (packet.name === "CONNECT") this.#version = packet.version;
    const words = direction === "sent" ? "sent" : "received";
    const row = h(
      "li",
      { class: `packet ${direction}` },
      h("time", {}, clock(new Date())),
      h(
        "span",
        { class: "way", title: words },
        direction === "sent" ? "→" : "←",
        h("span", { class: "hidden" }, words),
      ),
      h("span", { class: "type" }, packet.name),
      h("span", { class: "summary" }, packet.summary),
      h("span", { class: "size" }, `${bytes.length.toLocaleString("en")} B`),
    );
    // What is kept of a long packet is what is shown of it.
    packet.bytes = bytes.slice(0, MOST_SHOWN);
    this.#packets.set(row, { packet, direction, size: bytes.length });
    this.#log.add(row);
  }

  #explain(row) {
    const view = $("#explained");
    $("#explained-empty").hidden = row != null;
    if (!row) return view.replaceChildren();
    const { packet, direction, size } = this.#packets.get(row);
    const dump = hexDump(packet, size);
    const columns = [".byte", ".character"].map((one) => [...dump.querySelectorAll(one)]);
    const mark = (field) => {
      for (const byte of dump.querySelectorAll(".on")) byte.classList.remove("on");
      if (!field) return;
      const marked = columns.flatMap((all) => all.slice(field.at, field.at + field.size));
      for (const byte of marked) byte.classList.add("on");
      if (marked.length) dump.scrollTop = marked[0].offsetTop - dump.offsetTop - 20;
    };
    const fields = h("ul", { class: "fields", role: "tree", "aria-label": "Fields" });
    fields.append(...packet.fields.map((field) => fieldRow(field, mark, 1)));
    fields.addEventListener("keydown", (event) => walk(event, fields));
    fields.addEventListener("mouseleave", () => mark(focused(fields)));
    const first = fields.querySelector("[role=treeitem]");
    if (first) first.tabIndex = 0;
    view.replaceChildren(
      h(
        "div",
        { class: "about" },
        h(
          "h3",
          { class: direction },
          packet.name,
          h("span", {}, `${direction} · ${size.toLocaleString("en")} B`),
        ),
        dump,
      ),
      fields,
    );
  }
}

const rows = new WeakMap(); // tree items to fields
const focused = (tree) => rows.get(tree.querySelector(":focus"));

function fieldRow(field, mark, level) {
  const line = h(
    "div",
    { class: "line" },
    field.bits && h("code", { class: "bits" }, field.bits),
    h("span", { class: "name" }, field.name),
    field.note && h("code", { class: "note" }, field.note),
    h("span", { class: "value" }, field.value),
  );
  const children =
    field.fields?.length &&
    h(
      "ul",
      { role: "group" },
      field.fields.map((inner) => fieldRow(inner, mark, level + 1)),
    );
  const item = h(
    "li",
    {
      role: "treeitem",
      tabindex: -1,
      "aria-level": level,
      "aria-label": `${field.name}: ${field.value}`,
      "aria-expanded": children ? "true" : null,
      class: field.name === "Malformed" ? "wrong" : null,
    },
    line,
    children,
  );
  rows.set(item, field);
  line.addEventListener("mouseenter", () => mark(field));
  line.addEventListener("click", () => item.focus());
  item.addEventListener("focus", () => mark(field));
  return item;
}

// Up and down go through all fields; only one of them is in the page's order of tabs.
function walk(event, tree) {
  const items = [...tree.querySelectorAll("[role=treeitem]")];
  const now = items.indexOf(document.activeElement);
  const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  if (!items[next]) return;
  if (now >= 0) items[now].tabIndex = -1;
  items[next].tabIndex = 0;
  items[next].focus();
}

function secrets(fields, into = []) {
  for (const field of fields) {
    if (field.secret) into.push(field);
    if (field.fields) secrets(field.fields, into);
  }
  return into;
}

function hexDump({ bytes, fields }, size) {
  const hidden = secrets(fields);
  const isHidden = (at) => hidden.some((field) => at >= field.at && at < field.at + field.size);
  const shown = bytes.length;
  const dump = h("div", { class: "dump", "aria-label": "Bytes of the packet", role: "img" });
  for (let start = 0; start < shown; start += 16) {
    const line = h("div", {}, h("span", { class: "offset" }, start.toString(16).padStart(4, "0")));
    const text = h("span", { class: "text" });
    for (let at = start; at < start + 16; ++at) {
      const secret = at < shown && isHidden(at);
      const two = at >= shown ? "  " : secret ? "••" : bytes[at].toString(16).padStart(2, "0");
      const character = bytes[at] > 32 && bytes[at] < 127 ? String.fromCharCode(bytes[at]) : "·";
      line.append(h("span", { class: at < shown ? "byte" : "none" }, two));
      if (at < shown) text.append(h("span", { class: "character" }, secret ? "•" : character));
    }
    line.append(text);
    dump.append(line);
  }
  if (shown < size) {
    const more = (size - shown).toLocaleString("en");
    dump.append(h("p", {}, `and ${more} bytes more`));
  }
  return dump;
}
