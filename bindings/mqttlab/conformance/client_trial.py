"""One case's run against a client: what is ordered of it, what it says of itself, and the server
that it speaks to.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mqttlab.conformance.drivers import FEATURES
from mqttlab.conformance.served import Served
from mqttlab.conformance.trial import BaseTrial, Entry
from mqttlab.conformance.verdicts import Ending, Failed, NotClaimed, NotTested, TargetError
from mqttlab.conformance.websocket import WebSocketServer
from mqttlab.conformance.wire import Packet

if TYPE_CHECKING:
    from mqttlab.conformance.clients import Clients, Driver

__all__ = ["ClientTrial", "signature"]

_VERSIONS = {4: "3.1.1", 5: "5.0"}
_LONG_S = 3600  # a session that outlives any case
_KEEP_ALIVE_S = 60
_OPTIONS = {
    "will": "will",
    "user_name": "login",
    "password": "login",
    "scram": "scram",
    "websocket": "websocket",
}
"""Those of the order "connect" that take a feature."""
Event = dict[str, Any]
_BARE = (
    "id",
    "topic",
    "filters",
    "version",
    "client_id",
    "what",
)  # say by themselves what they are
_RANK = {"do": 0, "event": 0, "id": 1}
_LONGEST = 40  # characters of a value in the log: what comes behind it has to be seen, too


def signature(case: str) -> str:
    """How the client ids of a case end, and of no other: sabotages find their case by it."""
    return f"{zlib.crc32(case.encode()):08x}"


@dataclass
class ClientTrial(BaseTrial):
    """What a case for clients gets. `expect` and `get` wait for what the client's driver tells, as
    those of a connection wait for packets.
    """

    target: Clients
    driver: Driver | None = None
    _server: asyncio.AbstractServer | None = None
    _arrivals: list[Served] = field(default_factory=list)
    _acks: bool = True
    _announced: tuple[str, int] | None = None  # topic and QoS of what it will publish
    _web: bool = False
    _name: str = "a"
    _orders: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def client_id(self, name: str = "a") -> str:
        """A client id of this run's and this case's own; 23 letters and digits at most."""
        return super().client_id(name) + signature(self.case.name)

    # What it can do.

    async def needs(self, *features: str) -> None:
        """Ends the case as not claimed if the driver has not said that it has all of these."""
        driver = await self._started()
        for feature in features:
            if feature not in driver.features:
                raise NotClaimed(FEATURES[feature])

    async def _started(self) -> Driver:
        if self.driver is None:
            self._server, host, port = await self.target.listen(self._accept)
            self.driver = await self.target.start(self, host, port)
            await self.needs(_VERSIONS[self.version])
        return self.driver

    # Connections.

    async def open(self, name: str = "a", *, acks: bool = True, **options: Any) -> Served:
        """The client is told to connect, and has: CONNECT is taken, and nothing is answered.
        Options: those of the order "connect"; properties of CONNECT by their names; `publishes`,
        topic and QoS of what it will be told to publish, for clients that have to know.
        """
        return await self._opened(False, name, acks, await self.connecting(name, **options))

    async def arrives(self, name: str = "a", *, acks: bool = True, **options: Any) -> Served:
        """The same, and the rule is broken if it does not."""
        return await self._opened(True, name, acks, await self.connecting(name, **options))

    async def connect(
        self, name: str = "a", *, acks: bool = True, connack: Event | None = None, **options: Any
    ) -> Served:
        """The same, and CONNACK accepts it. `connack`: its fields."""
        peer = await self.open(name, acks=acks, **options)
        return await self.accepted(peer, connack or {})

    async def reconnect(
        self, *, acks: bool = True, clean: bool = False, connack: Event | None = None
    ) -> Served:
        """The connection is cut if it still stands, and the same client comes back to its session,
        unless it makes a `clean` start; Session Present is 1 unless `connack` says otherwise.
        """
        await self.needs("session")
        if not self.peers[-1].ended:
            await self.peers[-1].cut()
        await self.get("closed")
        order = {"do": "reconnect", "clean": clean}
        peer = await self._opened(False, self._name, acks, order)
        # Whether it tells "connected" before what it sends again is through is its own affair.
        peer.welcome(**{"session_present": 1} | (connack or {}))
        return peer

    async def accepted(self, peer: Served, connack: Event) -> Served:
        """CONNACK, and the client's word that it is connected."""
        peer.welcome(**connack)
        await self.get("connected")
        return peer

    async def connecting(self, name: str = "a", **options: Any) -> Event:
        """The order "connect". `session`: one that outlives the connection."""
        order: Event = {"do": "connect", "version": _VERSIONS[self.version]}
        if options.pop("session", False):
            await self.needs("session")
            options.setdefault("clean", False)
            if self.v5:
                options.setdefault("session_expiry_interval", _LONG_S)
        for option, feature in _OPTIONS.items():
            if option in options:
                await self.needs(feature)
        self._web = options.get("websocket", False)
        self._announced = options.pop("publishes", None)
        driver = await self._started()
        order |= {"client_id": self.client_id(name), "clean": True, "keep_alive_s": _KEEP_ALIVE_S}
        carried: Event = {}
        for key, value in options.items():
            if key in _OPTIONS or key in order:
                order[key] = value
            else:
                feature = key if key in FEATURES else "connect properties"
                if key != "session_expiry_interval":
                    await self.needs(feature)
                carried[key] = value
        if carried:
            order["properties"] = carried
        if self._announced:
            order["publishes"] = dict(zip(("topic", "qos"), self._announced, strict=True))
        if "properties" in order.get("will", {}):
            await self.needs("will properties")
        if not order["client_id"]:
            await self.needs("empty client id")
        if 0 < order["keep_alive_s"] < driver.least_keep_alive_s:
            order["keep_alive_s"] = driver.least_keep_alive_s
        return order

    async def _opened(self, judged: bool, name: str, acks: bool, order: Event) -> Served:
        driver = await self._started()
        self._acks = acks
        self._name = name
        driver.order(order)
        within_s = self.times.patience_s
        await self._until(lambda: self._arrivals or driver.died, within_s)
        self._alive()
        if not self._arrivals:
            ending = Failed if judged else NotTested
            raise ending(f"{name}: it does not connect within {within_s:g} s")
        peer = self._arrivals.pop(0)
        peer.connect = await (peer.expect if judged else peer.get)("CONNECT")
        return peer

    def _accept(self) -> asyncio.Protocol:
        peer = Served(self, self._name, acks=self._acks)
        self.peers.append(peer)
        return WebSocketServer(peer, self.sabotage.websocket) if self._web else peer

    def arrived(self, peer: Served) -> None:
        """A peer tells that a client has connected to it."""
        self._arrivals.append(peer)
        self._news.set()

    async def attempt(self, **options: Any) -> Served | None:
        """The client is told to connect in a way that it may refuse; None if it does."""
        driver = await self._started()
        before = len(driver.events)

        def answered() -> object:
            return self._arrivals or driver.died or len(driver.events) > before

        driver.order(await self.connecting(**options))
        await self._until(answered, self.times.patience_s)
        self._alive()
        return self._arrivals.pop(0) if self._arrivals else None

    # Orders.

    def order(self, do: str, **fields: Any) -> int:
        """An order to the driver; returns its id."""
        assert self.driver
        announced = do == "publish" and self._announced == (fields["topic"], fields["qos"])
        if do in ("publish", "subscribe") and not self._has(do) and not announced:
            raise NotClaimed(FEATURES[do])
        self._orders += 1
        self.driver.order({"do": do, "id": self._orders, **fields})
        return self._orders

    def publish(
        self, topic: str, payload: str = "m", qos: int = 1, *, retain: bool = False, **more: Any
    ) -> int:
        """The client is told to publish. `more`: properties."""
        fields: Event = {"topic": topic, "payload": payload, "qos": qos, "retain": retain}
        if more:
            fields["properties"] = more
        return self.order("publish", **fields)

    async def subscribed(self, peer: Served, *filters: str, qos: int = 2, **more: Any) -> Packet:
        """The client has subscribed to these filters, or, if it is told on its command line, to
        all; returns SUBSCRIBE.
        """
        number = 0
        if self._has("subscribe") or more:
            number = self.order("subscribe", filters=[[one, qos] for one in filters], **more)
        packet = await peer.get("SUBSCRIBE")
        if not peer.acks:
            codes = [options & 3 for _, options in packet.filters]
            peer.send("SUBACK", packet_id=packet.packet_id, codes=codes)
        if number:
            await self.get("acknowledged", id=number)
        return packet

    def _has(self, feature: str) -> bool:
        assert self.driver
        return feature in self.driver.features

    # What it tells.

    async def expect(self, event: str, *, within_s: float | None = None, **fields: Any) -> Event:
        """The next such event that no verb has taken; the rule is broken if none comes."""
        return await self._event(Failed, event, within_s, fields)

    async def get(self, event: str, *, within_s: float | None = None, **fields: Any) -> Event:
        """The same, as a preparation."""
        return await self._event(NotTested, event, within_s, fields)

    async def _event(
        self, ending: Callable[[str], Ending], kind: str, within_s: float | None, fields: Event
    ) -> Event:
        driver = await self._started()
        wait_s = self.times.patience_s if within_s is None else within_s
        await self._until(lambda: self._told(kind, fields) or driver.died, wait_s)
        if found := self._told(kind, fields):
            driver.events.remove(found[0])
            return found[0]
        self._alive()
        others = ", ".join(str(one["event"]) for one in driver.events[-4:])
        raise ending(
            f"the client does not tell {kind} {fields or ''} within {wait_s:g} s"
            + (f"; what it told: {others}" if others else "")
        )

    def _told(self, kind: str, fields: Event) -> list[Event]:
        assert self.driver
        wanted = [("event", kind), *fields.items()]
        return [e for e in self.driver.events if all(e.get(k) == v for k, v in wanted)]

    async def messages(self, topic: str) -> list[Event]:
        """The messages of this topic that it told and no verb has taken, after a quiet window."""
        await self.needs("message")
        await self.sleep(self.times.quiet_s)
        return self._told("message", {"topic": topic})

    def ordered(self, order: Event) -> None:
        """Log: an order, as the driver gets it."""
        self._noted("order", order)

    def told(self, *events: Event) -> None:
        """The driver tells these, or is there, or has died. Log: events."""
        for event in events:
            self._noted("told", event)
        self._news.set()

    def _noted(self, direction: str, line: Event) -> None:
        self.log.append(Entry(self.now - self.began, "driver", direction, text=_words(line)))

    async def _until(self, ready: Callable[[], Any], within_s: float) -> None:
        due = self.now + within_s
        while not ready() and self.now < due:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), due - self.now)
            except TimeoutError:
                continue

    def _alive(self) -> None:
        assert self.driver
        if self.driver.died:
            raise TargetError(self.driver.died)
        errors = self._told("error", {})
        if errors:
            raise TargetError(f"the driver: {errors[0].get('what')}")

    async def tidy(self) -> None:
        """See BaseTrial: the driver is told to quit, and the server ends."""
        for peer in self.peers:
            await (peer.close() if peer.ended else peer.cut())
        if self.driver:
            log, self.log = self.log, []  # what it tells while it ends is not part of the case
            await self.driver.stop()
            self.log = log
            self.crash = self.driver.died
        if self._server:
            self._server.close()


def _words(line: Event) -> str:
    """An order or an event on one line: its name, its id, its fields; flags that are false are
    left out.
    """
    name, *rest = sorted(line.items(), key=lambda item: _RANK.get(item[0], len(_RANK)))
    return " ".join([str(name[1]), *_fields(rest)])


def _fields(items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    for key, value in items:
        if value is True:
            yield key
        elif key in _BARE:
            yield _value(value)
        elif value is not False and value != {}:
            yield f"{key} {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"({' '.join(_fields(value.items()))})"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    text = str(value)
    if not text or not text.isprintable() or " " in text:
        text = json.dumps(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
