"""Effects on the way between a device and the broker: simulated networks only.

Those that last may overlap: delays add up, of limits the lowest holds, shares are independent.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mqttlab import units
from mqttlab.errors import UsageError
from mqttlab.faults.effects import Effect
from mqttlab.faults.instants import Fired

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = [
    "Blackhole",
    "Coalesce",
    "Corrupt",
    "DelaySpike",
    "Duplicate",
    "OnTheWay",
    "Partition",
    "Rebind",
    "Reorder",
    "Roam",
    "Segments",
    "ShortWrites",
    "SlowClose",
    "Throttle",
    "Ways",
]

Ways = Literal["up", "down", "both"]
"""From the device, to the device, or either."""

_END = {"up": "device", "down": "broker"}


@dataclass(frozen=True)
class OnTheWay(Effect, is_concrete=False):
    """What is done to one way of a device's link, or to both, for a while."""

    lasts: ClassVar[bool] = True

    @property
    def on(self) -> tuple[str, ...]:
        """The ways that it is done to."""
        return _ways(getattr(self, "ways", "both"))

    @property
    @abstractmethod
    def does(self) -> Mapping[str, Any]:
        """Fields of the world's Disturbance, in base units."""

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Adds it to what is done there."""
        assert device is not None
        lab.disturb(device, str(self), added=self)

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Takes it away again."""
        assert device is not None
        lab.disturb(device, str(self), taken=self)


@dataclass(frozen=True)
class Blackhole(OnTheWay):
    """All packets are lost that are sent, or would arrive; nobody is told."""

    ways: Ways = "both"

    def __post_init__(self) -> None:
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"blackhole": True}


@dataclass(frozen=True)
class Partition(OnTheWay):
    """The device is parted from the broker: a blackhole of both ways."""

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"blackhole": True}


@dataclass(frozen=True)
class DelaySpike(OnTheWay):
    """What is sent takes so much longer; what is sent later does not overtake it."""

    delay: float | str
    ways: Ways = "both"

    def __post_init__(self) -> None:
        _over_zero(units.duration_ns(self.delay, "delay_spike: delay"), "delay_spike: delay")
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"delay": units.duration_ns(self.delay, "delay")}


@dataclass(frozen=True)
class Throttle(OnTheWay):
    """The link has this rate at most. What waits in its queue leaves as it would have."""

    rate: float | str
    ways: Ways = "both"

    def __post_init__(self) -> None:
        if units.rate_bps(self.rate, "throttle: rate") < 1:
            raise UsageError(f"throttle: rate: {self.rate!r} is under 1 bit/s")
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"rate_bps": units.rate_bps(self.rate, "rate")}


@dataclass(frozen=True)
class Reorder(OnTheWay):
    """A share of the packets arrives so much later, overtaken by those behind them."""

    share: float | str
    by: float | str = "20ms"
    ways: Ways = "both"

    def __post_init__(self) -> None:
        units.fraction(self.share, "reorder: share")
        _over_zero(units.duration_ns(self.by, "reorder: by"), "reorder: by")
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {
            "reorder": units.fraction(self.share, "share"),
            "reorder_by": units.duration_ns(self.by, "by"),
        }


@dataclass(frozen=True)
class Duplicate(OnTheWay):
    """A share of the packets arrives twice."""

    share: float | str
    ways: Ways = "both"

    def __post_init__(self) -> None:
        units.fraction(self.share, "duplicate: share")
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"duplicate": units.fraction(self.share, "share")}


@dataclass(frozen=True)
class Corrupt(OnTheWay):
    """A share of the packets arrives with one bit flipped. The receiver's checksum finds it, so
    that they are discarded, and TCP sends them again. From the first of it on all of the run's
    packets have checksums.
    """

    share: float | str
    ways: Ways = "both"

    def __post_init__(self) -> None:
        units.fraction(self.share, "corrupt: share")
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"corrupt": units.fraction(self.share, "share")}


@dataclass(frozen=True)
class Segments(OnTheWay):
    """Payloads arrive in segments of at most so many bytes, at the same instant."""

    bytes: int = 1
    ways: Ways = "both"

    def __post_init__(self) -> None:
        units.count(self.bytes, "segments: bytes", least=1, most=65_535)
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"segment_bytes": self.bytes}


@dataclass(frozen=True)
class Coalesce(OnTheWay):
    """Payloads wait so long after the first of them, and arrive together as one segment. When this
    ends, what waits arrives.
    """

    wait: float | str
    ways: Ways = "both"

    def __post_init__(self) -> None:
        _over_zero(units.duration_ns(self.wait, "coalesce: wait"), "coalesce: wait")
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"coalesce": units.duration_ns(self.wait, "wait")}


@dataclass(frozen=True)
class SlowClose(OnTheWay):
    """The ends of streams (FIN) are held back and arrive when this ends; what comes before them
    passes. Of one way: that side's end is not heard, so that the connection stays half closed.
    """

    ways: Ways = "both"

    def __post_init__(self) -> None:
        _ways(self.ways, self.name)

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"holds_fin": True}


@dataclass(frozen=True)
class ShortWrites(OnTheWay):
    """A transport takes at most so many bytes at a time, each lot a segment of its own.

    `of`: whose; "both" ends of the device's connections, or one.
    """

    bytes: int = 1
    of: Literal["device", "broker", "both"] = "both"

    def __post_init__(self) -> None:
        units.count(self.bytes, "short_writes: bytes", least=1, most=65_535)
        if self.of not in ("device", "broker", "both"):
            raise UsageError(f"short_writes: of: {self.of!r} is none of device, broker, both")

    @property
    def on(self) -> tuple[str, ...]:
        """The ways that its bytes go."""
        return tuple(way for way, end in _END.items() if self.of in (end, "both"))

    @property
    def does(self) -> Mapping[str, Any]:
        """As of the world."""
        return {"write_bytes": self.bytes}


@dataclass(frozen=True)
class Rebind(Effect):
    """The device's NAT (it gets one if its link has none) forgets its connections: what the broker
    sends goes nowhere, and what the device sends comes from a new port, so that the broker's host,
    which does not know that connection, answers with a reset.
    """

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Forgets them."""
        assert device is not None
        lab.path(str(self)).rebind(lab.world, device.actor)


@dataclass(frozen=True)
class Roam(Effect):
    """The device gets a new address, in the middle of its connections. What is sent to and from
    the old one is lost.

    `knows`: its stack resets the old connections at once, as those of phones do; otherwise they
    stay, silent, until somebody's patience is over. New ones come from the new address.
    """

    knows: bool = True

    def __post_init__(self) -> None:
        units.flag(self.knows, "roam: knows")

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Moves it."""
        assert device is not None
        lab.path(str(self)).roam(lab.world, device.actor, self.knows)

    def __str__(self) -> str:
        return "roam" if self.knows else "roam unnoticed"


_COMBINED: Mapping[str, Callable[[Any, Any], Any]] = {
    "blackhole": max,
    "delay": lambda a, b: a + b,
    "rate_bps": min,
    "reorder": lambda a, b: 1 - (1 - a) * (1 - b),
    "reorder_by": max,
    "duplicate": lambda a, b: 1 - (1 - a) * (1 - b),
    "corrupt": lambda a, b: 1 - (1 - a) * (1 - b),
    "segment_bytes": min,
    "coalesce": max,
    "holds_fin": max,
    "write_bytes": min,
}


def combined(effects: Iterable[OnTheWay], way: str) -> dict[str, Any]:
    """What all of them do to one way."""
    together: dict[str, Any] = {}
    for effect in effects:
        for name, value in effect.does.items() if way in effect.on else ():
            known = together.get(name)
            together[name] = value if known is None else _COMBINED[name](known, value)
    return together


def _ways(ways: str, where: str = "") -> tuple[str, ...]:
    if ways not in ("up", "down", "both"):
        raise UsageError(f"{where}: ways: {ways!r} is none of 'up' (from the device), 'down', both")
    return ("up", "down") if ways == "both" else (ways,)


def _over_zero(value_ns: int, where: str) -> None:
    if value_ns == 0:
        raise UsageError(f"{where}: must be over 0")
