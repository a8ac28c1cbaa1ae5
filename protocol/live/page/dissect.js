// What the bytes of an MQTT packet say: a tree of fields, each with the bytes that it stands in.

import { packetFlags, packetName, property, reasonName, WILL } from "./tables.js";

// Return codes of CONNACK before 5.0 (table 3.1 of MQTT 3.1.1).
const RETURN_CODES = [
  "Connection accepted",
  "unacceptable protocol version",
  "identifier rejected",
  "server unavailable",
  "bad user name or password",
  "not authorized",
];
const RETAIN_HANDLING = [
  "send retained messages",
  "send retained messages if the subscription is new",
  "send no retained messages",
];
const UNITS = {
  "Session Expiry Interval": "s",
  "Message Expiry Interval": "s",
  "Will Delay Interval": "s",
  "Server Keep Alive": "s",
  "Maximum Packet Size": "B",
};
const MOST_CHARACTERS = 4_000;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text if the bytes are UTF-8 without control characters, else null. */
export function textOf(bytes) {
  try {
    const text = strict.decode(bytes);
    return /[\u0000-\u0008\u000e-\u001f\u007f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** What is shown of a payload: text if it is some, else bytes; its beginning if it is long. */
export function payloadText(bytes) {
  const text = textOf(bytes);
  if (text === null) return hex(bytes.subarray(0, 256)) + (bytes.length > 256 ? " …" : "");
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)} …` : text;
}

/** A property's number in words. */
function numberText(row, value) {
  if (row.name === "Session Expiry Interval" && value === 0xffffffff) return "never expires";
  if (row.type === "byte") return value === 0 ? "0 (no)" : value === 1 ? "1 (yes)" : `${value}`;
  const unit = UNITS[row.name];
  return unit ? `${value.toLocaleString("en")} ${unit}` : `${value}`;
}

class Ended extends Error {}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
  }
  get left() {
    return this.end - this.at;
  }
  take(count) {
    if (count > this.left) throw new Ended(`${count} bytes are announced, ${this.left} are left`);
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
  number(count) {
    return this.take(count).reduce((value, byte) => value * 256 + byte, 0);
  }
  variable() {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.number(1);
      value += (byte & 127) * shift;
      if (byte < 128) return value;
      if (shift === 128 ** 3) throw new Ended("a Variable Byte Integer has at most four bytes");
    }
  }
  text() {
    const bytes = this.take(this.number(2));
    return textOf(bytes) ?? hex(bytes);
  }
}

/** The tree that grows while a packet is read. */
class Fields {
  constructor(reader, list = []) {
    this.reader = reader;
    this.list = list;
  }
  /** A field of whatever `read` takes; `show` makes its words from what `read` gives. */
  add(name, read, show = String, more = {}) {
    const at = this.reader.at;
    const got = read(this.reader);
    const field = { name, value: show(got), at, size: this.reader.at - at, ...more };
    this.list.push(field);
    return got;
  }
  /** A field that holds others. */
  group(name, value, read) {
    const at = this.reader.at;
    const field = { name, value, at, size: 0, fields: [] };
    this.list.push(field);
    const result = read(new Fields(this.reader, field.fields), field);
    field.size = this.reader.at - at;
    return result;
  }
  number(name, count, show) {
    return this.add(name, (reader) => reader.number(count), show);
  }
  text(name, more) {
    return this.add(
      name,
      (reader) => reader.text(),
      (text) => text || "(empty)",
      more,
    );
  }
  /** One byte whose bits are fields: rows of [name, mask, show]. */
  bits(name, rows, value = (byte) => `0x${hex([byte])}`) {
    const at = this.reader.at;
    const byte = this.reader.number(1);
    const fields = rows.map(([label, mask, show]) => {
      const shift = 31 - Math.clz32(mask & -mask);
      const part = (byte & mask) >> shift;
      return { name: label, value: show(part, byte), bits: pattern(byte, mask), at, size: 1 };
    });
    this.list.push({ name, value: value(byte), at, size: 1, fields });
    return byte;
  }
}

/** "···· 001·": the bits of the mask, and dots for the others. */
function pattern(byte, mask) {
  let text = "";
  for (let bit = 7; bit >= 0; --bit) {
    text += mask & (1 << bit) ? (byte >> bit) & 1 : "·";
    if (bit === 4) text += " ";
  }
  return text;
}

const yesNo = (bit) => (bit ? "yes" : "no");

function fixedHeader(fields, type) {
  const flags = packetFlags(type);
  const rows = [["Packet type", 0xf0, () => `${type} ${packetName(type)}`]];
  if (packetName(type) === "PUBLISH") {
    rows.push(
      ["DUP", 0x08, (dup) => (dup ? "a repetition" : "the first time")],
      ["QoS", 0x06, (qos) => `${qos}`],
      ["RETAIN", 0x01, yesNo],
    );
  } else {
    rows.push([
      "Flags",
      0x0f,
      (got) => (got === flags ? "as they must be" : "not as they must be"),
    ]);
  }
  fields.group("Fixed header", "", (inner, field) => {
    inner.bits("Type and flags", rows);
    const left = inner.add(
      "Remaining Length",
      (reader) => reader.variable(),
      (n) => `${n} B`,
    );
    field.value = `${left} B follow`;
    if (left !== inner.reader.left)
      throw new Ended(`${left} bytes are to follow, ${inner.reader.left} do`);
  });
}

function propertyField(fields, type, row) {
  const reader = fields.reader;
  const at = reader.at;
  reader.variable();
  const widths = { byte: 1, "two byte": 2, "four byte": 4 };
  let value;
  if (widths[row.type]) value = numberText(row, reader.number(widths[row.type]));
  else if (row.type === "variable byte") value = numberText(row, reader.variable());
  else if (row.type === "text") value = reader.text();
  else if (row.type === "pair") value = `${reader.text()} = ${reader.text()}`;
  else value = hex(reader.take(reader.number(2)));
  const secret = row.name === "Authentication Data";
  fields.list.push({
    name: row.name,
    value,
    note: `0x${hex([row.id])}`,
    at,
    size: reader.at - at,
    secret,
  });
}

function properties(fields, place, name = "Properties") {
  fields.group(name, "", (inner, field) => {
    const size = inner.add(
      "Length",
      (reader) => reader.variable(),
      (n) => `${n} B`,
    );
    const end = inner.reader.at + size;
    if (size > inner.reader.left) throw new Ended(`properties of ${size} B do not fit`);
    let count = 0;
    for (; inner.reader.at < end; ++count) {
      const id = inner.reader.bytes[inner.reader.at];
      const row = property(id);
      if (!row) throw new Ended(`0x${hex([id])} is no property`);
      propertyField(inner, place, row);
    }
    field.value = count === 0 ? "none" : `${count}`;
  });
}

function reason(fields, type) {
  return fields.number(
    "Reason Code",
    1,
    (code) => `0x${hex([code])} ${reasonName(code, type) ?? "not of this packet"}`,
  );
}

const readers = {
  CONNECT(fields, packet) {
    fields.text("Protocol Name");
    packet.version = fields.number(
      "Protocol Version",
      1,
      (level) => `${level}: MQTT ${{ 3: "3.1", 4: "3.1.1", 5: "5.0" }[level] ?? "?"}`,
    );
    const flags = fields.bits("Connect Flags", [
      ["User Name", 0x80, yesNo],
      ["Password", 0x40, yesNo],
      ["Will Retain", 0x20, yesNo],
      ["Will QoS", 0x18, String],
      ["Will", 0x04, yesNo],
      [packet.version === 5 ? "Clean Start" : "Clean Session", 0x02, yesNo],
      ["Reserved", 0x01, String],
    ]);
    fields.number("Keep Alive", 2, (s) => (s ? `${s} s` : "off"));
    if (packet.version === 5) properties(fields, packet.type);
    const id = fields.text("Client Identifier");
    if (flags & 0x04) {
      if (packet.version === 5) properties(fields, WILL, "Will Properties");
      fields.text("Will Topic");
      fields.add("Will Payload", (reader) => reader.text());
    }
    if (flags & 0x80) fields.text("User Name");
    if (flags & 0x40)
      fields.add(
        "Password",
        (reader) => reader.take(reader.number(2)).length,
        (size) => `${size} B, not shown`,
        { secret: true },
      );
    return `${id || "(no client id)"} · ${flags & 2 ? "clean" : "resume"}${flags & 4 ? " · will" : ""}`;
  },
  CONNACK(fields, packet) {
    const flags = fields.bits("Acknowledge Flags", [
      ["Reserved", 0xfe, String],
      ["Session Present", 0x01, yesNo],
    ]);
    let code;
    if (packet.version === 5) {
      code = reason(fields, packet.type);
      properties(fields, packet.type);
    } else {
      code = fields.number("Return Code", 1, (got) => `${got} ${RETURN_CODES[got] ?? "?"}`);
    }
    const name = packet.version === 5 ? reasonName(code, packet.type) : RETURN_CODES[code];
    return `${name ?? code}${flags & 1 ? " · session present" : ""}`;
  },
  PUBLISH(fields, packet) {
    const flags = packet.bytes[0];
    const qos = (flags >> 1) & 3;
    const topic = fields.text("Topic Name");
    const id = qos ? fields.number("Packet Identifier", 2) : 0;
    if (packet.version === 5) properties(fields, packet.type);
    const size = fields.reader.left;
    fields.add("Payload", (reader) => reader.take(reader.left), payloadText);
    const marks = [`QoS ${qos}`, id && `id ${id}`, flags & 1 && "retain", flags & 8 && "dup"];
    return [topic, ...marks.filter(Boolean), `${size} B`].join(" · ");
  },
  SUBSCRIBE(fields, packet) {
    const id = fields.number("Packet Identifier", 2);
    if (packet.version === 5) properties(fields, packet.type);
    const filters = [];
    while (fields.reader.left) {
      fields.group("Subscription", "", (inner, field) => {
        field.value = inner.text("Topic Filter");
        filters.push(field.value);
        const qos = ["Maximum QoS", 0x03, String];
        inner.bits(
          "Subscription Options",
          packet.version === 5
            ? [
                ["Reserved", 0xc0, String],
                ["Retain Handling", 0x30, (n) => `${n}: ${RETAIN_HANDLING[n] ?? "?"}`],
                ["Retain As Published", 0x08, yesNo],
                ["No Local", 0x04, yesNo],
                qos,
              ]
            : [["Reserved", 0xfc, String], qos],
        );
      });
    }
    return `${filters.join(", ")} · id ${id}`;
  },
  SUBACK(fields, packet) {
    const id = fields.number("Packet Identifier", 2);
    if (packet.version === 5) properties(fields, packet.type);
    const codes = [];
    while (fields.reader.left) codes.push(reason(fields, packet.type));
    return `${codes.map((code) => reasonName(code, packet.type) ?? code).join(", ")} · id ${id}`;
  },
  UNSUBSCRIBE(fields, packet) {
    const id = fields.number("Packet Identifier", 2);
    if (packet.version === 5) properties(fields, packet.type);
    const filters = [];
    while (fields.reader.left) filters.push(fields.text("Topic Filter"));
    return `${filters.join(", ")} · id ${id}`;
  },
  UNSUBACK(fields, packet) {
    const id = fields.number("Packet Identifier", 2);
    if (packet.version === 5) properties(fields, packet.type);
    const codes = [];
    while (fields.reader.left) codes.push(reasonName(reason(fields, packet.type), packet.type));
    return [...codes, `id ${id}`].join(" · ");
  },
  PINGREQ: () => "",
  PINGRESP: () => "",
  DISCONNECT: ended,
  AUTH: ended,
  PUBACK: acknowledgement,
  PUBREC: acknowledgement,
  PUBREL: acknowledgement,
  PUBCOMP: acknowledgement,
};

// A Reason Code that is left out is 0, and so are properties.
function ended(fields, packet) {
  const code = fields.reader.left ? reason(fields, packet.type) : 0;
  if (fields.reader.left) properties(fields, packet.type);
  return packet.version === 5 ? (reasonName(code, packet.type) ?? `${code}`) : "";
}

function acknowledgement(fields, packet) {
  const id = fields.number("Packet Identifier", 2);
  const outcome = ended(fields, packet);
  return `id ${id}${outcome ? ` · ${outcome}` : ""}`;
}

/**
 * Explains one packet. `bytes` are all of it; `version` is the connection's: 3, 4 or 5, and CONNECT
 * says its own. Gives {type, name, version, summary, fields}; a field is {name, value, at, size} in
 * bytes of the packet, perhaps with `bits`, `note`, `secret`, and `fields` of its own. What cannot be
 * read becomes one last field that says why.
 */
export function dissect(bytes, version) {
  const type = bytes[0] >> 4;
  const packet = { bytes, type, name: packetName(type), version, summary: "", fields: [] };
  const fields = new Fields(new Reader(bytes), packet.fields);
  try {
    fixedHeader(fields, type);
    packet.summary = readers[packet.name]?.(fields, packet) ?? "";
    if (fields.reader.left) throw new Ended(`${fields.reader.left} bytes too many`);
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    const at = fields.reader.at;
    packet.fields.push({ name: "Malformed", value: error.message, at, size: bytes.length - at });
    packet.summary = `malformed: ${error.message}`;
  }
  return packet;
}
