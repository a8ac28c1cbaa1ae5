"""A second opinion on a run: tshark, an independent dissector, reads the capture of `--pcap`.

It reads TLS by the key log beside the capture, and WebSocket, of which it does not know by itself
that it carries MQTT, by a line of Lua. A packet that needs several frames, from 16 KiB on, it does
not put together.

A receiver-side capture shows every segment that came through, also those that found their
connection gone: an end that has given up does not hear what TCP on the other side sends once more.
Packets of such segments are counted apart, as `late`.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mqttlab import _sim
from mqttlab.errors import Error, UsageError
from mqttlab.figures.view import TraceView
from mqttlab.result import Result
from mqttlab.trace import End, Kind, Packet

__all__ = ["Comparison", "compare"]

_PORTS = {str(port) for port in _sim.ports.values()}  # of the broker's site
_MQTT_IN_WEB_SOCKET = 'DissectorTable.get("ws.protocol"):add("mqtt", Dissector.get("mqtt"))\n'
_FIELDS = ("frame.time_epoch", "tcp.stream", "tcp.dstport", "mqtt.msgtype", "mqtt.len")


@dataclass(frozen=True)
class _Seen:
    """One control packet as tshark saw it; time is of the segment that completed it."""

    at: int  # ns
    stream: int
    receiver: End
    packet: int
    size: int  # bytes, fixed header included


@dataclass
class Comparison:
    """What tshark and the trace say about the packets that arrived."""

    tshark: Counter[tuple[Packet, End]] = field(default_factory=Counter)
    trace: Counter[tuple[Packet, End]] = field(default_factory=Counter)
    tshark_bytes: int = 0
    trace_bytes: int = 0
    late: int = 0  # packets whose receiver had closed before
    malformed: int = 0

    @property
    def differences(self) -> list[str]:
        """One line for each count that differs; empty if both agree."""
        lines = [
            f"{packet.name} at the {end.name.lower()}: tshark {self.tshark[packet, end]}, "
            f"trace {self.trace[packet, end]}"
            for packet in Packet
            for end in End
            if self.tshark[packet, end] != self.trace[packet, end]
        ]
        if self.tshark_bytes != self.trace_bytes:
            lines.append(f"bytes of packets: tshark {self.tshark_bytes}, trace {self.trace_bytes}")
        if self.malformed:
            lines.append(f"malformed packets: tshark {self.malformed}")
        return lines


def compare(result: Result) -> Comparison:
    """Counts packets in a run's capture and in its trace, each at the receiving end.

    Errors: UsageError without a receiver-side capture; Error if tshark is missing or fails.
    """
    if result.pcap is None or result.pcap_side != "receiver":
        raise UsageError("capture: needs a run with pcap=FILE and pcap_side='receiver'")
    view = TraceView(result)
    arrived = view.of(Kind.ARRIVED)
    found = Comparison(trace_bytes=int(view.events["bytes"][arrived].sum()))
    for packet, end in zip(
        view.events["packet"][arrived].tolist(), view.events["end"][arrived].tolist(), strict=True
    ):
        found.trace[Packet(packet), End(end)] += 1
    seen = list(_packets(result.pcap, result.key_log))
    ends = _ends(view, seen)
    for one in seen:
        end = ends.get((one.stream, one.receiver))
        if end and (one.at > end.at or (one.at == end.at and not end.takes(one.packet))):
            found.late += 1
            continue
        found.tshark[Packet(one.packet), one.receiver] += 1
        found.tshark_bytes += one.size
    found.malformed = len(_tshark(result.pcap, result.key_log, "_ws.malformed", ("frame.number",)))
    return found


@dataclass
class _End:
    """One end of a connection: the time at which it closed, and what it still took then."""

    at: int  # ns
    taken: Counter[int] = field(default_factory=Counter)

    def takes(self, packet: int) -> bool:
        """Whether it took one more packet of this type in the instant in which it closed."""
        self.taken[packet] -= 1
        return self.taken[packet] >= 0


def _ends(view: TraceView, seen: list[_Seen]) -> dict[tuple[int, End], _End]:
    """By tcp.stream and receiving end. A stream is known by the nanosecond at which its CONNECT
    arrived at the broker."""
    connects = view.of(Kind.ARRIVED, end=End.BROKER, packet=Packet.CONNECT)
    number = {
        int(view.events["at"][event]): int(view.events["connection"][event]) for event in connects
    }
    stream_of = {
        number[one.at]: one.stream
        for one in seen
        if one.packet == Packet.CONNECT and one.at in number
    }
    ends: dict[tuple[int, End], _End] = {}
    at = np.append(view.events["at"], np.iinfo(np.int64).max)
    for end in End:
        first = view.first_per_connection(view.of(Kind.CLOSED, end=end))
        for connection, stream in stream_of.items():
            ends[stream, end] = _End(int(at[first[connection]]))
    arrived = view.of(Kind.ARRIVED)
    closing = [end.at for end in ends.values()]
    for event in arrived[np.isin(view.events["at"][arrived], closing)]:
        row = view.events[event]
        stream = stream_of.get(int(row["connection"]), -1)
        of = ends.get((stream, End(row["end"])))
        if of and of.at == row["at"]:
            of.taken[int(row["packet"])] += 1
    return ends


def _packets(pcap: Path, key_log: Path | None) -> Iterator[_Seen]:
    """Every control packet in a capture, in order."""
    for time, stream, port, kinds, lengths in _tshark(pcap, key_log, "mqtt", _FIELDS):
        seconds, _, fraction = time.partition(".")
        at = int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))
        receiver = End.BROKER if port in _PORTS else End.CLIENT
        for kind, length in zip(kinds.split(","), lengths.split(","), strict=True):
            remaining = int(length)
            yield _Seen(at, int(stream), receiver, int(kind), remaining + _header(remaining))


def _header(remaining: int) -> int:
    """Bytes of a fixed header with this remaining length (section 2.2.3)."""
    return 2 + sum(remaining >= limit for limit in (128, 16_384, 2_097_152))


def _tshark(
    pcap: Path, key_log: Path | None, display_filter: str, fields: tuple[str, ...]
) -> list[list[str]]:
    program = shutil.which("tshark")
    if program is None:
        raise Error("capture: tshark is not installed; on Debian: apt-get install tshark")
    words = [program, "-n", "-r", str(pcap), "-Y", display_filter, "-T", "fields"]
    # Without this, tshark loses the stream at the first lost segment.
    words += ["-o", "tcp.reassemble_out_of_order:TRUE"]
    words += ["-o", f"tls.keylog_file:{key_log}"] if key_log else []
    for one in fields:
        words += ["-e", one]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_MQTT_IN_WEB_SOCKET)
        script.flush()
        words += ["-X", f"lua_script:{script.name}"]
        done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Error(f"capture: tshark cannot read {str(pcap)!r}: {reason}")
    return [line.split("\t") for line in done.stdout.splitlines()]
