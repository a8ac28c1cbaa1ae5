"""Sabotages made of others: one that acts on some links only, and two behind each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from mqttlab.conformance.sabotage import CLOSE, Item, Link, Recipe, Sabotage
from mqttlab.conformance.wire import Packet, decode

__all__ = ["Chain", "only"]

Outcome = TypeVar("Outcome")


class _Only(Sabotage):
    def __init__(self, name: str, inner: Sabotage) -> None:
        super().__init__()
        self._name, self._inner = name.encode(), inner

    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        if not link.client_id.endswith(self._name):
            return [packet.raw]
        return self._counted(self._inner.packet(link, packet))

    def closing(self, link: Link) -> bool:
        other = not link.client_id.endswith(self._name)
        return other or self._counted(self._inner.closing(link))

    def event(self, event: dict[str, Any]) -> Sequence[dict[str, Any]]:
        return self._counted(self._inner.event(event))

    def websocket(self, what: str, value: str) -> str:
        return self._counted(self._inner.websocket(what, value))

    def _counted(self, outcome: Outcome) -> Outcome:
        self.fired = self._inner.fired
        return outcome


def only(name: str, recipe: Recipe) -> Recipe:
    """The same, on links of clients whose id ends so: a broker that fails only there, or that
    client.
    """
    return Recipe(recipe.text, lambda: _Only(name, recipe()))


class Chain(Sabotage):
    """What the first makes of a packet goes through the second."""

    def __init__(self, first: Sabotage, second: Sabotage, *, from_client: bool) -> None:
        super().__init__()
        self._first, self._second, self._from_client = first, second, from_client

    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        """See Sabotage.packet."""
        items: list[Item] = []
        for item in self._first.packet(link, packet):
            if isinstance(item, bytes):
                made = decode(item, self._from_client, link.version)
                items += self._second.packet(link, made)
            elif item is not CLOSE or self._second.closing(link):
                items.append(item)
        self.fired = self._second.fired
        return items

    def closing(self, link: Link) -> bool:
        """See Sabotage.closing."""
        closes = self._first.closing(link) and self._second.closing(link)
        self.fired = self._second.fired
        return closes
