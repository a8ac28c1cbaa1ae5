"""TLS 1.3 records in a capture: their headers are plain text, so they are counted without keys."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from mqttlab.errors import Error
from mqttlab.fit.captures import Address, Segment

__all__ = ["PARTS", "RECORD_BYTES", "records"]

RECORD_BYTES = 22
"""What TLS 1.3 adds to what a record carries: header, content type, AES-GCM's tag."""
PARTS = (
    "client_hello", "server_hello", "change_cipher_spec", "encrypted_extensions", "certificate",
    "certificate_verify", "finished", "tickets", "data",
)  # fmt: skip
"""What records are of, in order; both ends send `change_cipher_spec`, `finished` and `data`."""
_CLIENT = ("client_hello", "change_cipher_spec", "finished")
_SERVER = (
    "server_hello", "change_cipher_spec", "encrypted_extensions", "certificate",
    "certificate_verify", "finished",
)  # fmt: skip
_HEADER_BYTES = 5
_HANDSHAKE = b"\x16"


def records(
    client: Address, server: Address, segments: Sequence[Segment], connack_bytes: int
) -> dict[str, int]:
    """Bytes of a connection's TLS by PARTS, of `data` RECORD_BYTES a record; empty without TLS.

    By place, as each message of OpenSSL's handshake has a record of its own (RFC 8446, figure 1)
    and tickets are what a server sends between it and CONNACK, the first answer of MQTT. `segments`
    keep their payloads. Errors: mqttlab.Error if the capture has not all bytes.
    """
    up, down = (_stream(end, segments) for end in (client, server))
    if not up.startswith(_HANDSHAKE):
        return {}
    found = dict.fromkeys(PARTS, 0)
    ours, theirs = _lengths(up), _lengths(down)
    for names, lengths in ((_CLIENT, ours), (_SERVER, theirs)):
        for name, length in zip(names, lengths, strict=False):
            found[name] += length
    after = theirs[len(_SERVER) :]
    tickets = list(takewhile(lambda one: one != RECORD_BYTES + connack_bytes, after))
    found["tickets"] = sum(tickets)
    found["data"] = RECORD_BYTES * (len(ours) - len(_CLIENT) + len(after) - len(tickets))
    return found


def _stream(source: Address, segments: Sequence[Segment]) -> bytes:
    """What one end has sent, what was repeated once."""
    mine = [one for one in segments if one.source == source]
    carrying = [one for one in mine if one.payload_bytes]
    found = bytearray()
    for one in sorted(carrying, key=lambda one: _place(one, mine[0])):
        place = _place(one, mine[0]) - 1  # SYN takes a number
        if len(one.payload) < one.payload_bytes or place > len(found):
            raise Error("validation: the capture has not all bytes of a connection; repeat it")
        found[place : place + len(one.payload)] = one.payload
    return bytes(found)


def _place(one: Segment, first: Segment) -> int:
    return (one.sequence - first.sequence) % 2**32


def _lengths(stream: bytes) -> list[int]:
    """Of the records in it, with their headers."""
    found, at = [], 0
    while at < len(stream):
        found.append(_HEADER_BYTES + int.from_bytes(stream[at + 3 : at + _HEADER_BYTES], "big"))
        at += found[-1]
    return found
