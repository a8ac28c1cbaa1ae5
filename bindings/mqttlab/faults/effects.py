"""What a fault does. An effect is a frozen dataclass with `begin` and, if it lasts, `end`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from mqttlab.errors import UsageError
from mqttlab.faults.datum import Datum
from mqttlab.faults.instants import Fired

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = ["Cut", "Effect", "Outage"]


@dataclass(frozen=True)
class Effect(Datum, ABC, kind="effect"):
    """What is done on purpose. Who plans it records `fault` in the trace before it begins, and
    `fault_over` after it has ended: neither an effect nor the world beneath does.
    """

    lasts: ClassVar[bool] = False
    """It has an end."""
    told_by_world: ClassVar[bool] = False
    """The world has events of its own for it, which tell enough of a scope."""

    is_for_all: ClassVar[bool] = False
    """It is done to all there is: a fault with it names one device at the most."""

    @property
    def befalls_broker(self) -> bool:
        """A fault with it may name no device."""
        return False

    def check(self, lab: Lab, device: Device | None) -> None:
        """When it is planned, and again when the broker or the device is made.

        `device`: None: it is not there yet. Errors: UsageError if it cannot be done.
        """

    @abstractmethod
    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Runs inside the world's event, at the very instant; of a scope, between two events. It
        may call the world, and not wait.

        `device`: None only if it befalls the broker.
        """

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """The same, of an effect that lasts; also when the run settles. `fired`: its beginning."""

    def __str__(self) -> str:
        """In words, for the trace."""
        values = [str(value) for value in self.to_data().values() if value is not True]
        return " ".join([self.name.replace("_", " "), *values])


@dataclass(frozen=True)
class Cut(Effect):
    """Cuts the connection that the instant is of, or, at a time, all of the device's.

    "reset": both ends get a reset; "fin": both see the other's orderly end; "half-open": the
    device's end is reset, the broker's hears nothing; "silent": neither hears anything. Nothing
    passes any more, and what has arrived and was not read is not read. Within TLS an end that TLS
    did not announce is a reset.
    """

    how: Literal["reset", "fin", "half-open", "silent"] = "reset"

    def __post_init__(self) -> None:
        if self.how not in ("reset", "fin", "half-open", "silent"):
            raise UsageError(f"cut: {self.how!r} is none of reset, fin, half-open, silent")

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Of the connection that fired, or of all."""
        assert device is not None
        lab.world.cut(device.actor, self.how, fired.connection)


@dataclass(frozen=True)
class Outage(Effect):
    """The device's link is down; hosts are not told."""

    lasts: ClassVar[bool] = True
    told_by_world: ClassVar[bool] = True

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Takes the link down, however many do."""
        assert device is not None
        lab.hold_link_down(device)

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """The link comes up when nobody holds it down any more."""
        assert device is not None
        lab.lift_link(device)
