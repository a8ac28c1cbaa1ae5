// The messages that have come.

import { $, clock, h, Log } from "./dom.js";
import { hex, payloadText, textOf } from "./dissect.js";

// "contentType: text/plain", one for each property.
function propertyWords(properties = {}) {
  return Object.entries(properties).flatMap(([name, value]) => {
    if (name === "userProperties")
      return Object.entries(value).flatMap(([key, values]) =>
        [values].flat().map((one) => `${key} = ${one}`),
      );
    const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    return [`${words}: ${value instanceof Uint8Array ? (textOf(value) ?? hex(value)) : value}`];
  });
}

export class MessageView {
  #log = new Log($("#messages"), $("#messages-empty"));
  #count = 0;

  constructor() {
    $("#clear-messages").addEventListener("click", () => {
      this.#log.clear();
      this.#count = 0;
      $("#message-count").textContent = "";
    });
  }

  add(topic, payload, { qos, retain, dup, properties }) {
    const tags = [`QoS ${qos}`, retain && "retained", dup && "dup", ...propertyWords(properties)];
    this.#log.add(
      h(
        "li",
        { class: "message" },
        h(
          "div",
          { class: "head" },
          h("time", {}, clock(new Date())),
          h("span", { class: "topic" }, topic),
          tags.filter(Boolean).map((tag) => h("span", { class: "tag" }, tag)),
        ),
        payload.length ? h("pre", {}, payloadText(payload)) : h("pre", { class: "none" }, "empty"),
      ),
    );
    $("#message-count").textContent = (++this.#count).toLocaleString("en");
  }
}
