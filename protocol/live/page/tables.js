// The tables of protocol/wire, as /page.json has them: packet types, properties, reason codes.

let tables = { packets: [], properties: [], reasons: [] };

/** Sets the tables; everything that explains packets or offers properties looks them up here. */
export function useTables(loaded) {
  tables = loaded;
}

export const WILL = 16; // where properties may stand, beside the packet types

/** "PUBLISH" for 3. */
export function packetName(type) {
  return tables.packets[type]?.name ?? "?";
}

/** The number of a packet type by its name. */
export function packetType(name) {
  return tables.packets.findIndex((packet) => packet.name === name);
}

/** The flags that the fixed header of this type must have; PUBLISH has its own. */
export function packetFlags(type) {
  return tables.packets[type]?.flags ?? 0;
}

export function property(id) {
  return tables.properties.find((row) => row.id === id);
}

/** The properties that may stand in a packet of this type, or in the Will. */
export function propertiesOf(place) {
  return tables.properties.filter((row) => row.places.includes(place));
}

/** "Not authorized" for 0x87; null for a code that packets of this type do not have. */
export function reasonName(code, type) {
  const has = (row) => row.client.includes(type) || row.server.includes(type);
  return tables.reasons.find((row) => row.code === code && has(row))?.name;
}

/** The rows {code, name} of the reason codes that a client may send in packets of this type. */
export function clientReasons(type) {
  return tables.reasons.filter((row) => row.client.includes(type));
}
