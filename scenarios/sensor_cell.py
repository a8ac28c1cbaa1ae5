"""Claim: behind an 802.15.4 border router a message costs what its fragments cost. They wait for
each other and for everybody's, and one that is lost takes the whole packet with it: larger messages
are lost more often, and sent again whole. QoS 1 and 2 lose nothing, and a small message takes 1.4
and 2.1 times the bytes of one at QoS 0. One hop, no mesh (sim/radio says more).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from statistics import median

import mqttlab
from mqttlab import Client, Device, Duration, Lab
from mqttlab.scenarios.support import check, clients
from mqttlab.trace import COUNTERS

SIZES_BYTES = (32, 256, 1024)
PATIENCE_S = 300.0
TIMES_QOS_0 = {1: (1.3, 1.5), 2: (2.0, 2.3)}
"""IP bytes of a small message, both ways, at least and at most, by QoS."""


@dataclass
class Round:
    """All things publish messages of one size at one QoS for a while."""

    payload_bytes: int
    qos: int
    sent: dict[bytes, float] = field(default_factory=dict)
    """When, by payload."""
    took_s: list[float] = field(default_factory=list)
    """From there to the desk."""
    packets: int = 0
    """Of IP, offered to the radio, both ways."""
    lost: int = 0
    """Of these."""
    ip_bytes: int = 0
    """In them."""

    def count(self, before: dict[str, int], after: dict[str, int]) -> None:
        """Takes what `counted` says that the round has added."""
        self.packets, self.ip_bytes, delivered = (
            after[name] - before[name] for name in ("packets", "bytes", "delivered")
        )
        self.lost = self.packets - delivered


@mqttlab.scenario(until="30min", ipv6=True)
async def sensor_cell(
    lab: Lab,
    *,
    things: int = 12,
    radius_m: float = 20.0,
    every: Duration = Duration("2s"),
    lasting: Duration = Duration("40s"),
) -> None:
    """802.15.4 behind a border router: fragments multiply a message's losses and its time.

    Its bounds are those of 12 to 16 things within 20 m that publish every 2 s for 10 s or more.

    things: nodes of the cell, one hop from the border router.
    radius_m: they stand within it.
    every: each publishes so often, in rounds of one size and one QoS.
    lasting: of a round.
    """
    check(
        "things", 12 <= things <= 16, f"must be in 12..16, got {things}: fewer leave the air idle"
    )
    await lab.broker()
    cell = lab.link("6lowpan", name="cell", radio="802154", radius=radius_m)
    devices = lab.devices(things, name="thing-{:03d}", via=cell)
    rounds = [Round(size, qos) for qos in (0, 1, 2) for size in SIZES_BYTES]
    async with (
        lab.device("desk").client() as desk,
        clients(devices, [{"keep_alive_s": 600}] * things) as every_one,
    ):
        await desk.subscribe("cell/#", qos=2)
        for one in rounds:
            listening = asyncio.create_task(listen(lab, desk, one))
            before = counted(lab, devices)
            await play(lab, one, every_one, every, lasting)
            late = lab.now() + PATIENCE_S
            while len(one.took_s) < len(one.sent) and lab.now() < late:
                await asyncio.sleep(1)
            listening.cancel()
            one.count(before, counted(lab, devices))
        lab.settle("60s")
        await asyncio.sleep(80)
    expect(lab, rounds)


async def play(lab: Lab, one: Round, every_one: list[Client], every: float, lasting: float) -> None:
    """Everybody publishes."""
    until = lab.now() + lasting

    async def publish(client: Client) -> None:
        await asyncio.sleep(lab.random.uniform(0, every))
        while lab.now() < until:
            began = lab.now()
            payload = lab.stamp(one.payload_bytes)
            one.sent[payload] = began
            await client.publish(f"cell/{client.client_id}", payload, qos=one.qos)
            await asyncio.sleep(max(0.0, began + every - lab.now()))

    async with asyncio.TaskGroup() as tasks:
        for client in every_one:
            tasks.create_task(publish(client))


async def listen(lab: Lab, desk: Client, one: Round) -> None:
    """What the desk gets."""
    async for message in desk.messages:
        one.took_s.append(lab.now() - one.sent[message.payload])


def counted(lab: Lab, devices: list[Device]) -> dict[str, int]:
    """What the radio was offered so far, from all things and to them, and what became of it."""
    names = (COUNTERS.names or ())[2:]
    rows = [lab.world.counters(device.actor, up) for device in devices for up in (True, False)]
    return dict(zip(names, (sum(column) for column in zip(*rows, strict=True)), strict=False))


def expect(lab: Lab, rounds: list[Round]) -> None:
    """What a message costs, by its size and QoS."""
    small, large = SIZES_BYTES[0], SIZES_BYTES[-1]
    lab.expect(
        "messages that came",
        sum(len(one.took_s) for one in rounds),
        sum(len(one.sent) for one in rounds),
    )
    of = {size: [one for one in rounds if one.payload_bytes == size] for size in SIZES_BYTES}
    lost = {
        size: 100 * sum(one.lost for one in mine) / sum(one.packets for one in mine)
        for size, mine in of.items()
    }
    took = {size: median(took for one in mine for took in one.took_s) for size, mine in of.items()}
    lab.expect(f"% of the packets that the air took, messages of {small} bytes",
               round(abs(lost[small]), 1), most=1)  # fmt: skip
    lab.expect(f"% of the packets that the air took, messages of {large} bytes",
               round(lost[large], 1), least=10, most=50)  # fmt: skip
    lab.expect(
        f"median time of {large} bytes to the desk, times that of {small}",
        round(took[large] / took[small], 1),
        least=4,
        most=300,  # 16 things offer more than the air takes, and what waits adds up
    )
    cost = {one.qos: one.ip_bytes / len(one.sent) for one in of[small]}
    for qos, (least, most) in TIMES_QOS_0.items():
        lab.expect(
            f"IP bytes of a message of {small} at QoS {qos}, times those at QoS 0",
            round(cost[qos] / cost[0], 2),
            least=least,
            most=most,
        )
    lab.expect.observed("Q1-NOLOSS", "Q2-ONCE", "CONVERGE")
