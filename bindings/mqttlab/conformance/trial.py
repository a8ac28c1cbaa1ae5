"""One case's run: its peers, names that no other run uses, waits, and the log of what was said."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mqttlab.conformance.connection import Connection
from mqttlab.conformance.peer import Peer
from mqttlab.conformance.sabotage import Sabotage
from mqttlab.conformance.times import Times
from mqttlab.conformance.verdicts import Ending, Failed
from mqttlab.conformance.wire import V5, Packet

if TYPE_CHECKING:
    from mqttlab.conformance.cases import Case
    from mqttlab.conformance.target import Target

__all__ = ["NOTES", "BaseTrial", "Entry", "Fault", "Trial"]

NOTES = ("order", "told")
"""Directions of what no connection carries."""
_ANSWERS = ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK")
_PLAIN_ID = 23  # letters and digits: what every server takes (3.1.3.1)
_LONG_S = 3600  # a session that outlives any case


@dataclass(frozen=True)
class Entry:
    """One line of the log: a packet or bytes, the end of a connection, or, where a client is
    judged, an order to its driver or an event of it.
    """

    at_s: float
    peer: str
    direction: str  # "sent", "received", "end"; "order", "told"
    data: bytes = b""
    text: str = ""

    @property
    def on_the_wire(self) -> bool:
        """Of a connection."""
        return self.direction not in NOTES


@dataclass
class Fault:
    """A packet of the target that does not decode."""

    statement: str
    text: str


@dataclass
class BaseTrial(ABC):
    """What a case gets, whatever it judges. Names are unique per run and case, so that cases can
    run side by side.
    """

    case: Case
    version: int
    target: Target
    times: Times
    token: str  # of the run and case: at most 8 letters and digits
    sabotage: Sabotage = field(default_factory=Sabotage)
    strict: bool = False
    peers: list[Any] = field(default_factory=list)  # its Connections, in order
    log: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    began: float = 0.0
    any_form: bool = False  # answers may be in the form of another version
    broken: Exception | None = None  # the sabotage's own mistake
    notes: list[str] = field(default_factory=list)  # on what passed
    crash: str = ""  # what the target died of, or its driver
    addresses: set[tuple[str, int]] = field(default_factory=set)  # clients' ends of connections

    @abstractmethod
    async def tidy(self) -> None:
        """Leaves nothing behind on the target."""

    @property
    def v5(self) -> bool:
        """True under MQTT 5.0."""
        return self.version >= V5

    @property
    def now(self) -> float:
        """Seconds on the loop's clock."""
        return asyncio.get_running_loop().time()

    def topic(self, name: str = "t") -> str:
        """A topic of this run's own."""
        return f"c/{self.token}/{name}"

    def client_id(self, name: str = "a") -> str:
        """A client id of this run's own; 23 letters and digits at most."""
        made = f"{self.token}{name}"
        assert len(made) <= _PLAIN_ID, made
        assert made.isascii(), made
        assert made.isalnum(), made
        return made

    async def sleep(self, seconds: float) -> None:
        """Waits, on the loop's clock."""
        await asyncio.sleep(seconds)

    async def until(self, ready: Callable[[], Any], within_s: float | None = None) -> Any:
        """What `ready`, which may look at several peers, says once it is true, or in the end."""
        due = self.now + (self.times.patience_s if within_s is None else within_s)
        while not (found := ready()) and self.now < due:
            await asyncio.sleep(self.times.look_s)
        return found

    def note(self, text: str) -> None:
        """Says more about a pass."""
        if text not in self.notes:
            self.notes.append(text)

    # What peers report.

    def said(self, peer: Connection, data: bytes, how: str = "") -> None:
        """Log: bytes that a peer sent, and what was special about that."""
        self.log.append(Entry(self.now - self.began, peer.name, "sent", data, how))

    def heard(self, peer: Connection, packet: Packet) -> None:
        """Log: a packet that reached a peer."""
        self.log.append(Entry(self.now - self.began, peer.name, "received", packet.raw))
        echoes = bool(peer.link.offences) and packet.type in _ANSWERS  # of an ill-formed request
        if packet.violation and not self.any_form and not echoes:
            self.faults.append(
                Fault(packet.violation[1], f"{packet.type} {packet.raw[:40].hex(' ')}")
            )

    def ended(self, peer: Connection, how: str) -> None:
        """Log: the end of a connection."""
        self.log.append(Entry(self.now - self.began, peer.name, "end", text=how))

    def malformed(self, peer: Connection, packet: Packet, ending: Callable[[str], Ending]) -> None:
        """A packet that a case looks at does not decode: its rule is broken, or another one."""
        assert packet.violation
        reason, statement = packet.violation
        observed = (
            f"{peer.name}: {packet.type} that breaks {statement or f'0x{reason:02X}'}: "
            f"{packet.raw[:40].hex(' ')}"
        )
        raise (Failed if statement in self.case.ids(self.version) else ending)(observed)


@dataclass
class Trial(BaseTrial):
    """What a case for brokers gets."""

    retained: set[str] = field(default_factory=set)
    sessions: dict[str, str] = field(default_factory=dict)  # client id -> endpoint

    async def open(self, name: str = "a", *, acks: bool = True, on: str = "plain") -> Peer:
        """A connection on which nothing has been said."""
        peer = Peer(self, name, acks=acks)
        self.peers.append(peer)
        await self.target.open(peer, on, self.sabotage.websocket)
        return peer

    async def connect(
        self,
        name: str = "a",
        *,
        session: bool = False,
        acks: bool = True,
        on: str = "plain",
        **fields: Any,
    ) -> Peer:
        """A connection whose CONNECT was accepted. `session`: one that outlives the connection,
        and is gone on with if it exists; `name` is who connects. Fields: wire.encode's.
        """
        peer = await self.open(name, acks=acks, on=on)
        await peer.accepted(**self.connecting(name, session=session, on=on, **fields))
        return peer

    def connecting(
        self, name: str = "a", *, session: bool = False, on: str = "plain", **fields: Any
    ) -> dict[str, Any]:
        """The fields of CONNECT that connect() sends."""
        fields.setdefault("client_id", self.client_id(name))
        fields.setdefault("keep_alive_s", self.target.profile.get("keep_alive_s", 0))
        for key, value in self.target.login(on).items():
            fields.setdefault(key, value)
        if session:
            self.sessions[fields["client_id"]] = on
            fields.setdefault("clean", False)
            if self.v5:
                fields.setdefault("session_expiry_interval", _LONG_S)
        return fields

    async def retain(self, topic: str, payload: bytes | str = b"kept", **fields: Any) -> None:
        """A retained message, put there by somebody else."""
        peer = await self.connect(f"r{len(self.peers)}")
        await peer.publish(topic, payload, retain=True, **fields)
        await peer.disconnect()

    async def tidy(self) -> None:
        """Leaves nothing behind on the target: links, sessions, retained messages."""
        for peer in self.peers:
            await (peer.close() if peer.ended else peer.cut())
        self.sabotage = Sabotage()
        with contextlib.suppress(Exception):
            await self._erase(self.sessions.items(), sorted(self.retained))
        for peer in self.peers:
            if not peer.ended:
                await peer.cut()

    async def _erase(self, sessions: Any, topics: Sequence[str]) -> None:
        log, self.log = self.log, []  # none of this is part of the case
        try:
            for client_id, on in sessions:
                peer = await self.connect("tidy", client_id=client_id, on=on)
                await peer.disconnect()
            if topics:
                peer = await self.connect("tidy")
                for topic in topics:
                    qos = min(1, peer.announced("maximum_qos", 2))
                    await peer.publish(topic, b"", qos, retain=True)
                await peer.disconnect()
        finally:
            self.log = log
