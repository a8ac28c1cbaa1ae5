"""Packets of the scriptable peer. What it gets is decoded by our codec, strictly; what it sends is
put together here, and may be anything: a codec that refuses to break a rule cannot test one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mqttlab import _core

__all__ = [
    "PACKETS",
    "Packet",
    "Parser",
    "decode",
    "encode",
    "frame",
    "number",
    "properties",
    "text",
    "variable",
]

PACKETS: dict[str, int] = {name: index for index, name in enumerate(_core.packets, 1)}
_PROPERTIES: dict[str, tuple[int, str]] = {
    name: (number, kind) for name, number, kind in _core.property_table()
}
_LOW_NIBBLE = {"PUBREL": 2, "SUBSCRIBE": 2, "UNSUBSCRIBE": 2}
_WIDTH = {"byte": 1, "two_byte_integer": 2, "four_byte_integer": 4}
V5 = 5


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet that has arrived: its bytes, and its fields by the names of packet.h."""

    raw: bytes
    fields: dict[str, Any]
    version: int
    at: float = 0.0  # seconds, on the clock of the event loop

    @property
    def type(self) -> str:
        """ "CONNACK", ...; "?" for bytes that name no packet."""
        name: str = self.fields["type"]
        return name

    @property
    def violation(self) -> tuple[int, str] | None:
        """Reason code and statement of the rule of the wire format that it breaks."""
        found: tuple[int, str] | None = self.fields.get("violation")
        return found

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"a {self.type} has no {name}") from None

    def property(self, name: str) -> Any:
        """The value of its first property of this name; None if it has none."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[Any]:
        """The values of all its properties of this name, in order."""
        return [value for known, value in self.fields.get("properties", ()) if known == name]

    def changed(self, **fields: Any) -> bytes:
        """The bytes of the same packet with other fields; properties by their names, None: none."""
        apart = ("type", "version", "properties")
        merged = {k: v for k, v in self.fields.items() if k not in apart}
        kept = [(n, v) for n, v in self.fields.get("properties", ()) if n not in fields]
        return encode(self.type, self.version, **(merged | {"properties": kept} | fields))


def decode(raw: bytes, from_client: bool, version: int, at: float = 0.0) -> Packet:
    """One frame, as `from_client` or a server may send it."""
    return Packet(raw, _core.decode(raw, from_client, version), version, at)


class Parser:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Takes what has arrived; the frames that are whole now."""
        self._buffer += data
        frames = []
        while (size := self._size()) and len(self._buffer) >= size:
            frames.append(bytes(self._buffer[:size]))
            del self._buffer[:size]
        return frames

    @property
    def rest(self) -> bytes:
        """The beginning of a frame that is not whole."""
        return bytes(self._buffer)

    def _size(self) -> int | None:
        value = 0
        for index, byte in enumerate(self._buffer[1:5]):
            value |= (byte & 0x7F) << (7 * index)
            if not byte & 0x80:
                return 2 + index + value
        # A fifth length byte cannot be followed: all of it is one frame, which does not decode.
        return len(self._buffer) if len(self._buffer) >= 5 else None


def number(value: int, width: int = 2) -> bytes:
    """A big-endian integer."""
    return value.to_bytes(width)


def variable(value: int) -> bytes:
    """A variable byte integer in as few bytes as it needs."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value: str | bytes) -> bytes:
    """A string or binary field: its length, and bytes that need not be valid UTF-8."""
    data = value.encode() if isinstance(value, str) else value
    return number(len(data)) + data


def frame(first: int, *parts: bytes) -> bytes:
    """A packet: first byte, the length of what follows, what follows."""
    body = b"".join(parts)
    return bytes([first]) + variable(len(body)) + body


def properties(items: Iterable[tuple[str, Any]]) -> bytes:
    """A property set with its length; a list of values is that many properties."""
    body = bytearray()
    for name, given in items:
        identifier, kind = _PROPERTIES[name]
        for value in given if isinstance(given, list) else [given]:
            body += bytes([identifier]) + _value(kind, value)
    return variable(len(body)) + bytes(body)


def _value(kind: str, value: Any) -> bytes:
    if kind == "variable_byte_integer":
        return variable(value)
    if kind == "utf8_string_pair":
        return text(value[0]) + text(value[1])
    return number(value, _WIDTH[kind]) if kind in _WIDTH else text(value)


def encode(packet: str, version: int, **fields: Any) -> bytes:
    """A packet from its fields; absent ones have the plainest value that is valid.

    Properties are fields of their own (`topic_alias=1`, `receive_maximum=[10, 10]` for two), or
    `properties`, a list of pairs. `flags` is the low nibble of the first byte, and `tail` bytes
    that nothing accounts for, at the end.
    """
    items = list(fields.pop("properties", ()))
    for name in [name for name in fields if name in _PROPERTIES]:
        value = fields.pop(name)
        if value is not None:
            items.append((name, value))
    given = properties(items) if version >= V5 else b""
    flags = fields.pop("flags", None)
    tail = fields.pop("tail", b"")
    low, body = _BODIES[packet](version, given, **fields)
    low = _LOW_NIBBLE.get(packet, low) if flags is None else flags
    return frame(PACKETS[packet] << 4 | low, *body, tail)


Body = tuple[int, Sequence[bytes]]


def _connect(
    version: int,
    given: bytes,
    client_id: str | bytes = "",
    clean: bool = True,
    keep_alive_s: int = 0,
    will: dict[str, Any] | None = None,
    user_name: str | bytes | None = None,
    password: str | bytes | None = None,
    protocol_name: str | bytes = "MQTT",
    level: int | None = None,
    connect_flags: int | None = None,
    payload: Sequence[bytes] | None = None,
) -> Body:
    flags, fields = 2 * clean, [text(client_id)]
    if will is not None:
        rest = dict(will)
        topic, message = rest.pop("topic"), rest.pop("payload", b"")
        flags |= 4 | rest.pop("qos", 0) << 3 | rest.pop("retain", False) << 5
        items = [*rest.pop("properties", ()), *rest.items()]
        fields += [properties(items)] if version >= V5 else []
        fields += [text(topic), text(message)]
    for value, bit in ((user_name, 0x80), (password, 0x40)):
        if value is not None:
            flags |= bit
            fields.append(text(value))
    if connect_flags is not None:
        flags = connect_flags
    numbers = bytes([version if level is None else level, flags])
    head = [text(protocol_name), numbers, number(keep_alive_s)]
    return 0, [*head, given, *(fields if payload is None else payload)]


def _connack(version: int, given: bytes, session_present: int = 0, reason: int = 0) -> Body:
    return 0, [bytes([session_present, reason]), given]


def _publish(
    version: int,
    given: bytes,
    topic: str | bytes = "",
    payload: bytes = b"",
    qos: int = 0,
    retain: bool = False,
    dup: bool = False,
    packet_id: int | None = None,
) -> Body:
    identifier = number(packet_id) if qos and packet_id is not None else b""
    return dup << 3 | qos << 1 | retain, [text(topic), identifier, given, payload]


def _acknowledgement(version: int, given: bytes, packet_id: int = 1, reason: int = 0) -> Body:
    if version < V5 or (not reason and given == b"\0"):
        return 0, [number(packet_id)]
    return 0, [number(packet_id), bytes([reason]), given if given != b"\0" else b""]


def _subscribe(
    version: int,
    given: bytes,
    packet_id: int = 1,
    filters: Sequence[tuple[str | bytes, int]] = (),
) -> Body:
    return 2, [number(packet_id), given, *(text(one) + bytes([o]) for one, o in filters)]


def _unsubscribe(
    version: int, given: bytes, packet_id: int = 1, filters: Sequence[str | bytes] = ()
) -> Body:
    return 2, [number(packet_id), given, *(text(one) for one in filters)]


def _answers(version: int, given: bytes, packet_id: int = 1, codes: Sequence[int] = ()) -> Body:
    return 0, [number(packet_id), given, bytes(codes)]


def _bare(version: int, given: bytes) -> Body:
    return 0, []


def _ending(version: int, given: bytes, reason: int = 0) -> Body:
    if version < V5 or (not reason and given == b"\0"):
        return 0, []
    return 0, [bytes([reason]), given]


_BODIES: dict[str, Callable[..., Body]] = {
    "CONNECT": _connect,
    "CONNACK": _connack,
    "PUBLISH": _publish,
    **dict.fromkeys(("PUBACK", "PUBREC", "PUBREL", "PUBCOMP"), _acknowledgement),
    "SUBSCRIBE": _subscribe,
    "SUBACK": _answers,
    "UNSUBSCRIBE": _unsubscribe,
    "UNSUBACK": _answers,
    "PINGREQ": _bare,
    "PINGRESP": _bare,
    "DISCONNECT": _ending,
    "AUTH": _ending,
}
