"""Effects at the ends: a process crashes, or stands still; applications are slow; clocks leap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from mqttlab import units
from mqttlab.broker import Broker, Death, Fate, check_crash
from mqttlab.errors import UsageError
from mqttlab.faults.effects import Effect
from mqttlab.faults.instants import Fired
from mqttlab.lab_ends import step_of

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = ["ClockStep", "Crash", "Pause", "SlowReader"]

End = Literal["broker", "device"]


@dataclass(frozen=True)
class Crash(Effect):
    """The process of the broker, or those of the device, end at this instant, in the middle of
    whatever they do; they start again when the effect ends (`for_`), or when the run settles.
    Arguments: see Broker.crash and Device.crash.

    A process that is down already stays down until the last of its crashes ends.
    """

    lasts: ClassVar[bool] = True

    store: Fate = "kept"
    of: End = "broker"
    how: Death = "fin"

    def __post_init__(self) -> None:
        _check_end(self.of, self.name)
        check_crash(self.store, self.how, self.name)

    @property
    def befalls_broker(self) -> bool:
        """No device needs to be named."""
        return self.of == "broker"

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Crashes it."""
        process = _process(lab, device, self.of)
        if process is None:
            return
        process.crashes += 1
        if process.state != "down":
            process.crash(self.store, how=self.how)

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Restarts it."""
        process = _process(lab, device, self.of)
        if process is None:
            return
        process.crashes -= 1
        if process.crashes == 0 and process.state == "down":
            process.restart()


@dataclass(frozen=True)
class Pause(Effect):
    """The process of the broker, or those of the device, stand still; kernels go on. See
    Broker.pause and Device.pause.

    One that is down is not paused; of several pauses the last to end counts.
    """

    lasts: ClassVar[bool] = True

    of: End = "broker"

    def __post_init__(self) -> None:
        _check_end(self.of, self.name)

    @property
    def befalls_broker(self) -> bool:
        """No device needs to be named."""
        return self.of == "broker"

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Halts it."""
        process = _process(lab, device, self.of)
        if process is None:
            return
        process.pauses += 1
        if process.state == "running":
            process.pause()

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Lets it go on."""
        process = _process(lab, device, self.of)
        if process is None:
            return
        process.pauses -= 1
        if process.pauses == 0 and process.state == "paused":
            process.resume()


@dataclass(frozen=True)
class SlowReader(Effect):
    """The device's applications take so many messages a second, or, with 0, none: what waits fills
    their clients' inboxes, then their connections. See Device.read_slowly.
    """

    lasts: ClassVar[bool] = True

    rate: float = 0

    def __post_init__(self) -> None:
        units.number(self.rate, f"{self.name}: rate", most=1e9)

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Slows them down."""
        assert device is not None
        if device.alive:
            device.read_slowly(1 / self.rate if self.rate else None)

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """They take messages as they come."""
        assert device is not None
        if device.alive:
            device.read_slowly(0)


@dataclass(frozen=True)
class ClockStep(Effect):
    """All wall clocks leap. See Lab.step_clock."""

    by: float | str

    def __post_init__(self) -> None:
        step_of(self.by, self.name)

    @property
    def befalls_broker(self) -> bool:
        """No device needs to be named."""
        return True

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """They do."""
        lab.leap(self.by)


def _check_end(of: str, where: str) -> None:
    if of not in ("broker", "device"):
        raise UsageError(f"{where}: of: {of!r} is none of 'broker', 'device'")


def _process(lab: Lab, device: Device | None, of: str) -> Broker | Device | None:
    """Whom it befalls; None: nobody, it has died for good."""
    if of == "device":
        assert device is not None
        return device if device.alive else None
    if lab.broker_made is None:
        raise UsageError("a fault befalls the broker, and there is none: await lab.broker() first")
    return lab.broker_made
