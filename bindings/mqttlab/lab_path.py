"""What a lab does on the way between devices and the broker: simulated networks only."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal, cast

from mqttlab.faults.path import (
    Blackhole,
    Coalesce,
    Corrupt,
    DelaySpike,
    Duplicate,
    OnTheWay,
    Partition,
    Rebind,
    Reorder,
    Roam,
    Segments,
    ShortWrites,
    SlowClose,
    Throttle,
    Ways,
    combined,
)
from mqttlab.links import Link

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = ["LabPath"]

Scope = AbstractAsyncContextManager[None]


class LabPath:
    """The part of a Lab that is about packets on their way. Scopes are `async with` blocks; what
    each does is said by the effect of its name in mqttlab.faults, which is the same as data.
    """

    def blackhole(self, devices: Device | Iterable[Device], ways: Ways = "both") -> Scope:
        """Packets of these ways are lost."""
        return self._during(Blackhole(ways), devices)

    def partition(self, devices: Device | Iterable[Device]) -> Scope:
        """The devices are parted from the broker."""
        return self._during(Partition(), devices)

    def delay_spike(
        self, devices: Device | Iterable[Device], delay: float | str, ways: Ways = "both"
    ) -> Scope:
        """Packets take longer."""
        return self._during(DelaySpike(delay, ways), devices)

    def throttle(
        self, devices: Device | Iterable[Device], rate: float | str, ways: Ways = "both"
    ) -> Scope:
        """Links have this rate at most."""
        return self._during(Throttle(rate, ways), devices)

    def reorder(
        self,
        devices: Device | Iterable[Device],
        share: float | str,
        by: float | str = "20ms",
        ways: Ways = "both",
    ) -> Scope:
        """A share of the packets is overtaken."""
        return self._during(Reorder(share, by, ways), devices)

    def duplicate(
        self, devices: Device | Iterable[Device], share: float | str, ways: Ways = "both"
    ) -> Scope:
        """A share of the packets arrives twice."""
        return self._during(Duplicate(share, ways), devices)

    def corrupt(
        self, devices: Device | Iterable[Device], share: float | str, ways: Ways = "both"
    ) -> Scope:
        """A share of the packets has a bit flipped."""
        return self._during(Corrupt(share, ways), devices)

    def segments(
        self, devices: Device | Iterable[Device], bytes: int = 1, ways: Ways = "both"
    ) -> Scope:
        """Payloads arrive in small segments."""
        return self._during(Segments(bytes, ways), devices)

    def coalesce(
        self, devices: Device | Iterable[Device], wait: float | str, ways: Ways = "both"
    ) -> Scope:
        """Payloads arrive together."""
        return self._during(Coalesce(wait, ways), devices)

    def slow_close(self, devices: Device | Iterable[Device], ways: Ways = "both") -> Scope:
        """Ends of streams are held back."""
        return self._during(SlowClose(ways), devices)

    def short_writes(
        self,
        devices: Device | Iterable[Device],
        bytes: int = 1,
        of: Literal["device", "broker", "both"] = "both",
    ) -> Scope:
        """Transports take few bytes at a time."""
        return self._during(ShortWrites(bytes, of), devices)

    def rebind(self, devices: Device | Iterable[Device]) -> None:
        """The devices' NATs forget their connections, now."""
        cast("Lab", self).inject(Rebind(), devices)

    def roam(self, devices: Device | Iterable[Device], *, knows: bool = True) -> None:
        """The devices get new addresses, now. `knows`: they notice."""
        cast("Lab", self).inject(Roam(knows), devices)

    def _during(self, what: OnTheWay, devices: Device | Iterable[Device]) -> Scope:
        return cast("Lab", self).scope(what, devices)

    # For effects and for devices.

    def path(self, what: str) -> Any:
        """`_sim`, which does `what`; on real sockets the run ends as not applicable."""
        return cast("Lab", self).ends(what, "only simulated networks have packets to do that to")

    def disturb(
        self,
        device: Device,
        what: str,
        *,
        added: OnTheWay | None = None,
        taken: OnTheWay | None = None,
    ) -> None:
        """One effect more, or less, on the way of this device."""
        path = self.path(what)
        effects = device.on_the_way
        if added is not None:
            effects.append(added)
        if taken is not None:
            effects.remove(taken)
        for way in ("up", "down"):
            path.disturb(cast("Lab", self).world, device.actor, way, **combined(effects, way))

    def check_path(self, link: Link) -> None:
        """On real sockets the run ends as not applicable if this link does what needs packets."""
        if link.needs_packets:
            self.path(f"link {link.name!r} with {', '.join(link.needs_packets)}")
