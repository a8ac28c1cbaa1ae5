"""Effects at the ends: processes crash or stand still, readers are slow, clocks leap, ties vary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from mqttlab import units
from mqttlab.errors import UsageError
from mqttlab.faults.effects import Effect
from mqttlab.faults.instants import Fired
from mqttlab.lab_ends import step_of
from mqttlab.process import Death, Fate, Process, check_crash

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = ["ClockStep", "Crash", "Pause", "ShuffleTies", "SlowReader"]

End = Literal["broker", "device"]

_SLOWEST = 1e-9  # messages a second: one in the longest time that there is


@dataclass(frozen=True)
class Crash(Effect):
    """The process of the broker, or those of the device, end at this instant, in the middle of
    whatever they do; they start again when the effect ends (`for_`), or when the run settles.
    Arguments: see Broker.crash and Device.crash.

    Of several, the last to end restarts it. One that is down already, as the scenario crashed it,
    is left as it is.
    """

    lasts: ClassVar[bool] = True

    store: Fate | None = None
    of: End = "broker"
    how: Death = "fin"

    def __post_init__(self) -> None:
        _check_end(self.of, self.name)
        check_crash(self.store, self.how, self.name)

    @property
    def befalls_broker(self) -> bool:
        """No device needs to be named."""
        return self.of == "broker"

    def check(self, lab: Lab, device: Device | None) -> None:
        """Errors: UsageError if it is to keep a store, and there is none."""
        process = lab.broker_made if self.of == "broker" else device
        if process is not None and lab.target is None:
            process.fate(self.store, self.name)

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Crashes it."""
        if process := _process(lab, device, self.of):
            process.hold("crash", partial(process.crash, self.store, how=self.how))

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Restarts it."""
        if process := _process(lab, device, self.of):
            process.lift("crash", process.restart)


@dataclass(frozen=True)
class Pause(Effect):
    """The process of the broker, or those of the device, stand still; kernels go on. See
    Broker.pause and Device.pause.

    Of several, the last to end lets it go on. One that is down is not paused; one that the scenario
    has paused is left as it is.
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
        if process := _process(lab, device, self.of):
            process.hold("pause", process.pause)

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Lets it go on."""
        if process := _process(lab, device, self.of):
            process.lift("pause", process.resume)


@dataclass(frozen=True)
class SlowReader(Effect):
    """The device's applications take so many messages a second, or, with 0, none: what waits fills
    their clients' inboxes, then their connections. See Device.read_slowly. Of several the slowest
    holds.
    """

    lasts: ClassVar[bool] = True

    rate: float = 0

    def __post_init__(self) -> None:
        units.number(self.rate, f"{self.name}: rate", most=1e9)
        if 0 < self.rate < _SLOWEST:
            raise UsageError(
                f"{self.name}: rate: {self.rate!r} a second is less than one in 31 years; for none "
                "at all give 0"
            )

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Slows them down."""
        assert device is not None
        if device.alive:
            device.slow_down(self._interval_ns)

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """They take messages as they did before."""
        assert device is not None
        if device.alive:
            device.slow_down(self._interval_ns, over=True)

    @property
    def _interval_ns(self) -> int | None:
        return round(1e9 / self.rate) if self.rate else None


@dataclass(frozen=True)
class ClockStep(Effect):
    """All wall clocks leap. See Lab.step_clock."""

    is_for_all: ClassVar[bool] = True

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


@dataclass(frozen=True)
class ShuffleTies(Effect):
    """The seed orders what arrives at the broker at one instant, from now on. See Lab.shuffle_ties.

    In a schedule at 0 s it is so for the whole of a run: `mqttlab run NAME --faults FILE.toml`.
    """

    is_for_all: ClassVar[bool] = True

    @property
    def befalls_broker(self) -> bool:
        """No device needs to be named."""
        return True

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """It is so."""
        _process(lab, device, "broker")
        lab.shuffle_ties()


def _check_end(of: str, where: str) -> None:
    if of not in ("broker", "device"):
        raise UsageError(f"{where}: of: {of!r} is none of 'broker', 'device'")


def _process(lab: Lab, device: Device | None, of: str) -> Process | None:
    """Whom it befalls; None: nobody, it has died for good."""
    if of == "device":
        assert device is not None
        return device if device.alive else None
    if lab.broker_made is None:
        raise UsageError("a fault befalls the broker, and there is none: await lab.broker() first")
    return lab.broker_made
