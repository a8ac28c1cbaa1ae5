// MQTT.js under Node, told what to do by lines of JSON: {n, client, verb, ...}. Each is answered by
// {n, value} or {n, error}; messages come as {client, message}.
const mqtt = require("mqtt");
const readline = require("node:readline");

const clients = new Map();
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const done = (act) =>
  new Promise((resolve, reject) => act((error, value) => (error ? reject(error) : resolve(value))));

const verbs = {
  connect({ client: number, url, options }) {
    const client = mqtt.connect(url, { reconnectPeriod: 0, connectTimeout: 10_000, ...options });
    clients.set(number, client);
    client.on("message", (topic, payload, { qos, retain }) =>
      say({ client: number, message: [topic, payload.toString(), qos, retain] }),
    );
    return new Promise((resolve, reject) => {
      client.once("connect", ({ sessionPresent }) => resolve(sessionPresent));
      client.once("error", reject);
    });
  },
  async subscribe({ client, filter, qos }) {
    const granted = await done((then) => clients.get(client).subscribe(filter, { qos }, then));
    return granted.map((one) => one.qos);
  },
  publish: ({ client, topic, payload, qos, retain }) =>
    done((then) => clients.get(client).publish(topic, payload, { qos, retain }, (e) => then(e))),
  disconnect: ({ client }) => done((then) => clients.get(client).end(false, {}, then)),
  cut: ({ client }) => done((then) => clients.get(client).end(true, {}, then)),
};

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const order = JSON.parse(line);
  try {
    say({ n: order.n, value: (await verbs[order.verb](order)) ?? null });
  } catch (error) {
    say({ n: order.n, error: String(error) });
  }
});
process.stdin.on("end", () => process.exit());
