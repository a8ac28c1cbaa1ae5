// The page: forms to one MQTT.js client, what it gets to the views.

import mqtt from "mqtt";

import { $, h } from "./dom.js";
import { MessageView } from "./message_view.js";
import { PropertyFields } from "./properties.js";
import { clientReasons, packetType, reasonName, useTables, WILL } from "./tables.js";
import { tappedWebSocket } from "./tap.js";
import { WireView } from "./wire_view.js";

const wire = new WireView();
const messages = new MessageView();
const properties = {};
let client = null;

const version = () => Number($("#version").value);
const hexByte = (code) => `0x${code.toString(16).padStart(2, "0").toUpperCase()}`;

// What the forms say ------------------------------------------------------------------------------

function will() {
  const topic = $("#will-topic").value;
  if (!topic) return undefined;
  return {
    topic,
    payload: $("#will-payload").value,
    qos: Number($("#will-qos").value),
    retain: $("#will-retain").checked,
    properties: version() === 5 ? properties.will.values() : undefined,
  };
}

function connectOptions() {
  return {
    protocolVersion: version(),
    protocolId: version() === 3 ? "MQIsdp" : "MQTT",
    clientId: $("#client-id").value,
    clean: $("#clean").checked,
    keepalive: Number($("#keep-alive").value),
    username: $("#user").value || undefined,
    password: $("#password").value || undefined,
    will: will(),
    properties: version() === 5 ? properties.connect.values() : undefined,
    reconnectPeriod: Number($("#reconnect").value) * 1000,
    resubscribe: false, // what a session keeps is the broker's word, not this page's
    timerVariant: "native", // MQTT.js's own timers are a worker of a kind that this page may not have
    createWebsocket: (url, protocols) =>
      tappedWebSocket(url, protocols, (direction, bytes) => wire.add(direction, bytes)),
  };
}

// State -------------------------------------------------------------------------------------------

function show(state, words) {
  $("#status").dataset.state = state;
  $("#status").textContent = words;
  $("#leave").hidden = state === "idle";
  $("#version").disabled = state !== "idle"; // the forms show what the connection's version has
  for (const form of ["#subscribe", "#publish"])
    $(`${form} [type=submit]`).disabled = state !== "connected";
}

function trouble(words = "") {
  $("#trouble").textContent = words;
  $("#trouble").hidden = !words;
}

function showVersion() {
  for (const part of document.querySelectorAll("[data-version]")) part.hidden = version() !== 5;
  $("#leave-reason").hidden = $("#leave-reason-label").hidden = version() !== 5;
  $("#clean-label").textContent = version() === 5 ? "Clean Start" : "Clean Session";
}

function subscribed(filter, qos) {
  const list = $("#subscriptions");
  list.querySelector(`[data-filter="${CSS.escape(filter)}"]`)?.remove();
  const row = h(
    "li",
    { "data-filter": filter },
    h("code", {}, filter),
    h("span", { class: "tag" }, `QoS ${qos}`),
    h(
      "button",
      {
        type: "button",
        class: "quiet icon",
        "aria-label": `Unsubscribe from ${filter}`,
        onclick: () => unsubscribe(filter, row),
      },
      "×",
    ),
  );
  list.append(row);
}

// Verbs -------------------------------------------------------------------------------------------

function connect() {
  client?.end(true);
  trouble();
  const url = $("#url").value;
  show("connecting", `Connecting to ${url}`);
  let mine;
  try {
    mine = client = mqtt.connect(url, connectOptions());
  } catch (error) {
    show("idle", "Not connected");
    return trouble(error.message);
  }
  let reached = false;
  mine.on("connect", (connack) => {
    reached = true;
    const id = connack.properties?.assignedClientIdentifier ?? mine.options.clientId;
    show("connected", `Connected as ${id}`);
    $("#connection").open = false;
    if (!connack.sessionPresent) $("#subscriptions").replaceChildren();
  });
  mine.on("message", (topic, payload, packet) => messages.add(topic, payload, packet));
  mine.on("error", (error) => trouble(error.message));
  mine.on("disconnect", ({ reasonCode }) =>
    trouble(`The broker disconnected: ${reasonName(reasonCode, packetType("DISCONNECT"))}`),
  );
  mine.on("close", () => {
    if (mine !== client) return;
    if (mine.options.reconnectPeriod && !mine.disconnecting)
      return show("connecting", `Connecting to ${url}`);
    if (!reached && $("#trouble").hidden)
      trouble(
        `No connection to ${url}. Is a broker there, and does it let pages of this origin in?`,
      );
    show("idle", "Not connected");
    $("#connection").open = true;
    mine.end(true);
  });
}

function disconnect(cut) {
  client.options.reconnectPeriod = 0;
  if (cut) return client.end(true);
  client.end(false, version() === 5 ? { reasonCode: Number($("#leave-reason").value) } : {});
}

function subscribe() {
  const filter = $("#filter").value;
  const options = { qos: Number($("#subscribe-qos").value) };
  const more = {};
  if (version() === 5) {
    options.nl = $("#no-local").checked;
    options.rap = $("#as-published").checked;
    options.rh = Number($("#retain-handling").value);
    more.properties = properties.subscribe.values();
  }
  client.subscribe({ [filter]: options }, more, (error, granted) => {
    const code = granted?.[0]?.qos ?? 0x80;
    if (code >= 0x80)
      return trouble(`${filter}: ${reasonName(code, packetType("SUBACK")) ?? error?.message}`);
    trouble();
    subscribed(filter, code);
  });
}

function unsubscribe(filter, row) {
  client.unsubscribe(filter, (error) => (error ? trouble(error.message) : row.remove()));
}

function publish() {
  const options = {
    qos: Number($("#publish-qos").value),
    retain: $("#retain").checked,
    properties: version() === 5 ? properties.publish.values() : undefined,
  };
  client.publish($("#topic").value, $("#payload").value, options, (error) =>
    trouble(error ? `Not published: ${error.message}` : ""),
  );
}

// Beginning ---------------------------------------------------------------------------------------

function onSubmit(form, act) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
}

async function begin() {
  const about = await (await fetch("page.json")).json();
  useTables(about.tables);
  properties.connect = new PropertyFields(
    $("#connect-properties"),
    packetType("CONNECT"),
    "connect",
  );
  properties.will = new PropertyFields($("#will-properties"), WILL, "will");
  properties.subscribe = new PropertyFields(
    $("#subscribe-properties"),
    packetType("SUBSCRIBE"),
    "subscribe",
  );
  properties.publish = new PropertyFields(
    $("#publish-properties"),
    packetType("PUBLISH"),
    "publish",
    ["Subscription Identifier"],
  );
  for (const { code, name } of clientReasons(packetType("DISCONNECT")))
    $("#leave-reason").append(h("option", { value: code }, `${hexByte(code)} ${name}`));
  $("#url").value =
    `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${about.path}`;
  $("#client-id").value = `page-${Math.random().toString(36).slice(2, 8)}`;
  $("#about").textContent = `mqttlab ${about.version}, MQTT.js`;

  onSubmit("#connect", connect);
  onSubmit("#subscribe", subscribe);
  onSubmit("#publish", publish);
  $("#version").addEventListener("change", showVersion);
  $("#disconnect").addEventListener("click", () => disconnect(false));
  $("#cut").addEventListener("click", () => disconnect(true));
  $("#payload").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("#publish").requestSubmit();
  });
  showVersion();
  show("idle", "Not connected");
  $("#enter").disabled = false; // before that, the browser would send the form by itself
}

begin().catch((error) => trouble(`The tables of the page did not come: ${error.message}`));
