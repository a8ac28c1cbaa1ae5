"""TCP segments of a capture (pcap or pcapng), in order."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mqttlab.errors import Error, UsageError

__all__ = ["Capture", "Segment", "connections", "read"]

FIN, SYN, ACK = 1, 2, 16
_RAW_IP = (12, 14, 101, 228, 229)  # numbers of link types that are IP without frames
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment as the capture has it."""

    at_s: float  # since the first packet
    source: Address
    destination: Address
    sequence: int
    acknowledged: int | None
    flags: int
    payload_bytes: int
    ip_bytes: int
    payload: bytes = b""
    """If `read` was to keep it, and the capture has it."""

    @property
    def takes(self) -> int:
        """How many sequence numbers it takes."""
        return self.payload_bytes + bool(self.flags & SYN) + bool(self.flags & FIN)


@dataclass(frozen=True)
class Capture:
    """What a file has of TCP."""

    segments: list[Segment]
    others: int
    """Packets that are none of TCP's over IP."""
    cut: bool
    """It breaks off inside a packet."""
    interrupted: bool


def read(path: Path, *, payloads: bool = False) -> Capture:
    """Reads a capture; Ctrl-C ends it with what there is. Errors: UsageError in one line.

    `payloads`: keeps what the segments carry; large captures are large in memory then.
    """
    dpkt = _dpkt()
    segments: list[Segment] = []
    others, cut, interrupted = 0, False, False
    try:
        with path.open("rb") as file, _shown(file, path) as shown:
            try:
                reader = dpkt.pcap.UniversalReader(shown)
                decode = _decoder(dpkt, reader.datalink(), path)
                first = None
                for at, packet in reader:
                    first = at if first is None else first
                    segment = _segment(dpkt, decode, float(at - first), packet, payloads)
                    if segment is None:
                        others += 1
                    else:
                        segments.append(segment)
            except KeyboardInterrupt:
                interrupted = True
            except (ValueError, dpkt.UnpackError) as error:
                if not segments and not others:
                    raise UsageError(
                        f"fit: {str(path)!r} is neither a capture (pcap, pcapng) nor a log, "
                        f"which is text: {error}"
                    ) from None
                cut = True
    except OSError as error:
        raise UsageError(f"fit: cannot read {str(path)!r}: {error.strerror}") from None
    segments.sort(key=lambda one: one.at_s)
    return Capture(segments, others, cut, interrupted)


def _dpkt() -> Any:
    try:
        import dpkt  # type: ignore[import-untyped]
    except ImportError:
        raise Error(
            "fit: captures are read by dpkt; install it: pip install 'mqttlab[fit]'"
        ) from None
    return dpkt


def _shown(file: BinaryIO, path: Path) -> Any:
    """The file, with a bar of how far it has been read on a terminal."""
    from rich.console import Console
    from rich.progress import wrap_file

    console = Console(stderr=True)
    return wrap_file(
        file, path.stat().st_size, description=f"reading {path.name}", console=console,
        disable=not console.is_terminal, transient=True,
    )  # fmt: skip


def _decoder(dpkt: Any, datalink: int, path: Path) -> Any:
    """From a frame to the IP packet in it."""
    kinds = {
        dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
        dpkt.pcap.DLT_NULL: dpkt.loopback.Loopback,
        dpkt.pcap.DLT_LOOP: dpkt.loopback.Loopback,
        dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
        dpkt.pcap.DLT_LINUX_SLL2: dpkt.sll2.SLL2,
    }
    if datalink in _RAW_IP:
        return lambda frame: (dpkt.ip6.IP6 if frame[0] >> 4 == 6 else dpkt.ip.IP)(frame)
    if datalink not in kinds:
        raise UsageError(
            f"fit: {str(path)!r} is of link type {datalink}; known are Ethernet, Linux cooked, "
            "loopback and raw IP"
        )
    kind = kinds[datalink]
    return lambda frame: kind(frame).data


def _segment(dpkt: Any, decode: Any, at_s: float, frame: bytes, payloads: bool) -> Segment | None:
    try:
        ip = decode(frame)
        tcp = ip.data
        if not isinstance(tcp, dpkt.tcp.TCP):
            return None
    except (dpkt.UnpackError, IndexError):
        return None
    six = isinstance(ip, dpkt.ip6.IP6)
    # Captures may keep the headers only: sizes are those of the IP header.
    ip_bytes = ip.plen + 40 if six else ip.len
    headers = (40 if six else ip.hl * 4) + tcp.off * 4
    return Segment(
        at_s,
        (_name(ip.src), tcp.sport),
        (_name(ip.dst), tcp.dport),
        tcp.seq,
        tcp.ack if tcp.flags & ACK else None,
        tcp.flags,
        max(ip_bytes - headers, 0),
        ip_bytes,
        bytes(tcp.data)[: max(ip_bytes - headers, 0)] if payloads else b"",
    )


def _name(address: bytes) -> str:
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    return str(ipaddress.ip_address(socket.inet_ntop(family, address)))


def connections(segments: list[Segment]) -> Iterator[tuple[Address, Address, list[Segment]]]:
    """(client's address, server's, segments) of each connection, in order of their first segment.

    The client is who sent SYN, or else who has the higher port. A new SYN of the same addresses
    begins a new connection.
    """
    open_ones: dict[tuple[Address, Address], tuple[Address, Address, list[Segment]]] = {}
    for segment in segments:
        ends = (segment.source, segment.destination)
        key = (min(ends), max(ends))
        known = open_ones.get(key)
        begins = segment.flags & SYN and not segment.flags & ACK
        if begins and known and not _repeats(known[2], segment):
            yield open_ones.pop(key)
            known = None
        if known is None:
            client, server = ends
            answers = segment.flags & SYN and segment.flags & ACK
            if answers or (not begins and segment.source[1] < segment.destination[1]):
                client, server = server, client
            open_ones[key] = known = (client, server, [])
        known[2].append(segment)
    yield from open_ones.values()


def _repeats(before: list[Segment], syn: Segment) -> bool:
    return any(one.flags & SYN and one.sequence == syn.sequence for one in before)
