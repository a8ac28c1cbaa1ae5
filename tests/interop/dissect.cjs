// The page's explanation of packets beside mqtt-packet, which shares no code with it: packets of all
// types with all properties are explained to the last byte, and broken ones are called malformed.
//
//   node dissect.cjs URL-OF-THE-PAGE
const assert = require("node:assert/strict");
const { generate } = require("mqtt-packet");

const VALUES = {
  byte: true,
  "two byte": 7,
  "four byte": 70_000,
  "variable byte": 300,
  text: "größe",
};
const camelCase = (name) => name.toLowerCase().replace(/ (.)/g, (_, c) => c.toUpperCase());
// Where mqtt-packet's name is another.
const NAMES = {
  maximumQos: "maximumQoS",
  subscriptionIdentifierAvailable: "subscriptionIdentifiersAvailable",
};

function propertiesOf(rows, place) {
  const properties = {};
  for (const row of rows.filter((one) => one.places.includes(place))) {
    const name = camelCase(row.name);
    if (row.type === "pair") properties.userProperties = { name: ["one", "two"] };
    else if (row.type === "binary") properties[name] = Buffer.from([0, 1, 255]);
    else properties[NAMES[name] ?? name] = name === "maximumQos" ? 1 : VALUES[row.type];
  }
  return properties;
}

// [packet as mqtt-packet takes it, words that its explanation has].
function packets(tables, version) {
  const type = (name) => tables.packets.findIndex((one) => one.name === name.toUpperCase());
  const of = (cmd) =>
    version === 5 ? { properties: propertiesOf(tables.properties, type(cmd)) } : {};
  const will = version === 5 ? { properties: propertiesOf(tables.properties, 16) } : {};
  const reason = version === 5 ? { reasonCode: 0x87 } : {};
  const acknowledgement = (cmd) => [{ cmd, messageId: 9, ...reason, ...of(cmd) }, ["9"]];
  const filters = [
    { topic: "a/#", qos: 2, nl: true, rap: true, rh: 1 },
    { topic: "b", qos: 0 },
  ];
  const list = [
    [
      {
        cmd: "connect",
        clientId: "größe",
        keepalive: 61,
        clean: true,
        username: "ada",
        password: "secret",
        protocolVersion: version,
        ...of("connect"),
        will: { topic: "w", payload: "gone", qos: 2, retain: true, ...will },
      },
      ["größe", "61 s", "ada", "gone", "6 B, not shown"],
    ],
    [
      {
        cmd: "connack",
        sessionPresent: true,
        ...(version === 5 ? { reasonCode: 0x87 } : { returnCode: 5 }),
        ...of("connack"),
      },
      [version === 5 ? "0x87 Not authorized" : "5 not authorized"],
    ],
    [
      {
        cmd: "publish",
        topic: "t/ö",
        qos: 2,
        dup: true,
        retain: true,
        messageId: 300,
        payload: "✓",
        ...of("publish"),
      },
      ["t/ö", "300", "✓", "a repetition"],
    ],
    [
      { cmd: "publish", topic: "t", qos: 0, payload: Buffer.alloc(20_000) },
      ["no", version === 5 ? "20004 B" : "20003 B"],
    ],
    ...["puback", "pubrec"].map(acknowledgement),
    ...["pubrel", "pubcomp"].map((cmd) => [
      { cmd, messageId: 9, ...of(cmd), ...(version === 5 ? { reasonCode: 0x92 } : {}) },
      ["9"],
    ]),
    [{ cmd: "puback", messageId: 10 }, ["10"]],
    [{ cmd: "subscribe", messageId: 4, subscriptions: filters, ...of("subscribe") }, ["a/#", "b"]],
    [{ cmd: "suback", messageId: 4, granted: [2, 0x80], ...of("suback") }, ["0x02 Granted QoS 2"]],
    [
      { cmd: "unsubscribe", messageId: 5, unsubscriptions: ["a/#", "b"], ...of("unsubscribe") },
      ["b"],
    ],
    [
      {
        cmd: "unsuback",
        messageId: 5,
        ...(version === 5 ? { granted: [0, 0x11] } : {}),
        ...of("unsuback"),
      },
      ["5"],
    ],
    [{ cmd: "pingreq" }, []],
    [{ cmd: "pingresp" }, []],
    [{ cmd: "disconnect", ...(version === 5 ? { reasonCode: 4 } : {}), ...of("disconnect") }, []],
  ];
  if (version === 5)
    list.push([{ cmd: "auth", reasonCode: 0x18, ...of("auth") }, ["0x18 Continue authentication"]]);
  return list;
}

function check(packet, says, bytes, { fields, name }, tables) {
  const covered = new Array(bytes.length).fill(0);
  const values = [],
    names = [];
  (function walk(list) {
    for (const field of list) {
      values.push(field.value);
      names.push(field.name);
      if (field.fields?.length && !field.fields[0].bits) walk(field.fields);
      else for (let at = field.at; at < field.at + field.size; ++at) ++covered[at];
      if (field.fields?.[0]?.bits) values.push(...field.fields.map((bit) => bit.value));
    }
  })(fields);
  const what = JSON.stringify(packet).slice(0, 200);
  assert.equal(name, packet.cmd.toUpperCase());
  assert(!names.includes("Malformed"), `${what}: ${values.at(-1)}`);
  const wrong = covered.findIndex((times) => times !== 1);
  assert.equal(wrong, -1, `${what}: byte ${wrong} is explained ${covered[wrong]} times`);
  for (const words of says) assert(values.includes(words), `${what}: no "${words}" in ${values}`);
  for (const row of tables.properties) {
    const sent = Object.keys(packet.properties ?? {}).some((key) =>
      [
        camelCase(row.name),
        NAMES[camelCase(row.name)],
        row.type === "pair" && "userProperties",
      ].includes(key),
    );
    assert(!sent || names.includes(row.name), `${what}: no ${row.name} in ${names}`);
  }
}

async function main() {
  const { dissect } = await import("../../protocol/live/page/dissect.js");
  const { useTables } = await import("../../protocol/live/page/tables.js");
  const { tables } = await (await fetch(`${process.argv[2]}page.json`)).json();
  useTables(tables);
  let count = 0,
    broken = 0;
  for (const version of [4, 5]) {
    for (const [packet, says] of packets(tables, version)) {
      const bytes = new Uint8Array(generate(packet, { protocolVersion: version }));
      check(packet, says, bytes, dissect(bytes, version), tables);
      ++count;
      for (let size = 1; size < Math.min(bytes.length, 300); ++size, ++broken) {
        const names = dissect(bytes.slice(0, size), version).fields.map((field) => field.name);
        assert(names.includes("Malformed"), `${packet.cmd} cut at ${size}`);
      }
    }
  }
  console.log(`${count} packets explained, ${broken} cut ones called malformed`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
