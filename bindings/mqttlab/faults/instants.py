"""When a fault happens: at a time, or at an instant of the protocol on one connection.

Packets and bytes count on one connection, from when the fault is armed: those whose first byte
passes later. Positions are those of MQTT's bytes, at the receiver; `way` is "up" (from the device)
or "down". `connection`: the number of the device's connection, from 1; None: any that gets there.

What lies behind a place is kept back until all before it has arrived. An end that closes meanwhile
is done at once: its kernel sends what is left, as far as the place and the link let it. Of a way
that nobody reads any more no place comes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from mqttlab import units
from mqttlab.errors import UsageError
from mqttlab.faults.datum import Datum

__all__ = [
    "Arrived",
    "At",
    "Before",
    "Bytes",
    "Fired",
    "Inside",
    "Instant",
    "OfConnection",
    "OfPacket",
    "Resent",
    "Unread",
    "Written",
]

Way = Literal["up", "down"]

_UP = ("CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ")
_DOWN = ("CONNACK", "SUBACK", "UNSUBACK", "PINGRESP")
_EITHER = ("PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "DISCONNECT", "AUTH")


@dataclass(frozen=True)
class Fired:
    """An instant that has come."""

    at_ns: int
    connection: int = 0
    """The connection's number in the trace; 0: an instant of the clock."""


@dataclass(frozen=True)
class Instant(Datum, kind="instant"):
    """When a fault happens. As text: in words that follow those of the effect."""


@dataclass(frozen=True)
class At(Instant):
    """At a time of the run; of a fault that follows another, so long after that one."""

    at: float | str

    def __post_init__(self) -> None:
        units.duration_ns(self.at, "at")

    @property
    def at_ns(self) -> int:
        """In nanoseconds."""
        return units.duration_ns(self.at, "at")

    def __str__(self) -> str:
        return f"at {self.at_ns / 1e9:g} s"


@dataclass(frozen=True)
class OfConnection(Instant, ABC, is_concrete=False):
    """An instant of one of the device's connections."""

    trigger: ClassVar[str]
    """What the world calls it (protocol/link/fault.h)."""

    @abstractmethod
    def arguments(self) -> tuple[str, str, int, int, int]:
        """What the world is told: way, packet, count, bytes, and the connection or 0."""


@dataclass(frozen=True)
class Bytes(OfConnection):
    """After n bytes of one way of a connection have arrived."""

    trigger: ClassVar[str] = "bytes"

    bytes: int
    way: Way = "up"
    connection: int | None = None

    def __post_init__(self) -> None:
        units.count(self.bytes, "bytes", least=1)
        _check_way(self.way)
        _check_connection(self.connection)

    def arguments(self) -> tuple[str, str, int, int, int]:
        """See OfConnection."""
        return self.way, "", 0, self.bytes, self.connection or 0

    def __str__(self) -> str:
        return f"after {self.bytes} bytes {self.way}{_of(self.connection)}"


@dataclass(frozen=True)
class OfPacket(OfConnection, is_concrete=False):
    """An instant of the n-th control packet of a name, where the other end is still open: what
    nobody will read any more is not counted.
    """

    phrase: ClassVar[str]
    """In words, with the packet's place."""

    packet: str
    n: int = 1
    way: Way | None = None
    """Needed where both ends may send the packet."""
    connection: int | None = None

    def __post_init__(self) -> None:
        units.text(self.packet, self.name)
        only = "up" if self.packet in _UP else "down" if self.packet in _DOWN else None
        if only is None and self.packet not in _EITHER:
            raise UsageError(
                f"{self.name}: {self.packet!r} is no control packet; "
                f"known are {', '.join(_UP + _DOWN + _EITHER)}"
            )
        units.count(self.n, f"{self.name}: n", least=1, most=2**31)
        if self.way is None and only is None:
            raise UsageError(f"{self.name}: {self.packet} goes both ways; say way 'up' or 'down'")
        if self.way is not None:
            _check_way(self.way)
        if only is not None and self.way not in (None, only):
            raise UsageError(f"{self.name}: no {self.packet} goes {self.way}; leave way out")
        _check_connection(self.connection)

    @property
    def on_way(self) -> Way:
        """Whose packets are meant."""
        return self.way or ("up" if self.packet in _UP else "down")

    def arguments(self) -> tuple[str, str, int, int, int]:
        """See OfConnection."""
        return self.on_way, self.packet, self.n, 0, self.connection or 0

    def __str__(self) -> str:
        way = f" {self.way}" if self.packet in _EITHER else ""
        return self.phrase.format(f"{self.packet}{way} #{self.n}{_of(self.connection)}")


@dataclass(frozen=True)
class Before(OfPacket):
    """All before it has arrived, and no byte of it."""

    trigger: ClassVar[str] = "before"
    phrase: ClassVar[str] = "before {}"


@dataclass(frozen=True)
class Inside(OfPacket):
    """Exactly `byte` bytes of it have arrived; of a packet that has no more, never.

    Inside TLS and WebSocket those are its own bytes, as its receiver gets them.
    """

    trigger: ClassVar[str] = "inside"
    phrase: ClassVar[str] = "inside {}"

    byte: int = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        units.count(self.byte, "inside: byte", least=1, most=2**28)

    def arguments(self) -> tuple[str, str, int, int, int]:
        """See OfConnection."""
        way, packet, n, _, connection = super().arguments()
        return way, packet, n, self.byte, connection

    def __str__(self) -> str:
        return f"{super().__str__()} at byte {self.byte}"


@dataclass(frozen=True)
class Written(OfPacket):
    """Its sender's transport has all of it, and no byte of it has left. It leaves even if its
    sender's process ends at that instant, unless with a reset or its machine's power; of a sender
    that is paused then it leaves when that goes on.
    """

    trigger: ClassVar[str] = "written"
    phrase: ClassVar[str] = "with {} written, and nothing of it on its way"


@dataclass(frozen=True)
class Unread(OfPacket):
    """It has arrived whole, and its receiver has not acted on it."""

    trigger: ClassVar[str] = "unread"
    phrase: ClassVar[str] = "with {} arrived and unread"


@dataclass(frozen=True)
class Arrived(OfPacket):
    """It has arrived, its receiver has acted on it, and no answer to it has left."""

    trigger: ClassVar[str] = "after"
    phrase: ClassVar[str] = "with {} arrived and acted on"


@dataclass(frozen=True)
class Resent(OfConnection):
    """After k packets that are sent again on a resumed session have arrived, before the next.

    Those are PUBLISH with DUP, and PUBREL for a PUBLISH of an earlier connection.
    """

    trigger: ClassVar[str] = "resent"

    resent: int
    way: Way | None = None
    connection: int | None = None

    def __post_init__(self) -> None:
        units.count(self.resent, "resent", most=65_535)
        if self.way is not None:
            _check_way(self.way)
        _check_connection(self.connection)

    def arguments(self) -> tuple[str, str, int, int, int]:
        """See OfConnection."""
        return self.way or "", "", self.resent, 0, self.connection or 0

    def __str__(self) -> str:
        way = f" {self.way}" if self.way else ""
        return f"after {self.resent} resent packets{way}{_of(self.connection)}"


def _check_way(way: object) -> None:
    if way not in ("up", "down"):
        raise UsageError(f"way: {way!r} is neither 'up' (from the device) nor 'down'")


def _check_connection(connection: object) -> None:
    if connection is not None:
        units.count(connection, "connection", least=1, most=2**31)


def _of(connection: int | None) -> str:
    return "" if connection is None else f" on connection {connection}"
