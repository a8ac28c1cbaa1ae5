// A WebSocket whose MQTT packets are shown to somebody, in both directions.

/** Cuts a byte stream into packets, whatever pieces it comes in. */
export class Framer {
  #bytes = new Uint8Array(0);

  /** Gives the packets that are whole now, as Uint8Arrays. */
  push(piece) {
    const joined = new Uint8Array(this.#bytes.length + piece.length);
    joined.set(this.#bytes);
    joined.set(piece, this.#bytes.length);
    this.#bytes = joined;
    const packets = [];
    for (let size; (size = this.#size()) && size <= this.#bytes.length;) {
      packets.push(this.#bytes.slice(0, size));
      this.#bytes = this.#bytes.subarray(size);
    }
    return packets;
  }

  /** Of the first packet, in bytes; 0 while that is not known. */
  #size() {
    let size = 0;
    for (let i = 1; i < Math.min(5, this.#bytes.length); ++i) {
      size += (this.#bytes[i] & 127) * 128 ** (i - 1);
      if (this.#bytes[i] < 128) return 1 + i + size;
    }
    return 0;
  }
}

/**
 * Opens a WebSocket and calls `seen(direction, bytes)` for each packet: "sent" or "received". Packets
 * that arrive together come one by one, in order.
 */
export function tappedWebSocket(url, protocols, seen) {
  const socket = new WebSocket(url, protocols);
  const framers = { sent: new Framer(), received: new Framer() };
  const tap = (direction, piece) => {
    for (const packet of framers[direction].push(piece)) seen(direction, packet);
  };
  const send = socket.send.bind(socket);
  socket.send = (piece) => {
    tap("sent", new Uint8Array(piece.buffer ?? piece, piece.byteOffset ?? 0, piece.byteLength));
    send(piece);
  };
  socket.addEventListener("message", ({ data }) => tap("received", new Uint8Array(data)));
  return socket;
}
