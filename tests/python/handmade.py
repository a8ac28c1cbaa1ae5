"""Results written by hand, event by event, for tests of what is computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mqttlab import trace
from mqttlab.result import ClientInfo, DeviceInfo, Result, Verdict, Violation
from mqttlab.trace import CloseCause, Direction, End, Kind, Packet

BROKER = 0


@dataclass
class Handmade:
    """A run in the making. Actor 0 is the broker; times are in seconds."""

    rows: list[dict[str, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=lambda: [""])
    actors: list[str] = field(default_factory=lambda: ["broker"])
    devices: list[DeviceInfo] = field(default_factory=list)
    connects: list[tuple[object, ...]] = field(default_factory=list)
    filters: list[tuple[object, ...]] = field(default_factory=list)
    counters: list[tuple[int, ...]] = field(default_factory=list)
    owner: dict[int, int] = field(default_factory=dict)  # connection -> device
    clients: set[tuple[int, str]] = field(default_factory=set)  # device, client id
    messages: dict[str, int] = field(default_factory=dict)

    def text(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)

    def message(self, name: str) -> int:
        """Identity of a message that the test calls `name`; not in order of creation."""
        return self.messages.setdefault(name, (len(self.messages) * 7919 + 13) % 104729 + 1)

    def add(self, at: float, kind: Kind, actor: int, **columns: int) -> int:
        self.rows.append({"at": round(at * 1e9), "kind": kind, "actor": actor, **columns})
        return len(self.rows) - 1

    def device(self, name: str, link: str = "lte") -> int:
        self.actors.append(name)
        actor = len(self.actors) - 1
        self.devices.append(DeviceInfo(actor, name, link))
        for direction in Direction:
            self.count(actor, direction)
        return actor

    def count(self, actor: int, direction: Direction, **columns: int) -> None:
        """Replaces the counters of one direction of a device's link."""
        names = list(trace.COUNTERS.names or ())[2:]
        row = (actor, int(direction), *(columns.get(name, 0) for name in names))
        self.counters = [r for r in self.counters if r[:2] != row[:2]] + [row]

    def packet(
        self, at: float, connection: int, packet: Packet, *, up: bool, lost: bool = False,
        size: int = 4, **columns: int,
    ) -> int:  # fmt: skip
        """A packet written and, 0.1 s later unless lost, arrived; returns the event written."""
        device = self.owner[connection]
        base = {"connection": connection, "packet": packet, "bytes": size, **columns}
        sender, receiver = (device, BROKER) if up else (BROKER, device)
        ends = (End.CLIENT, End.BROKER) if up else (End.BROKER, End.CLIENT)
        event = self.add(at, Kind.WRITTEN, sender, end=ends[0], **base)
        if not lost:
            self.add(at + 0.1, Kind.ARRIVED, receiver, end=ends[1], **base)
        return event

    def open(
        self, at: float, device: int, *, clean: bool = True, keep_alive_s: int = 60,
        will: str | None = None, client_id: str | None = None, version: int = 4,
        present: bool = False,
    ) -> int:  # fmt: skip
        """A connection up to CONNACK; its number. `client_id`: its device's name, if not given."""
        connection = len(self.owner) + 1
        self.owner[connection] = device
        self.add(at, Kind.OPENED, device, end=End.CLIENT, connection=connection)
        self.add(at, Kind.OPENED, BROKER, end=End.BROKER, connection=connection)
        client_id = self.actors[device] if client_id is None else client_id
        self.clients.add((device, client_id))
        name = self.text(client_id)
        first = self.packet(at, connection, Packet.CONNECT, up=True, size=20, text=name)
        for event in (first, first + 1):
            self.connects.append(
                (event, version, clean, keep_alive_s, will is not None, self.text("will"),
                 self.message(will) if will else 0, False, 2, False)
            )  # fmt: skip
        self.packet(at + 0.1, connection, Packet.CONNACK, up=False, flags=int(present))
        return connection

    def close(
        self, at: float, connection: int, client: CloseCause, broker: CloseCause | None
    ) -> None:
        """The ends notice, the broker half a second later; None: it never does."""
        device = self.owner[connection]
        ends = {"connection": connection}
        self.add(at, Kind.CLOSED, device, end=End.CLIENT, code=client, **ends)
        if broker is not None:
            self.add(at + 0.5, Kind.CLOSED, BROKER, end=End.BROKER, code=broker, **ends)

    def subscribe(self, at: float, connection: int, topic_filter: str, qos: int = 2) -> None:
        first = self.packet(at, connection, Packet.SUBSCRIBE, up=True, packet_id=1)
        for event in (first, first + 1):
            self.filters.append((event, Packet.SUBSCRIBE, 0, self.text(topic_filter), qos))
        first = self.packet(at + 0.1, connection, Packet.SUBACK, up=False, packet_id=1)
        for event in (first, first + 1):
            self.filters.append((event, Packet.SUBACK, 0, 0, qos))

    def call(self, at: float, device: int, name: str, qos: int, topic: str = "site/a") -> None:
        self.add(at, Kind.PUBLISH_CALLED, device, message=self.message(name), flags=qos << 1,
                 text=self.text(topic), detail=len(self.rows) + 1)  # fmt: skip

    def publish(
        self, at: float, connection: int, name: str, qos: int, *, up: bool, lost: bool = False,
        size: int = 50, topic: str = "site/a",
    ) -> None:  # fmt: skip
        self.packet(at, connection, Packet.PUBLISH, up=up, lost=lost, size=size, flags=qos << 1,
                    message=self.message(name), text=self.text(topic))  # fmt: skip

    def deliver(self, at: float, device: int, name: str, qos: int, retain: int = 0) -> None:
        self.add(at, Kind.DELIVERED, device, message=self.message(name), flags=qos << 1 | retain)

    def result(self, **changes: object) -> Result:
        events = np.zeros(len(self.rows), trace.EVENT)
        for index, row in enumerate(self.rows):
            for column, value in row.items():
                events[column][index] = value
        end_s = max((row["at"] for row in self.rows), default=0) / 1e9
        values: dict[str, object] = {
            "scenario": "handmade", "seed": 7, "parameters": {"devices": len(self.devices)},
            "until_s": 60.0, "virtual_s": end_s, "wall_s": 0.25, "interrupted": False,
            "fingerprint": "0" * 64, "versions": {"mqttlab": "0"}, "events": events,
            "texts": tuple(self.texts), "actors": tuple(self.actors),
            "connects": np.array(self.connects, trace.CONNECT),
            "filters": np.array(self.filters, trace.FILTER),
            "counters": np.array(sorted(self.counters), trace.COUNTERS),
            "broker": "broker", "devices": tuple(self.devices), "fleets": (),
            "clients": tuple(ClientInfo(*one, True, 60, "") for one in sorted(self.clients)),
            "links": {device.link: {} for device in self.devices},
            "verdicts": (Verdict("Q1-NOLOSS", "pass", 3, ""),
                         Verdict("WILL-IFF", "not_observable", 0, "no will was due")),
            "violations": (), "gauges": {}, "simulator_events": 5, **changes,
        }  # fmt: skip
        return Result(**values)  # type: ignore[arg-type]


VIOLATION = Violation("Q1-NOLOSS", ("MQTT-4.3.2-2",), 1_500_000_000, "<b>lost</b> & gone", (1,))
