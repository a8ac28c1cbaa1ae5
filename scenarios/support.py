"""What scenarios share: versions, many clients at once, the trace so far, peers of raw packets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import numpy as np

from mqttlab import Client, Device, Lab, Result, UsageError
from mqttlab.conformance import wire
from mqttlab.trace import EVENT, CloseCause, End, Kind, Packet

V3: dict[str, Any] = {"version": "3.1.1"}
V5: dict[str, Any] = {"version": "5"}
VERSIONS = {"3.1.1": [V3], "5": [V5], "both": [V3, V5]}

DUP, RETAIN = 8, 1


def check(parameter: str, holds: bool, remedy: str) -> None:
    """Refuses a parameter's value with one line that says how to do better."""
    if not holds:
        raise UsageError(f"parameter {parameter}: {remedy}")


def spoken(version: str) -> list[dict[str, Any]]:
    """Options of clients that speak `version`: "3.1.1", "5" or "both", one after the other."""
    check("version", version in VERSIONS, f"must be {' or '.join(VERSIONS)}, got {version!r}")
    return VERSIONS[version]


@asynccontextmanager
async def clients(
    devices: Iterable[Device], options: Iterable[dict[str, Any]]
) -> AsyncIterator[list[Client]]:
    """A client on each device, each with options of its own, connected one after the other."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(device.client(**own))
            for device, own in zip(devices, options, strict=True)
        ]


def reset(lab: Lab, device: Device) -> None:
    """Both ends of each of the device's connections get an RST, at this instant."""
    lab.cut(device)


class Seen:
    """The trace of the run so far, or of one that is over, to be counted in."""

    def __init__(self, run: Lab | Result) -> None:
        if isinstance(run, Lab):
            self.events = np.frombuffer(run.world.events(), EVENT)
            self._texts = run.world.texts()
        else:
            self.events, self._texts = run.events, list(run.texts)
        numbers = int(self.events["connection"].max(initial=0)) + 1
        self._device = np.zeros(numbers, np.int64)
        at_client = (self.events["end"] == End.CLIENT) & (self.events["connection"] > 0)
        self._device[self.events["connection"][at_client]] = self.events["actor"][at_client]

    def rows(
        self,
        kind: Kind,
        packet: Packet | None = None,
        *,
        on: Device | None = None,
        end: End | None = None,
        cause: CloseCause | None = None,
        flags: int = 0,
        text: str | None = None,
        since: float = 0.0,
        before: float = float("inf"),
    ) -> np.ndarray:
        """Events, in order: rows of mqttlab.trace.EVENT.

        `on`: of this device, or of its connections at either end. `flags`: bits that are set.
        `since`, `before`: seconds of virtual time.
        """
        events = self.events
        at = events["at"] / 1e9
        chosen = (events["kind"] == kind) & (at >= since) & (at < before)
        if packet is not None:
            chosen &= events["packet"] == packet
        if on is not None:
            of_device = self._device[events["connection"]] == on.actor
            chosen &= of_device | ((events["connection"] == 0) & (events["actor"] == on.actor))
        if end is not None:
            chosen &= events["end"] == end
        if cause is not None:
            chosen &= events["code"] == cause
        if text is not None:
            chosen &= events["text"] == (self._texts.index(text) if text in self._texts else -1)
        found: np.ndarray = events[chosen & (events["flags"] & flags == flags)]
        return found

    def text(self, row: np.void) -> str:
        """Topic or client id of an event."""
        return self._texts[row["text"]]

    def count(self, kind: Kind, packet: Packet | None = None, **which: Any) -> int:
        """How many such events there are; `which` as for rows()."""
        return len(self.rows(kind, packet, **which))

    def delivered(self, on: Device, **which: Any) -> np.ndarray:
        """Messages handed to applications on this device, in order: their identities."""
        found: np.ndarray = self.rows(Kind.DELIVERED, on=on, **which)["message"]
        return found

    def waits_s(self, topic: str) -> np.ndarray:
        """From each publish call on a topic to each delivery of its message, in seconds."""
        calls = self.rows(Kind.PUBLISH_CALLED, text=topic)
        called = dict(zip(calls["message"].tolist(), calls["at"].tolist(), strict=True))
        came = self.rows(Kind.DELIVERED, text=topic)
        sent = np.array([called[message] for message in came["message"].tolist()])
        return (came["at"] - sent) / 1e9

    def resumed(self, on: Device, **which: Any) -> int:
        """How often clients of this device were told that their session is present."""
        return self.count(Kind.ARRIVED, Packet.CONNACK, on=on, flags=1, **which)

    def silences(self, end: End, *, on: Device, **which: Any) -> list[float]:
        """Of each connection that this end gave up itself: seconds since it last heard a packet.

        One on which it never heard any is none.
        """
        heard = self.rows(Kind.ARRIVED, on=on, end=end)
        given_up = self.rows(Kind.CLOSED, on=on, end=end, cause=CloseCause.LOCAL, **which)
        times = [
            (closed["at"], heard["at"][heard["connection"] == closed["connection"]])
            for closed in given_up
        ]
        return [float(at - of_it.max()) / 1e9 for at, of_it in times if len(of_it)]


class Raw:
    """A peer of raw packets, for what no client of ours would do. Lives inside `device.run`."""

    def __init__(
        self, version: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.version, self._reader, self._writer = version, reader, writer
        self._parser = wire.Parser()
        self._waiting: list[wire.Packet] = []

    @classmethod
    async def open(cls, version: int) -> Raw:
        """A connection to the broker, on which nothing has been sent. `version`: 4 or 5."""
        return cls(version, *await asyncio.open_connection("broker", 1883))

    async def connect(self, **fields: Any) -> wire.Packet:
        """Sends CONNECT (fields as in conformance.wire); the CONNACK."""
        self.send("CONNECT", **fields)
        return await self.get("CONNACK")

    def send(self, *packets: str | bytes, **fields: Any) -> None:
        """Packets by name or as bytes, in one write; `fields` are of each that is named."""
        self._writer.writelines(
            [p if isinstance(p, bytes) else self.made(p, **fields) for p in packets]
        )

    def made(self, packet: str, **fields: Any) -> bytes:
        """The bytes of a packet."""
        return wire.encode(packet, self.version, **fields)

    async def get(self, packet: str) -> wire.Packet:
        """The next packet of this type; others wait. Errors: ConnectionError."""
        while True:
            for found in self._waiting:
                if found.type == packet:
                    self._waiting.remove(found)
                    return found
            data = await self._reader.read(65_536)
            if not data:
                raise ConnectionError(f"closed in place of {packet}")
            frames = self._parser.feed(data)
            self._waiting += [wire.decode(one, False, self.version) for one in frames]

    async def is_closed(self) -> None:
        """Returns when the broker has closed the connection."""
        with suppress(ConnectionError):
            await self.get("nothing more")

    def close(self) -> None:
        """FIN, after what has been sent."""
        self._writer.close()
