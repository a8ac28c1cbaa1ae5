"""The sabotage of a case: what a target would send that breaks this rule, and as few others as
can be.

It stands between target and peer and rewrites what the target sends. A case that does not turn
red under its sabotage proves nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mqttlab.conformance.wire import Packet, decode, encode

__all__ = [
    "CLOSE",
    "Item",
    "KeepOpen",
    "Later",
    "Link",
    "Recipe",
    "Sabotage",
    "change",
    "closes_after",
    "delay",
    "drop",
    "ends",
    "instead",
    "invent",
    "keep_open",
    "late",
    "message",
    "patch",
    "repeat",
    "replay",
    "subscribed",
    "swap",
    "websocket",
]


@dataclass(frozen=True)
class Later:
    """Bytes that come so much later, in seconds."""

    after_s: float
    data: bytes


CLOSE = None  # in place of bytes: the link ends here
Item = bytes | Later | None
Where = Callable[[Packet], object]


@dataclass
class Link:
    """What a sabotage can see of one connection."""

    version: int
    token: bytes = b""  # what client ids and topics of the run have in them
    client_id: bytes = b""
    sent: list[bytes] = field(default_factory=list)  # frames of the peer
    received: list[Packet] = field(default_factory=list)  # of the target, as it sent them
    offences: list[bytes] = field(default_factory=list)  # marks of what must end the link

    def mark(self, frame: bytes) -> bytes:
        """A frame that has just been sent, as any client might have sent it: its bytes, and how
        many of its type came before it.
        """
        before = sum(other[0] >> 4 == frame[0] >> 4 for other in self.sent) - 1
        plain = frame.replace(self.token, b"*") if self.token else frame
        return bytes([min(before, 255)]) + plain


class Sabotage:
    """One run's sabotage; it may remember what it saw. Counts what it changed in `fired`."""

    def __init__(self) -> None:
        self.fired = 0

    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        """What reaches the peer in place of this packet."""
        return [packet.raw]

    def closing(self, link: Link) -> bool:
        """True: the peer gets to know that the target closed the link."""
        return True

    def event(self, event: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """What the driver of a client is heard to tell in place of this."""
        return [event]

    def websocket(self, what: str, value: str) -> str:
        """What the peer sees of a header ("sec-websocket-protocol"), or of a frame's "opcode"."""
        return value


@dataclass(frozen=True)
class Recipe:
    """A kind of sabotage, by what it does; calling it makes one for a run."""

    text: str
    make: Callable[[], Sabotage]

    def __call__(self) -> Sabotage:  # noqa: D102
        return self.make()


def _fits(where: Where | None, packet: Packet) -> bool:
    return not packet.violation and (where is None or bool(where(packet)))


class _Rewrite(Sabotage):
    """Replaces packets of one type; `first_only` those before the first that it changed."""

    def __init__(
        self,
        type: str,
        where: Where | None,
        items: Callable[[Link, Packet], Sequence[Item]],
        first_only: bool,
    ) -> None:
        super().__init__()
        self._type, self._where, self._items, self._first = type, where, items, first_only

    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        done = self._first and self.fired
        if packet.type != self._type or done or not _fits(self._where, packet):
            return [packet.raw]
        items = self._items(link, packet)
        self.fired += list(items) != [packet.raw]
        return items


def instead(
    type: str,
    items: Callable[[Link, Packet], Sequence[Item]],
    where: Where | None = None,
    *,
    once: bool = False,
    text: str = "rewrites",
) -> Recipe:
    """Something else in place of such packets."""
    return Recipe(f"{text} {type}", lambda: _Rewrite(type, where, items, once))


def drop(type: str, where: Where | None = None, *, once: bool = False) -> Recipe:
    """Such packets never come."""
    return instead(type, lambda link, packet: [], where, once=once, text="drops")


def change(type: str, where: Where | None = None, *, once: bool = False, **fields: Any) -> Recipe:
    """Other fields; a callable gets the packet and the link."""

    def items(link: Link, packet: Packet) -> Sequence[Item]:
        new = {k: v(packet, link) if callable(v) else v for k, v in fields.items()}
        return [packet.changed(**new)]

    return instead(type, items, where, once=once, text=f"changes {', '.join(fields)} of")


def patch(
    type: str, where: Where | None = None, *, once: bool = False, **edit: Callable[[bytes], bytes]
) -> Recipe:
    """Other bytes: `bytes=` a function of the frame."""
    edit_bytes = edit["bytes"]
    items = lambda link, packet: [edit_bytes(packet.raw)]  # noqa: E731
    return instead(type, items, where, once=once, text="changes bytes of")


def repeat(type: str, where: Where | None = None, *, once: bool = False) -> Recipe:
    """Such packets come twice."""
    return instead(type, lambda _, p: [p.raw, p.raw], where, once=once, text="repeats")


def delay(type: str, after_s: float, where: Where | None = None) -> Recipe:
    """Such packets come so much later."""
    return instead(type, lambda _, p: [Later(after_s, p.raw)], where, text="delays")


def closes_after(type: str, where: Where | None = None) -> Recipe:
    """The link ends behind such a packet."""
    return instead(type, lambda _, p: [p.raw, CLOSE], where, text="closes after")


def invent(
    packet: str,
    after: str,
    where: Where | None = None,
    *,
    before: bool = False,
    once: bool = True,
    **fields: Any,
) -> Recipe:
    """A packet of the sabotage's own, behind (or before) one of the target's; its fields may be
    callables that get that one and the link.
    """

    def items(link: Link, p: Packet) -> Sequence[Item]:
        new = {k: v(p, link) if callable(v) else v for k, v in fields.items()}
        made = encode(packet, link.version, **new)
        return [made, p.raw] if before else [p.raw, made]

    place = "before" if before else "behind"
    return instead(after, items, where, once=once, text=f"invents {packet} {place}")


def ends(*names: str) -> Where:
    """Chooses messages by the last levels of their topics: a broker that fails only there."""
    tails = tuple(f"/{name}".encode() for name in names)
    return lambda packet: packet.topic.endswith(tails)


def subscribed(link: Link, name: str) -> bytes | None:
    """The filter ending in /name that the peer has subscribed to on this link."""
    for raw in link.sent:
        if raw[0] >> 4 == 8:
            for topic, _ in decode(raw, True, link.version).fields.get("filters", ()):
                if topic.endswith(f"/{name}".encode()):
                    return bytes(topic)
    return None


def message(name: str, after: str = "PINGRESP", **fields: Any) -> Recipe:
    """An invented message, once, to who has subscribed to .../name."""

    def items(link: Link, packet: Packet) -> Sequence[Item]:
        topic = subscribed(link, name)
        if topic is None:
            return [packet.raw]
        made = {"topic": topic, "payload": b"invented"} | fields
        return [encode("PUBLISH", link.version, **made), packet.raw]

    return instead(after, items, once=True, text="invents a message before")


class _Late(Sabotage):
    def __init__(self, type: str, where: Where | None) -> None:
        super().__init__()
        self._type, self._where = type, where
        self._held: dict[int, Packet] = {}

    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        held = self._held.pop(id(link), None)
        if held is not None:
            self.fired += 1
            return [packet.raw, held.raw]
        if packet.type == self._type and _fits(self._where, packet):
            self._held[id(link)] = packet
            return []
        return [packet.raw]


def late(type: str, where: Where | None = None) -> Recipe:
    """Such a packet comes behind the next one."""
    return Recipe(f"holds back {type}", lambda: _Late(type, where))


class _Swap(Sabotage):
    def __init__(self, type: str, where: Where | None) -> None:
        super().__init__()
        self._type, self._where = type, where
        self._held: dict[int, Packet] = {}

    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        if packet.type != self._type or not _fits(self._where, packet):
            return [packet.raw]
        held = self._held.pop(id(link), None)
        if held is None:
            self._held[id(link)] = packet
            return []
        self.fired += 1
        return [packet.raw, held.raw]


def swap(type: str, where: Where | None = None) -> Recipe:
    """Two such packets in a row change places; one that stays alone never comes."""
    return Recipe(f"swaps {type}", lambda: _Swap(type, where))


class _WebSocket(Sabotage):
    def __init__(self, what: str, value: str) -> None:
        super().__init__()
        self._what, self._value = what, value

    def websocket(self, what: str, value: str) -> str:
        if what != self._what:
            return value
        self.fired += 1
        return self._value


def websocket(what: str, value: str) -> Recipe:
    """Another header, or another opcode, of WebSocket."""
    return Recipe(f"says {what}: {value}", lambda: _WebSocket(what, value))


class KeepOpen(Sabotage):
    """Hides the end of a link on which something was sent that must end it."""

    def __init__(self) -> None:
        super().__init__()
        self.offences: set[bytes] | None = None  # of the case it belongs to, once that has run

    def _guilty(self, link: Link) -> bool:
        if self.offences is None:
            return bool(link.offences)
        return not self.offences.isdisjoint([*link.offences, *self._marks(link)])

    def _marks(self, link: Link) -> list[bytes]:
        so_far = Link(link.version, link.token)
        marks = []
        for frame in link.sent:
            so_far.sent.append(frame)
            marks.append(so_far.mark(frame))
        return marks

    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        """No refusal and no goodbye, either."""
        refusal = packet.type == "DISCONNECT" or (
            packet.type == "CONNACK" and packet.fields.get("reason") != 0
        )
        if not (refusal and self._guilty(link)):
            return [packet.raw]
        self.fired += 1
        return []

    def closing(self, link: Link) -> bool:
        """False on a link that should end."""
        if not self._guilty(link):
            return True
        self.fired += 1
        return False

    def learn(self, links: Sequence[Link]) -> None:
        """From now on, what these links' peers did wrong is what goes unpunished."""
        self.offences = {mark for link in links for mark in link.offences}


def keep_open() -> Recipe:
    """The link stays, and no word of what was wrong, after what the case calls an offence."""
    return Recipe("tolerates what must end the connection", KeepOpen)


def replay(
    sabotage: Sabotage, histories: Sequence[tuple[Link, Sequence[Packet | bytes | None]]]
) -> bool:
    """Would it have changed anything of links that were recorded? Frames that the peer sent are
    bytes, None is the end of the link.
    """
    for recorded, events in histories:
        with contextlib.suppress(Exception):  # it was not made for packets such as these
            _replay(sabotage, recorded, events)
    return sabotage.fired > 0


def _replay(sabotage: Sabotage, recorded: Link, events: Sequence[Packet | bytes | None]) -> None:
    link = Link(recorded.version, recorded.token, recorded.client_id)
    link.offences = recorded.offences
    for event in events:
        if isinstance(event, bytes):
            link.sent.append(event)
        elif event is None:
            sabotage.closing(link)
        else:
            link.received.append(event)
            sabotage.packet(link, event)
