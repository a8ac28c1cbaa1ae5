"""Columns of a trace and the few joins that every figure needs, done once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mqttlab.result import Result
from mqttlab.trace import End, Kind, Packet

__all__ = ["Indices", "TraceView", "topic_matches"]

Indices = NDArray[np.int64]

_RETAIN = 1


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic filter matches a topic name (MQTT-4.7.1-1 to -3, MQTT-4.7.2-1)."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    levels, names = topic_filter.split("/"), topic.split("/")
    for position, level in enumerate(levels):
        if level == "#":
            return True
        if position == len(names) or level not in ("+", names[position]):
            return False
    return len(levels) == len(names)


class TraceView:
    """A run's events by kind, and who stands at which end of which connection."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.events = result.events
        self.size = len(result.events)
        self.kind = np.ascontiguousarray(result.events["kind"])
        self._by_kind: dict[Kind, Indices] = {}

    def of(self, kind: Kind, *, end: End | None = None, packet: Packet | None = None) -> Indices:
        """Indices of the events of a kind, in order; of one end or packet type if given."""
        if kind not in self._by_kind:
            self._by_kind[kind] = np.flatnonzero(self.kind == kind)
        found = self._by_kind[kind]
        if end is not None:
            found = found[self.events["end"][found] == end]
        if packet is not None:
            found = found[self.events["packet"][found] == packet]
        return found

    @cached_property
    def connections(self) -> int:
        """One more than the highest connection number."""
        return int(self.events["connection"].max(initial=0)) + 1

    @cached_property
    def device_of(self) -> Indices:
        """Actor at the client's end of each connection; -1 if none was seen there."""
        devices = np.full(self.connections, -1, np.int64)
        at_client = np.flatnonzero(
            (self.events["end"] == End.CLIENT) & (self.events["connection"] > 0)
        )
        devices[self.events["connection"][at_client]] = self.events["actor"][at_client]
        return devices

    def device(self, events: Indices) -> Indices:
        """The device that each event of a connection concerns, whichever end recorded it."""
        device: Indices = self.device_of[self.events["connection"][events]]
        return device

    @cached_property
    def client_of(self) -> Indices:
        """Client id (index into the texts) in the CONNECT of each connection; -1 without one."""
        clients = np.full(self.connections, -1, np.int64)
        for kind in (Kind.ARRIVED, Kind.WRITTEN):
            connect = self.of(kind, packet=Packet.CONNECT)
            clients[self.events["connection"][connect]] = self.events["text"][connect]
        return clients

    @cached_property
    def has_server_keep_alive(self) -> NDArray[np.bool_]:
        """Connections whose keep alive the broker has set (5.0)."""
        rows = self.result.connects
        found = np.zeros(self.connections, bool)
        if self.result.server_keep_alive_s is not None:
            found[self.events["connection"][rows["event"][rows["version"] == 5]]] = True
        return found

    @cached_property
    def keep_alive_s(self) -> Indices:
        """The keep alive in force on each connection; 0 for none, and without CONNECT."""
        rows = self.result.connects[::-1]  # of several CONNECTs the first counts
        found = np.zeros(self.connections, np.int64)
        found[self.events["connection"][rows["event"]]] = rows["keep_alive_s"]
        found[self.has_server_keep_alive] = self.result.server_keep_alive_s or 0
        return found

    def links_of(self, actor: int, client_id: str) -> NDArray[np.bool_]:
        """Which connections are those of one client of a device, which may have several."""
        named = np.array([text == client_id for text in self.result.texts] + [True])
        mine: NDArray[np.bool_] = (self.device_of == actor) & named[self.client_of]
        return mine

    def devices_of(self, client_id: str) -> list[int]:
        """Devices that connected with a client id; none is nobody's."""
        if not client_id:
            return []
        named = np.array([text == client_id for text in self.result.texts] + [False])
        devices: list[int] = np.unique(self.device_of[named[self.client_of]]).tolist()
        return devices

    def handed(self, actor: int, client_id: str) -> Indices:
        """DELIVERED events of one client, in order; retained copies for a new SUBSCRIBE are none.

        These events name the device only: among its clients it is the one whose connection last
        brought the message.
        """
        delivered: Indices = self.of(Kind.DELIVERED)
        delivered = delivered[
            (self.events["actor"][delivered] == actor)
            & (self.events["flags"][delivered] & _RETAIN == 0)
        ]
        mine, here = self.links_of(actor, client_id), self.device_of == actor
        if not (here & ~mine).any():
            return delivered
        arrived = self.of(Kind.ARRIVED, end=End.CLIENT, packet=Packet.PUBLISH)
        arrived = arrived[self.events["actor"][arrived] == actor]
        brought: dict[int, int] = {}  # message -> connection
        kept = []
        for event in np.sort(np.concatenate([arrived, delivered])).tolist():
            message = int(self.events["message"][event])
            if self.kind[event] == Kind.ARRIVED:
                brought[message] = int(self.events["connection"][event])
            elif message not in brought or mine[brought[message]]:
                kept.append(event)
        return np.array(kept, np.int64)

    def qos(self, events: Indices) -> Indices:
        """QoS level in the flags of PUBLISH-like events."""
        level: Indices = ((self.events["flags"][events] >> 1) & 3).astype(np.int64)
        return level

    def first_per_connection(self, events: Indices) -> Indices:
        """For each connection the first of `events`, or `size` if there is none."""
        first = np.full(self.connections, self.size, np.int64)
        np.minimum.at(first, self.events["connection"][events], events)
        return first

    @cached_property
    def disturbed(self) -> bool:
        """True if the run stopped early, so that what was under way could not arrive."""
        return self.result.interrupted
