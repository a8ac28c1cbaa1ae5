// The fields of a form that stand for MQTT 5.0's properties, made from their table.

import { h } from "./dom.js";
import { propertiesOf } from "./tables.js";

const MOST = {
  byte: 1,
  "two byte": 65_535,
  "four byte": 4_294_967_295,
  "variable byte": 268_435_455,
};
const UNITS = {
  "Session Expiry Interval": "s",
  "Message Expiry Interval": "s",
  "Will Delay Interval": "s",
  "Maximum Packet Size": "B",
};

/** MQTT.js's name of a property: "sessionExpiryInterval". */
function camelCase(name) {
  return name.toLowerCase().replace(/ (.)/g, (_, letter) => letter.toUpperCase());
}

function control(row, id) {
  if (row.type === "byte")
    return h(
      "select",
      { id },
      h("option", { value: "" }, "not sent"),
      h("option", { value: "0" }, "0"),
      h("option", { value: "1" }, "1"),
    );
  if (MOST[row.type]) {
    return h("input", {
      id,
      type: "number",
      min: 0,
      max: MOST[row.type],
      step: 1,
      placeholder: "not sent",
      inputmode: "numeric",
    });
  }
  return h("input", {
    id,
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "not sent",
  });
}

/** Properties of one packet type, or of the Will, that a client may set. Empty ones are not sent. */
export class PropertyFields {
  #rows = [];
  #users;
  #prefix;

  /** Fills `container`; `prefix` makes ids unique; `except` names properties that are not offered. */
  constructor(container, place, prefix, except = []) {
    this.#prefix = prefix;
    container.classList.add("properties");
    for (const row of propertiesOf(place)) {
      if (row.type === "pair" || except.includes(row.name)) continue;
      const id = `${prefix}-${camelCase(row.name)}`;
      const input = control(row, id);
      const label = UNITS[row.name] ? `${row.name}, ${UNITS[row.name]}` : row.name;
      container.append(h("div", { class: "field wide" }, h("label", { for: id }, label), input));
      this.#rows.push({ row, input });
    }
    this.#users = h("div", { class: "users" });
    container.append(
      h(
        "div",
        { class: "wide" },
        h("span", { class: "label" }, "User Properties"),
        this.#users,
        h(
          "button",
          { type: "button", class: "quiet", onclick: () => this.#addUser() },
          "Add user property",
        ),
      ),
    );
  }

  #addUser() {
    const count = this.#users.childElementCount + 1;
    const part = (name) =>
      h("input", {
        type: "text",
        placeholder: name,
        autocomplete: "off",
        "aria-label": `${this.#prefix} user property ${count}: ${name}`,
      });
    const row = h(
      "div",
      { class: "user" },
      part("name"),
      part("value"),
      h(
        "button",
        {
          type: "button",
          class: "quiet icon",
          "aria-label": "Remove this user property",
          onclick: () => row.remove(),
        },
        "×",
      ),
    );
    this.#users.append(row);
    row.firstElementChild.focus();
  }

  /** As MQTT.js takes them; undefined if there are none. */
  values() {
    const values = {};
    for (const { row, input } of this.#rows) {
      if (input.value === "") continue;
      let value = input.value;
      if (row.type === "byte") value = value === "1";
      else if (MOST[row.type]) value = Number(value);
      else if (row.type === "binary") value = new TextEncoder().encode(value);
      values[camelCase(row.name)] = value;
    }
    for (const user of this.#users.children) {
      const [name, value] = Array.from(user.querySelectorAll("input"), (input) => input.value);
      if (!name && !value) continue;
      ((values.userProperties ??= {})[name] ??= []).push(value);
    }
    return Object.keys(values).length ? values : undefined;
  }
}
