"""Claim: behind an 802.15.4 border router a message costs what its fragments cost. They wait for
each other and for everybody's, and one that is lost takes the whole packet with it: larger messages
are lost more often, and sent again whole. TCP makes up for it: connections live on, and no message
is lost at any QoS. QoS 1 and 2 cost a small message 1.4 and 2.1 times the bytes of QoS 0. One hop,
no mesh (sim/radio says more).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from statistics import median

import mqttlab
from mqttlab import Client, Device, Duration, Lab
from mqttlab.scenarios.support import Seen, check, clients
from mqttlab.trace import COUNTERS, End, Kind, Packet

SIZES_BYTES = (32, 256, 1024)
RADIUS_M = 20.0
EVERY_S = 2.0
PATIENCE_S = 300.0
QUIET_S = (
    5.0  # longer than full queues take; then nothing is on its way, and what is missing is lost
)
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
    lasting: Duration = Duration("40s"),
) -> None:
    """802.15.4 behind a border router: fragments multiply a message's losses and its time.

    things: nodes of the cell, 12 to 16, one hop and 20 m at most from the border router.
    lasting: of a round, 10 to 40 s, in which each publishes every 2 s, all of one size and QoS.
    """
    check(
        "things", 12 <= things <= 16, f"must be in 12..16, got {things}: fewer leave the air idle"
    )
    check("lasting", 10 <= lasting <= 40, f"must be in 10..40 s, got {lasting:g} s")
    await lab.broker()
    cell = lab.link("6lowpan", name="cell", radio="802154", radius=RADIUS_M)
    devices = lab.devices(things, name="thing-{:03d}", via=cell)
    rounds = [Round(size, qos) for qos in (0, 1, 2) for size in SIZES_BYTES]
    async with (
        lab.device("desk").client() as desk,
        clients(devices, [{"keep_alive_s": 600}] * things) as every_one,
    ):
        await desk.subscribe("cell/#", qos=2)
        for one in rounds:
            listening = asyncio.create_task(listen(lab, desk, one))
            before = await quiet(lab, devices)
            await play(lab, one, every_one, lasting)
            late = lab.now() + PATIENCE_S
            while len(one.took_s) < len(one.sent) and lab.now() < late:
                await asyncio.sleep(1)
            listening.cancel()
            one.count(before, await quiet(lab, devices))
        lab.settle("60s")
        await asyncio.sleep(80)
    expect(lab, rounds)
    lab.expect(
        "CONNECTs of things",
        len(Seen(lab).rows(Kind.WRITTEN, Packet.CONNECT, end=End.CLIENT)) - 1,
        things,
    )


async def play(lab: Lab, one: Round, every_one: list[Client], lasting: float) -> None:
    """Everybody publishes."""
    until = lab.now() + lasting

    async def publish(client: Client) -> None:
        await asyncio.sleep(lab.random.uniform(0, EVERY_S))
        while lab.now() < until:
            began = lab.now()
            payload = lab.stamp(one.payload_bytes)
            one.sent[payload] = began
            await client.publish(f"cell/{client.client_id}", payload, qos=one.qos)
            await asyncio.sleep(max(0.0, began + EVERY_S - lab.now()))

    async with asyncio.TaskGroup() as tasks:
        for client in every_one:
            tasks.create_task(publish(client))


async def quiet(lab: Lab, devices: list[Device]) -> dict[str, int]:
    """What `counted` says as soon as nothing has moved for a while."""
    before = counted(lab, devices)
    while True:
        await asyncio.sleep(QUIET_S)
        after = counted(lab, devices)
        if after == before:
            return after
        before = after


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
               round(lost[small], 1), least=0, most=1)  # fmt: skip
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
