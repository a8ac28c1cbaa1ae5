"""Sabotage of what a client tells its application, where that is what a rule is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mqttlab.conformance.sabotage import Recipe, Sabotage

__all__ = ["heard_twice", "misheard", "unheard"]

Event = dict[str, Any]
Which = Callable[[Event], object]


class _Hearsay(Sabotage):
    def __init__(
        self, kind: str, where: Which | None, events: Callable[[Event], list[Event]]
    ) -> None:
        super().__init__()
        self._kind, self._where, self._events = kind, where, events

    def event(self, event: Event) -> Sequence[Event]:
        if event["event"] != self._kind or not (self._where is None or self._where(event)):
            return [event]
        self.fired += 1
        return self._events(event)


def unheard(kind: str, where: Which | None = None) -> Recipe:
    """The application never gets such an event."""
    return Recipe(f"tells no {kind}", lambda: _Hearsay(kind, where, lambda event: []))


def heard_twice(kind: str, where: Which | None = None) -> Recipe:
    """It gets it twice."""
    return Recipe(f"tells {kind} twice", lambda: _Hearsay(kind, where, lambda e: [e, e]))


def misheard(kind: str, where: Which | None = None, **fields: Any) -> Recipe:
    """It gets it with other fields; a callable gets the event."""

    def changed(event: Event) -> list[Event]:
        new = {k: v(event) if callable(v) else v for k, v in fields.items()}
        return [event | new]

    return Recipe(f"changes {', '.join(fields)} of {kind}", lambda: _Hearsay(kind, where, changed))
