"""Effects at the ends: a process crashes, or stands still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from mqttlab.broker import Broker, Death, Fate, check_crash
from mqttlab.errors import UsageError
from mqttlab.faults.effects import Effect
from mqttlab.faults.instants import Fired

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = ["Crash", "Pause"]


@dataclass(frozen=True)
class Crash(Effect):
    """The process of the broker ends at this instant, in the middle of whatever it does; it starts
    again when the effect ends (`for_`), or when the run settles. Arguments: see Broker.crash.

    A process that is down already stays down until the last of its crashes ends.
    """

    lasts: ClassVar[bool] = True

    store: Fate = "kept"
    of: Literal["broker"] = "broker"
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
        process.crashes += 1
        if process.state != "down":
            process.crash(self.store, how=self.how)

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Restarts it."""
        process = _process(lab, device, self.of)
        process.crashes -= 1
        if process.crashes == 0 and process.state == "down":
            process.restart()


@dataclass(frozen=True)
class Pause(Effect):
    """The process of the broker stands still; its kernel goes on. See Broker.pause.

    One that is down is not paused; of several pauses the last to end counts.
    """

    lasts: ClassVar[bool] = True

    of: Literal["broker"] = "broker"

    def __post_init__(self) -> None:
        _check_end(self.of, self.name)

    @property
    def befalls_broker(self) -> bool:
        """No device needs to be named."""
        return self.of == "broker"

    def begin(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Halts it."""
        process = _process(lab, device, self.of)
        process.pauses += 1
        if process.state == "running":
            process.pause()

    def end(self, lab: Lab, device: Device | None, fired: Fired) -> None:
        """Lets it go on."""
        process = _process(lab, device, self.of)
        process.pauses -= 1
        if process.pauses == 0 and process.state == "paused":
            process.resume()


def _check_end(of: str, where: str) -> None:
    if of not in ("broker",):
        raise UsageError(f"{where}: of: {of!r} is not 'broker'")


def _process(lab: Lab, device: Device | None, of: str) -> Broker:
    if lab.broker_made is None:
        raise UsageError(f"a fault befalls the {of}, and there is none: await lab.broker() first")
    return lab.broker_made
