"""What cases for clients share: their decorator, and what a client must not let pass or send."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mqttlab.conformance import (
    ClientTrial,
    Packet,
    Served,
    check,
    instead,
    keep_open,
    only,
)
from mqttlab.conformance import case as any_case
from mqttlab.conformance.client_trial import signature
from mqttlab.conformance.sabotage import Link, Recipe, Sabotage

from ..common import ILL_FORMED, SURROGATE

__all__ = [
    "ILL_FORMED",
    "SURROGATE",
    "case",
    "drops_later",
    "holds_open",
    "malformed",
    "never_sends",
    "outgoing",
    "refuses",
    "told_once",
]


def case(*ids: str, sabotage: Recipe, name: str = "", own_id: bool = True, **options: Any) -> Any:
    """A case for clients; its sabotage is of this case's client alone. `own_id`: that has the
    client id that a trial gives it.
    """

    def mark(function: Any) -> Any:
        full = name or f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        mine = only(signature(full), sabotage) if own_id else sabotage
        return any_case(*ids, sabotage=mine, name=full, end="client", **options)(function)

    return mark


Prepare = Callable[[ClientTrial, Served], Awaitable[Any]]
Fields = dict[str, Any] | Callable[[ClientTrial], dict[str, Any]]
_TOLERANT = (
    "4.13.1 says that a client should close; 4.8 of 3.1.1 that it must"  # where only 5.0 is lenient
)


def refuses(
    name: str,
    *ids: str,
    packet: str,
    fields: Fields,
    why: str,
    codes: tuple[int, ...] = (0x81, 0x82),
    prepare: Prepare | None = None,
    strength: str = "",
    **options: Any,
) -> None:
    """A case: this packet, on a connection that was accepted, ends it. `strength`: of 5.0, where a
    client should close if nothing else is said. `options`: of the order "connect".
    """

    @case(
        *ids,
        name=name,
        expect=_ends(codes),
        why=f"{why}; {_TOLERANT}" if not strength else why,
        sabotage=keep_open(),
        recommended=() if strength == "MUST" else ("5.0",),
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect(**options)
        if prepare:
            await prepare(t, peer)
        peer.offend(packet, **(fields(t) if callable(fields) else fields))
        await peer.dropped(*codes)


def malformed(name: str, *ids: str, why: str, **connack: Any) -> None:
    """A case: this CONNACK is none that a client goes on with."""

    @case(
        *ids,
        name=name,
        expect="the client closes",
        why=f"{why}; 4.13.1 says that it should close",
        sabotage=keep_open(),
        strength="SHOULD",
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.open()
        peer.offend("CONNACK", **connack)
        await peer.dropped(0x81, 0x82)


def drops_later(type: str) -> Recipe:
    """The first such packet of a link comes, and no other."""
    count = lambda link: sum(p.type == type for p in link.received)  # noqa: E731
    return instead(
        type, lambda link, p: [] if count(link) > 1 else [p.raw], text="drops all but the first"
    )


class _HoldsOpen(Sabotage):
    def closing(self, link: Link) -> bool:
        """Never, as far as the case can see."""
        self.fired += 1
        return False


def holds_open() -> Recipe:
    """The client says what it says, and does not close."""
    return Recipe("never closes", _HoldsOpen)


def _ends(codes: tuple[int, ...]) -> str:
    named = " or ".join(f"0x{code:02X}" for code in codes)
    return f"the client closes; in 5.0 it may say {named} before"


async def told_once(t: ClientTrial, peer: Served, name: str, packet_id: int) -> None:
    """PUBREL ends a delivery of QoS 2, and the application has got that message once."""
    peer.send("PUBREL", packet_id=packet_id)
    await peer.expect("PUBCOMP", packet_id=packet_id)
    told = await t.messages(t.topic(name))
    check(len(told) == 1, f"told {len(told)} times")


Order = Callable[[ClientTrial], int]
"""Gives the client an order; returns its id."""


async def outgoing(t: ClientTrial, peer: Served, type: str, number: int) -> Packet | None:
    """What an order came to: a packet of this type, well formed or not; None if the client
    refused, or has gone, or sends nothing.
    """
    found = lambda: next((p for p in peer.inbox if p.type == type), None)  # noqa: E731
    assert t.driver
    refused = lambda: any(e.get("id") == number for e in t.driver.events)  # noqa: E731
    await t.until(lambda: found() or refused() or peer.ended, t.times.patience_s)
    if not found() and not peer.ended:
        await t.sleep(t.times.quiet_s)
    return found()


def never_sends(
    name: str,
    *ids: str,
    packet: str,
    order: Order,
    why: str,
    sabotage: Recipe,
    holds: Callable[[Packet], object] = lambda packet: True,
    needs: tuple[str, ...] = (),
    plain: Order | None = None,
    **options: Any,
) -> None:
    """A case: the client is told to send what nobody may send. It refuses, or sends a packet that
    is well formed and of which `holds` is true. `plain`: an order behind it, for a sabotage to have
    a packet to spoil, since the client may well refuse the first one.
    """

    @case(
        *ids, name=name, expect="refused, or a packet that is allowed", why=why, sabotage=sabotage
    )
    async def run(t: ClientTrial) -> None:
        await t.needs(*needs)
        peer = await t.connect(**options)
        for one in (order, plain):
            number = one(t) if one else 0
            sent = await outgoing(t, peer, packet, number) if one else None
            if sent is None:
                continue
            peer.inbox.remove(sent)
            shown = sent.raw[:60].hex(" ")
            check(not sent.violation, f"{packet} breaks {sent.violation}: {shown}")
            check(holds(sent), f"sent: {shown}")
