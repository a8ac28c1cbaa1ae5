"""Many exchanges in one world, each on a device of its own and cut at an instant of its own.

What scenarios that go through all combinations share: the oracle judges all of it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from mqttlab import Backoff, Client, Device, Lab
from mqttlab.faults import Cut, Fault, Instant, Planned
from mqttlab.scenarios.support import DUP, Seen, clients
from mqttlab.trace import End, Kind, Packet

Way = Literal["up", "down"]
HOWS: tuple[Literal["reset", "fin", "half-open", "silent"], ...] = (
    "reset", "fin", "half-open", "silent",
)  # fmt: skip
BACK: dict[Way, Way] = {"up": "down", "down": "up"}


@dataclass(frozen=True)
class Exchange:
    """Messages from a device ("up") or to it ("down"), and where their connection is cut."""

    how: dict[str, Any]
    """Options of the device's client."""
    qos: int
    way: Way
    when: Instant
    cut: Literal["reset", "fin", "half-open", "silent"] = "reset"
    then: Fault | None = None
    payload_bytes: int = 32


@dataclass
class Field:
    """The devices of a run, their clients, and what has been planned for them."""

    lab: Lab
    exchanges: Sequence[Exchange]
    devices: list[Device]
    clients: list[Client]
    desk: Client
    """Takes what comes up, and sends what goes down."""
    planned: list[Planned] = field(default_factory=list)
    calls: list[asyncio.Task[None]] = field(default_factory=list)

    def arm(self) -> None:
        """From now on packets count."""
        for device, one in zip(self.devices, self.exchanges, strict=True):
            self.planned.append(self.lab.at(one.when, Cut(one.cut), on=device, then=one.then))

    def publish(self, payload_bytes: int | None = None) -> None:
        """A message on every exchange, of its size or of this one."""
        for client, one in zip(self.clients, self.exchanges, strict=True):
            sender = client if one.way == "up" else self.desk
            topic = f"{one.way}/{client.client_id}"
            payload = self.lab.stamp(payload_bytes or one.payload_bytes)
            call = sender.publish(topic, payload, qos=one.qos)
            self.calls.append(asyncio.create_task(call))

    async def settle(self) -> Seen:
        """Leaves the faults their time, waits for every call, and gives the trace."""
        await asyncio.sleep(30)
        self.lab.settle("1min")
        await asyncio.sleep(120)
        return Seen(self.lab)

    def expect_cuts(self, what: str = "cuts") -> None:
        """Every cut hit the exchange that it was meant for."""
        hit = sum(len(one.times) for one in self.planned)
        self.lab.expect(f"{what} that hit their exchange", hit, len(self.exchanges))

    def expect_messages(self, seen: Seen) -> None:
        """Every message came, at QoS 2 once; every call was completed once."""
        came, twice, calls = 0, 0, 0
        for device, one in zip(self.devices, self.exchanges, strict=True):
            if one.way == "up":
                got = seen.delivered(self.desk.device, text=f"up/{device.name}")
                calls += seen.count(Kind.PUBLISH_CALLED, on=device)
            else:
                got = seen.delivered(device)
                calls += seen.count(Kind.PUBLISH_CALLED, text=f"down/{device.name}")
            distinct = len(set(got.tolist()))
            came += distinct
            twice += (one.qos == 2) * (len(got) - distinct)
        done = seen.count(Kind.PUBLISH_COMPLETED)
        self.lab.expect("messages that came", came, calls)
        self.lab.expect("of them came twice at QoS 2", twice, 0)
        self.lab.expect("publish calls that were completed, each once", done, calls)

    def resent(self, seen: Seen, packet: Packet = Packet.PUBLISH) -> list[int]:
        """How many packets each sender sent again: PUBLISH with DUP, or others beyond the first."""
        found = []
        for device, one in zip(self.devices, self.exchanges, strict=True):
            end = End.CLIENT if one.way == "up" else End.BROKER
            found.append(seen.count(Kind.WRITTEN, packet, on=device, end=end, flags=DUP))
        return found


@asynccontextmanager
async def opened(lab: Lab, exchanges: Sequence[Exchange]) -> AsyncIterator[Field]:
    """A broker, a desk, and a client for each exchange; readers have subscribed, all is quiet."""
    await lab.broker(queue_messages=100_000)
    wire = lab.link(name="wire", rate="10Mbit/s", delay="20ms")
    own: dict[str, Any] = {
        "clean_session": False,
        "keep_alive_s": 5,
        "ping_timeout": "2s",
        "backoff": Backoff(initial="1s", maximum="2s"),
        "drain": True,
    }
    devices = lab.devices(len(exchanges), name="device-{:03d}", via=wire)
    options = [{**own, **one.how} for one in exchanges]
    room = {"window": 65_535, "queue_messages": 100_000}
    async with (
        lab.device("desk").client(**own, **room) as desk,
        clients(devices, options) as every,
    ):
        await desk.subscribe("up/#", qos=2)
        for client, one in zip(every, exchanges, strict=True):
            if one.way == "down":
                await client.subscribe(f"down/{client.client_id}", qos=one.qos)
        await asyncio.sleep(1)
        yield Field(lab, exchanges, devices, every, desk)
