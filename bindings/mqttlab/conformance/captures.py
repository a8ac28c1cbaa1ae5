"""A capture of each case, for Wireshark.

In virtual time it is cut out of the run's: every IP packet of the case's connections, as the
simulated network carried it. On real sockets nobody listens in, so it is made from the case's log:
what its peers said and heard, at the times when they did, in MQTT over TCP whatever was beneath.
Addresses, ports and TCP's headers are made up then, and the file says so to whoever opens it.
"""

from __future__ import annotations

import ipaddress
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mqttlab.conformance.runner import Outcome
from mqttlab.conformance.trial import Entry

__all__ = ["FOLDER", "made", "split", "write"]

FOLDER = "pcap"
Key = tuple[str, str]  # name of a case, and version

_FILE, _RECORD = struct.Struct("<IHHiIII"), struct.Struct("<IIII")
_RAW = 101  # link type: bare IP packets
_MADE = (
    "Made from the log of {name} ({version}): what its peers said and heard, when they did. "
    "Addresses, ports and TCP headers are made up."
)
_TARGET = (ipaddress.IPv4Address("198.51.100.1"), 1883)
_PEERS = ipaddress.IPv4Address("192.0.2.1")
_FIRST_PORT = 49_152
_SEGMENT = 16_384  # bytes: an IP packet has less than 64 KiB
_FIN, _SYN, _RST, _ACK, _PSH = 0x01, 0x02, 0x04, 0x10, 0x18


def write(outcomes: Sequence[Outcome], whole: Path | None, out: Path) -> dict[Key, str]:
    """A file for each case with a log, in out/pcap; gives their paths in `out`. `whole`: the run's
    capture, if it has one.
    """
    cut = split(whole, outcomes) if whole else {}
    paths = {}
    for one in outcomes:
        key = (one.case.name, one.version)
        data = cut.get(key) if whole else made(one)
        if data and any(entry.on_the_wire for entry in one.log):
            path = f"{FOLDER}/{one.case.name}-{one.version}.pcap{'' if whole else 'ng'}"
            (out / FOLDER).mkdir(parents=True, exist_ok=True)
            (out / path).write_bytes(data)
            paths[key] = path
    return paths


def split(whole: Path, outcomes: Iterable[Outcome]) -> dict[Key, bytes]:
    """Each case's packets of a capture with link type RAW, as a capture."""
    owners = {
        address: (one.case.name, one.version)
        for one in outcomes
        if one.trial
        for address in one.trial.addresses
    }
    data = whole.read_bytes()
    packets: dict[Key, list[bytes]] = defaultdict(list)
    at = _FILE.size
    while at < len(data):
        size = _RECORD.unpack_from(data, at)[2]
        record = data[at : at + _RECORD.size + size]
        at += len(record)
        for address in _addresses(record[_RECORD.size :]):
            if address in owners:
                packets[owners[address]].append(record)
                break
    return {key: data[: _FILE.size] + b"".join(records) for key, records in packets.items()}


def _addresses(packet: bytes) -> Iterator[tuple[str, int]]:
    """Both ends of a TCP segment over IP."""
    if packet[0] >> 4 == 4:
        size, tcp = 4, packet[(packet[0] & 0x0F) * 4 :]
        hosts = packet[12:16], packet[16:20]
    else:
        size, tcp = 16, packet[40:]
        hosts = packet[8:24], packet[24:40]
    if len(tcp) >= 4 and len(hosts[1]) == size:
        for host, port in zip(hosts, struct.unpack_from(">HH", tcp), strict=True):
            yield str(ipaddress.ip_address(host)), port


# Made ones.


@dataclass
class _Stream:
    """One made-up TCP connection between a peer and the target."""

    peer: tuple[ipaddress.IPv4Address, int]
    from_client: bool  # the peer is the one that dials
    numbers: dict[bool, int]  # the next sequence number, of what the peer sends and hears
    is_open: bool = False

    def segment(self, by_peer: bool, flags: int, payload: bytes = b"") -> bytes:
        source, target = (self.peer, _TARGET) if by_peer else (_TARGET, self.peer)
        acknowledged = 0 if flags == _SYN else self.numbers[not by_peer]
        head = struct.pack(
            ">HHIIBBHHH", source[1], target[1], self.numbers[by_peer], acknowledged,
            5 << 4, flags, 0xFFFF, 0, 0,
        )  # fmt: skip
        pseudo = source[0].packed + target[0].packed + struct.pack(">BBH", 0, 6, 20 + len(payload))
        tcp = _summed(head, 16, pseudo + head + payload) + payload
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0)
        ip += source[0].packed + target[0].packed
        self.numbers[by_peer] += len(payload) + bool(flags & (_SYN | _FIN))
        return _summed(ip, 10, ip) + tcp

    def open(self) -> list[bytes]:
        self.is_open = True
        dials = self.from_client
        return [
            self.segment(dials, _SYN),
            self.segment(not dials, _SYN | _ACK),
            self.segment(dials, _ACK),
        ]

    def packets(self, entry: Entry) -> list[bytes]:
        packets = [] if self.is_open else self.open()
        if entry.direction == "end":
            flags = _RST | _ACK if entry.text == "reset" else _FIN | _ACK
            return [*packets, self.segment(entry.text == "local", flags)]
        by_peer = entry.direction == "sent"
        pieces = [entry.data[i : i + _SEGMENT] for i in range(0, len(entry.data), _SEGMENT)]
        return [*packets, *(self.segment(by_peer, _PSH, piece) for piece in pieces)]


def _summed(head: bytes, at: int, data: bytes) -> bytes:
    """With the Internet checksum of `data` at `at`."""
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return head[:at] + struct.pack(">H", ~total & 0xFFFF) + head[at + 2 :]


def made(outcome: Outcome) -> bytes:
    """A capture (pcapng) out of a case's log."""
    comment = _MADE.format(name=outcome.case.name, version=outcome.version)
    header = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _option(1, comment.encode()) + bytes(4)
    interface = struct.pack("<HHI", _RAW, 0, 0) + _option(9, b"\x09") + bytes(4)  # nanoseconds
    blocks = [_block(0x0A0D0D0A, header), _block(1, interface)]
    streams: dict[str, _Stream] = {}
    for entry in (one for one in outcome.log if one.on_the_wire):
        if entry.peer not in streams:
            number = len(streams)
            peer = (_PEERS + number, _FIRST_PORT + number)
            is_client = outcome.case.end == "server"
            streams[entry.peer] = _Stream(peer, is_client, {True: 0, False: 0})
        ns = round(entry.at_s * 1e9)
        for packet in streams[entry.peer].packets(entry):
            head = struct.pack("<IIIII", 0, ns >> 32, ns & 0xFFFFFFFF, len(packet), len(packet))
            blocks.append(_block(6, head + packet + bytes(-len(packet) % 4)))
    return b"".join(blocks)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size
