"""Sabotage of one client: found by its client id, and of what it tells its application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mqttlab.conformance.sabotage import Item, Link, Recipe, Sabotage
from mqttlab.conformance.wire import Packet

__all__ = ["aimed", "heard_twice", "misheard", "unheard"]

Event = dict[str, Any]
Which = Callable[[Event], object]


class _Aimed(Sabotage):
    def __init__(self, ending: str, inner: Sabotage) -> None:
        super().__init__()
        self._ending, self._inner = ending.encode(), inner

    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        if not link.client_id.endswith(self._ending):
            return [packet.raw]
        items = self._inner.packet(link, packet)
        self.fired = self._inner.fired
        return items

    def closing(self, link: Link) -> bool:
        closes = not link.client_id.endswith(self._ending) or self._inner.closing(link)
        self.fired = self._inner.fired
        return closes

    def event(self, event: Event) -> Sequence[Event]:
        events = self._inner.event(event)
        self.fired = self._inner.fired
        return events

    def websocket(self, what: str, value: str) -> str:
        value = self._inner.websocket(what, value)
        self.fired = self._inner.fired
        return value


def aimed(ending: str, recipe: Recipe) -> Recipe:
    """The same of a client whose id ends so: it behaves to everybody else."""
    return Recipe(recipe.text, lambda: _Aimed(ending, recipe()))


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
