// Drives MQTT.js under Node.js: lines of JSON, as the docstring of this folder's __init__.py has it.
// NODE_PATH says where MQTT.js is.
const mqtt = require("mqtt");
const readline = require("node:readline");
const { version } = require("mqtt/package.json");

const FEATURES = [
  "3.1.1", "5.0", "session", "empty client id", "login", "will", "will properties", "publish",
  "subscribe", "unsubscribe", "properties", "connect properties", "maximum_packet_size",
  "topic_alias_maximum", "topic_alias", "subscription_identifier", "no_local",
  "disconnect reason", "disconnect", "websocket", "acknowledged", "message",
];
const [host, port] = process.argv.slice(2);
const say = (event, fields = {}) =>
  process.stdout.write(JSON.stringify({ event, ...fields }) + "\n");

// "topic_alias" is topicAlias; some of the standard's bytes are booleans here.
const BOOLEANS = ["requestResponseInformation", "requestProblemInformation",
  "payloadFormatIndicator"];
function properties(given = {}) {
  const made = {};
  for (const [name, value] of Object.entries(given)) {
    const own = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
    if (name === "user_property") made.userProperties = Object.fromEntries(value);
    else if (name === "correlation_data") made[own] = Buffer.from(value);
    else made[own] = BOOLEANS.includes(own) ? Boolean(value) : value;
  }
  return Object.keys(made).length ? { properties: made } : {};
}

// What is under way outlives a connection, as it does where MQTT.js connects again by itself.
const stores = {
  incomingStore: new mqtt.Store({ clean: false }),
  outgoingStore: new mqtt.Store({ clean: false }),
};
let client;
const done = ({ id }) => (error, granted) =>
  error
    ? say("failed", { id, what: String(error) })
    : say("acknowledged", { id, codes: Array.isArray(granted) ? granted.map((one) => one.qos) : [] });

const orders = {
  connect(order) {
    const will = order.will && { ...order.will, ...properties(order.will.properties) };
    client = mqtt.connect(`${order.websocket ? "ws" : "mqtt"}://${host}:${port}/mqtt`, {
      protocolVersion: order.version === "5.0" ? 5 : 4,
      clientId: order.client_id,
      clean: order.clean,
      keepalive: order.keep_alive_s,
      username: order.user_name,
      password: order.password,
      will,
      reconnectPeriod: 0,
      resubscribe: false,
      ...stores,
      ...properties(order.properties),
    });
    client.on("connect", ({ sessionPresent }) =>
      say("connected", { session_present: Boolean(sessionPresent) }));
    client.on("close", () => say("closed", { what: "closed" }));
    client.on("error", (error) => say("warning", { what: String(error) }));
    client.on("message", (topic, payload, { qos, retain }) =>
      say("message", { topic, payload: payload.toString(), qos, retain }));
  },
  reconnect({ clean }) {
    client.options.clean = clean;
    client.reconnect(stores);
  },
  publish(order) {
    const { topic, payload, qos, retain } = order;
    client.publish(topic, payload, { qos, retain, ...properties(order.properties) }, done(order));
  },
  subscribe(order) {
    const nl = order.no_local ? { nl: true } : {};
    const filters = Object.fromEntries(order.filters.map(([name, qos]) => [name, { qos, ...nl }]));
    client.subscribe(filters, properties(order.properties), done(order));
  },
  unsubscribe: (order) => client.unsubscribe(order.filters, done(order)),
  disconnect: (order) =>
    client.end(false, { reasonCode: order.reason ?? 0, ...properties(order.properties) }),
};

say("hello", { name: `MQTT.js ${version}`, features: FEATURES });
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const order = JSON.parse(line);
  if (order.do === "quit") process.exit(0);
  try {
    orders[order.do](order);
  } catch (error) {
    say("failed", { id: order.id, what: String(error) });
  }
});
lines.on("close", () => process.exit(0));
