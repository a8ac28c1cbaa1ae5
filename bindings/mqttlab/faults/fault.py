"""Fault: one step of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mqttlab import units
from mqttlab.errors import UsageError
from mqttlab.faults.datum import known_keys
from mqttlab.faults.effects import Effect
from mqttlab.faults.instants import At, Instant

__all__ = ["Fault"]

_KEYS = ["when", "what", "on", "for", "then"]


@dataclass(frozen=True)
class Fault:
    """`what` is done to `on`, once to each, when its instant comes.

    `on`: the name of a device, or several; a device that is made later is waited for. None: the
    broker, of an effect that befalls it, at a time; in `then`, the device of the step before.
    `for_`: how long it lasts, seconds or text; None: until the run settles, or ends.
    `then`: a fault that is armed at the instant at which this one has happened; with devices of its
    own once, when this one has happened for the first time.
    """

    when: Instant
    what: Effect
    on: str | tuple[str, ...] | None = None
    for_: float | str | None = None
    then: Fault | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.when, Instant):
            raise UsageError(f"fault: when={self.when!r} is no instant; write At('60s')")
        if not isinstance(self.what, Effect):
            raise UsageError(f"fault: what={self.what!r} is no effect; write Cut('reset')")
        if isinstance(self.on, list):
            object.__setattr__(self, "on", tuple(self.on))
        for name in self.names:
            units.text(name, "fault: on", least=1)
        if self.for_ is not None:
            units.duration_ns(self.for_, "fault: for")
            if not self.what.lasts:
                raise UsageError(f"fault: for={self.for_!r}: a {self.what.name} has no end")
        if self.then is not None and not isinstance(self.then, Fault):
            raise UsageError(f"fault: then={self.then!r} is no Fault")
        self._check_alone(self.names)

    def _check_alone(self, names: tuple[str, ...]) -> None:
        """`names`: whom it befalls. Errors: UsageError if several share what is done to them."""
        if self.what.is_for_all and len(names) > 1:
            raise UsageError(
                f"fault: on={list(names)!r}: a {self.what.name} is for all, and would happen "
                f"{len(names)} times; name one device"
            )
        if self.then is not None:
            self.then._check_alone(self.then.names or names)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the devices."""
        if self.on is None:
            return ()
        return self.on if isinstance(self.on, tuple) else (self.on,)

    @property
    def steps(self) -> list[Fault]:
        """This one and those that follow."""
        return [self, *([] if self.then is None else self.then.steps)]

    @property
    def for_ns(self) -> int | None:
        """How long it lasts, in nanoseconds."""
        return None if self.for_ is None else units.duration_ns(self.for_, "fault: for")

    def __str__(self) -> str:
        """As in the trace."""
        return f"{self.what} {self.when}"

    def check_target(self, where: str, follows: bool = False) -> None:
        """`follows`: it has the devices of the step before, if it names none.

        Errors: UsageError if it is open to whom it, or a step that follows, happens.
        """
        known = self.on is not None or follows
        if not known and not (self.what.befalls_broker and isinstance(self.when, At)):
            raise UsageError(f"{where}: to which device? Write on = 'its name'")
        if self.then is not None:
            self.then.check_target(f"{where}, then", known)

    def to_data(self) -> dict[str, Any]:
        """As plain values."""
        data: dict[str, Any] = {"when": self.when.to_data(), "what": self.what.to_data()}
        if self.on is not None:
            data["on"] = list(self.on) if isinstance(self.on, tuple) else self.on
        if self.for_ is not None:
            data["for"] = self.for_
        if self.then is not None:
            data["then"] = self.then.to_data()
        return data

    @classmethod
    def from_data(cls, data: object, where: str = "fault") -> Fault:
        """What to_data() gave. `where`: the place in its file.

        Errors: UsageError in one line with place, key and remedy.
        """
        if not isinstance(data, Mapping):
            raise UsageError(f"{where}: {data!r} is no table; write when = ..., what = ...")
        for key in data:
            if key not in _KEYS:
                raise UsageError(f"{where}: unknown key {key!r}; {known_keys(_KEYS)}")
        for key in ("when", "what"):
            if key not in data:
                raise UsageError(f"{where}: {key} is missing; {_REMEDIES[key]}")
        on = data.get("on")
        if on is not None and not isinstance(on, (str, list, tuple)):
            raise UsageError(f"{where}: on={on!r} is no name of a device, nor a list of names")
        then = data.get("then")
        when = Instant.from_data(data["when"], f"{where}, when")
        what: Effect = Effect.from_data(data["what"], f"{where}, what")
        try:
            return cls(
                when,
                what,
                tuple(on) if isinstance(on, list) else on,
                data.get("for"),
                None if then is None else cls.from_data(then, f"{where}, then"),
            )
        except UsageError as error:
            raise UsageError(f"{where}: {str(error).removeprefix('fault: ')}") from None


_REMEDIES = {
    "when": "write when = { at = '60s' } or { before = 'PUBREC', way = 'up' }",
    "what": "write what = { cut = 'reset' }",
}
