"""One connection between a case and what it judges: what it says and hears, and its verbs.

Plain asyncio (a Protocol): it runs on any event loop.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from mqttlab.conformance.sabotage import CLOSE, Item, Later, Link
from mqttlab.conformance.verdicts import Ending, Failed, NotTested
from mqttlab.conformance.wire import V5, Packet, Parser, decode, encode

if TYPE_CHECKING:
    from mqttlab.conformance.trial import BaseTrial

__all__ = ["Connection", "Where"]

Where = Callable[[Packet], object]
_ANSWER = {1: "PUBACK", 2: "PUBREC"}


class Connection(asyncio.Protocol, ABC):
    """One connection with the target; its other end keeps to nothing by itself.

    Verbs that begin with what a case expects (`expect`, `dropped`, `nothing`) judge: they end the
    case as failed. The others (`get`, `ends`) prepare: if they do not get what they need, the case
    is not tested, and another rule's case has to say why.
    """

    hears_clients: ClassVar[bool]
    """The target is a client, and its packets are."""

    def __init__(self, trial: BaseTrial, name: str, *, acks: bool = True) -> None:
        earlier = sum(peer.who == name for peer in trial.peers)
        self.trial, self.who, self.acks = trial, name, acks
        self.name = f"{name} {earlier + 1}" if earlier else name  # of this connection
        self.version = trial.version
        self.link = Link(self.version, trial.token.encode())
        self.history: list[Packet | bytes | None] = []
        self.inbox: list[Packet] = []  # what has come and no verb has taken
        self.heard: list[str] = []  # the types of all that has come
        self.ended: str | None = None  # "fin", "reset", "local"
        self.ended_at = 0.0
        self._parser = Parser()
        self._outgoing = Parser()
        self._transport: asyncio.Transport | None = None
        self._news = asyncio.Event()
        self._next_id = 0
        self._deaf = False  # after a close that was invented: nothing more comes

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        if address := transport.get_extra_info("peername" if self.hears_clients else "sockname"):
            self.trial.addresses.add((str(address[0]), int(address[1])))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        now = self.trial.now
        for raw in self._parser.feed(data):
            packet = decode(raw, self.hears_clients, self.version, now)
            self.link.received.append(packet)
            self.history.append(packet)
            self._learn(packet)
            try:
                items = self.trial.sabotage.packet(self.link, packet)
            except Exception as error:  # the event loop would make it the link's end
                self.trial.broken = error
                raise
            for item in items:
                self._take(item)

    def _learn(self, packet: Packet) -> None:
        """What a packet says of who sends it."""

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.history.append(None)
        if self.trial.sabotage.closing(self.link):
            self._end("reset" if error else "fin")

    def _take(self, item: Item) -> None:
        if item is CLOSE:
            self._end("fin")
            self._deaf = True
        elif isinstance(item, Later):
            asyncio.get_running_loop().call_later(item.after_s, self._take, item.data)
        elif not self._deaf:
            packet = decode(item, self.hears_clients, self.version, self.trial.now)
            self.trial.heard(self, packet)
            self.inbox.append(packet)
            self.heard.append(packet.type)
            if not packet.violation:
                self._answer(packet)
            self._news.set()

    def _answer(self, packet: Packet) -> None:
        """Says what it says by itself."""
        if not self.acks:
            return
        if packet.type == "PUBLISH" and packet.qos:
            self.send(_ANSWER[packet.qos], packet_id=packet.packet_id)
        elif packet.type == "PUBREL":
            self.send("PUBCOMP", packet_id=packet.packet_id)

    def _end(self, how: str) -> None:
        if self.ended is None:
            self.ended, self.ended_at = how, self.trial.now
            self.trial.ended(self, how)
        self._news.set()

    # Saying.

    def send(self, packet: str | bytes, /, **fields: Any) -> bytes:
        """A packet by its name and fields (wire.encode), or any bytes. Returns its bytes."""
        data = encode(packet, self.version, **fields) if isinstance(packet, str) else packet
        for frame in self._outgoing.feed(data):
            self.link.sent.append(frame)
            self.history.append(frame)
        if not self.link.client_id and data[:1] == b"\x10":
            self.link.client_id = str(fields.get("client_id", "")).encode()
        self.trial.said(self, data)
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)
        return data

    def offend(self, packet: str | bytes, /, **fields: Any) -> None:
        """Sends what no client may send."""
        frame = Connection.send(self, packet, **fields)  # whatever a kind of peer declines to send
        self.link.offences.append(self.link.mark(frame))

    def doom(self, why: str) -> None:
        """From now on the target must end this connection, although no packet of it says so."""
        self.link.offences.append(why.encode())

    def send_all(self, *packets: bytes) -> None:
        """Several packets in one piece."""
        self.send(b"".join(packets))

    def make(self, packet: str, **fields: Any) -> bytes:
        """A packet's bytes, to be sent later or in pieces."""
        return encode(packet, self.version, **fields)

    @property
    def transport(self) -> asyncio.Transport:
        """What is beneath: a WebSocketClient where MQTT goes over WebSocket."""
        assert self._transport
        return self._transport

    @property
    def next_id(self) -> int:
        """A packet id that this peer has not used."""
        self._next_id += 1
        return self._next_id

    # Judging.

    async def expect(
        self, type: str, where: Where | None = None, *, within_s: float | None = None, **fields: Any
    ) -> Packet:
        """The next packet of this type (and fields); the rule is broken if none comes in time."""
        return await self._packet(Failed, type, where, within_s, fields)

    async def get(
        self, type: str, where: Where | None = None, *, within_s: float | None = None, **fields: Any
    ) -> Packet:
        """The same, as a preparation."""
        return await self._packet(NotTested, type, where, within_s, fields)

    async def _packet(
        self,
        ending: Callable[[str], Ending],
        type: str,
        where: Where | None,
        within_s: float | None,
        fields: dict[str, Any],
    ) -> Packet:
        patience = self.trial.times.patience_s if within_s is None else within_s

        def ready() -> Packet | str | None:
            return self.find(type, where, fields, ending) or self.ended

        found = await self.until(ready, patience)
        if isinstance(found, Packet):
            self.inbox.remove(found)
            return found
        raise ending(f"{self.name}: no {_wanted(type, fields)}{self._why(patience)}")

    def find(
        self,
        type: str,
        where: Where | None,
        fields: dict[str, Any],
        ending: Callable[[str], Ending] = NotTested,
    ) -> Packet | None:
        """One that has come and that no verb has taken; it stays. `ending`: if a packet of this
        type does not decode.
        """
        for packet in self.inbox:
            if packet.violation and packet.type in (type, "?"):
                self.trial.malformed(self, packet, ending)
            if packet.type == type and _has(packet, fields) and (not where or where(packet)):
                return packet
        return None

    def _why(self, patience: float) -> str:
        others = [p.type for p in self.inbox[-4:]]
        came = f"; what came: {', '.join(others)}" if others else ""
        how = f": the connection ended ({self.ended})" if self.ended else f" within {patience:g} s"
        return how + came

    async def dropped(self, *codes: int, within_s: float | None = None) -> Packet | None:
        """The target ends the connection, by fin or reset. Returns the DISCONNECT or refusing
        CONNACK before it. `codes`: what the standard proposes; another one of 0x80 or more is
        legal, and reported under --strict.
        """
        patience = self._ending_s() if within_s is None else within_s
        await self.until(lambda: self.ended or self._tolerated(), patience)
        if said := self._tolerated():
            raise Failed(f"{self.name}: {said}")
        if not self.ended:
            raise Failed(f"{self.name}: the connection stays open for {patience:g} s")
        return self._parting(codes)

    def _ending_s(self) -> float:
        """How long the target may take to end this connection."""
        return self.trial.times.patience_s

    def _tolerated(self) -> str:
        """What the target said that it says only if it tolerates everything; "" if nothing."""
        return ""

    def _parting(self, codes: Sequence[int]) -> Packet | None:
        words = [
            p
            for p in self.inbox
            if not p.violation and (p.type == "DISCONNECT" or (p.type == "CONNACK" and p.reason))
        ]
        if not words:
            return None
        word = words[-1]
        if self.version >= V5:
            if word.reason < 0x80:
                raise Failed(f"{self.name}: {word.type} 0x{word.reason:02X}, which is no error")
            if self.trial.strict and codes and word.reason not in codes:
                wanted = " or ".join(f"0x{code:02X}" for code in codes)
                raise Failed(f"{self.name}: {word.type} 0x{word.reason:02X}, not {wanted}")
        return word

    async def nothing(self, type: str, where: Where | None = None, **fields: Any) -> None:
        """No such packet has come or comes: a barrier, then a quiet window."""
        await self.barrier()
        await asyncio.sleep(self.trial.times.quiet_s)
        if self.find(type, where, fields, Failed):
            raise Failed(f"{self.name}: {_wanted(type, fields)} came, which should not")

    # Preparing and ending.

    @abstractmethod
    async def barrier(self) -> None:
        """Returns once what was sent before has been read."""

    async def answered(self) -> None:
        """Something has come that no verb has taken, or the connection has ended."""
        await self.until(lambda: self.ended or self.inbox, self.trial.times.patience_s)

    async def ends(self, within_s: float | None = None) -> None:
        """The connection is over on this side, whoever ended it."""
        if not await self.until(lambda: self.ended, within_s or self.trial.times.patience_s):
            raise NotTested(f"{self.name}: the connection did not end")

    async def close(self) -> None:
        """Fin, without a word."""
        if self._transport:
            self._transport.close()
        self._end("local")

    async def cut(self) -> None:
        """Fin or reset at once, without a word."""
        if self._transport:
            self._transport.abort()
        self._end("local")

    def pause(self) -> None:
        """Reads nothing from now on."""
        if self._transport:
            self._transport.pause_reading()

    async def until(self, ready: Callable[[], Any], within_s: float) -> Any:
        """What `ready` says once it is true; what it says in the end if it never is."""
        loop = asyncio.get_running_loop()
        due = loop.time() + within_s
        while not (found := ready()):
            left = due - loop.time()
            if left <= 0:
                break
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                continue
        return found


def _has(packet: Packet, fields: dict[str, Any]) -> bool:
    for name, value in fields.items():
        wanted = value.encode() if isinstance(value, str) else value
        if packet.fields.get(name) != wanted:
            return False
    return True


def _wanted(type: str, fields: dict[str, Any]) -> str:
    return " ".join([type, *(f"{name}={value!r}" for name, value in fields.items())])
