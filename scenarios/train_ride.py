"""Claim: the radio hands a rider over in milliseconds, and yet a handover costs a rider up to two
of TCP's timeouts. On the far edge of a cell nothing more is granted to be sent, what waits there is
dropped on the move, and TCP sends it again when it is time. A hole in the coverage costs its length
and then some, for TCP waits longer and longer. At QoS 1 nothing is lost either way, and connections
outlive both. LTE as ns-3 models it (sim/radio has what is and is not in that).
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from itertools import pairwise

import mqttlab
from mqttlab import Client, Device, Duration, Lab
from mqttlab.scenarios.support import Seen, check
from mqttlab.trace import End, Kind, Packet

MARGIN_M = 500.0  # a base station is behind a rider
BEGIN_S = 2.0  # until everybody is connected
TIMEOUTS_S = 0.9  # two in a row, of 0.28 and 0.56 s on this path, and the path


@dataclass
class Ride:
    """A rider's way, and when PUBACKs came on it."""

    speed: float
    sent: int = 0
    answered: list[float] = field(default_factory=list)

    def longest_wait_s(self, from_m: float, to_m: float) -> float:
        """Between two PUBACKs, of those that began there; infinite if there are none."""
        waits = (
            after - before
            for before, after in pairwise(self.answered)
            if from_m <= before * self.speed < to_m
        )
        return max(waits, default=math.inf)


@mqttlab.scenario(until="30min")
async def train_ride(
    lab: Lab,
    *,
    riders: int = 3,
    speed: float = 50.0,
    every: Duration = Duration("250ms"),
    town_m: float = 1500.0,
    country_m: float = 3000.0,
) -> None:
    """LTE on a train: a handover costs up to two TCP timeouts, a hole more than its length.

    riders: devices on the train.
    speed: of the train, in m/s.
    every: each rider publishes so often, at QoS 1.
    town_m: from the first base station to the second, whose cells overlap.
    country_m: from the second to the third, whose cells do not.
    """
    check("speed", speed > 0, f"must be over 0, got {speed}")
    lab.broker()  # not awaited: the base stations must be there before any time passes
    line = [0.0, town_m, town_m + country_m]
    lte = lab.link("lte", name="train", radio="lte", radius=50, speed=speed, base_stations=line)
    train = lab.devices(riders, name="rider-{:02d}", via=lte)
    rides = [Ride(speed) for _ in train]
    came = 0

    async def listen(client: Client) -> None:
        nonlocal came
        await client.subscribe("train/#", qos=1)
        async for _ in client.messages:
            came += 1

    async with lab.device("desk").client() as desk, asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen(desk))
        riding = [
            tasks.create_task(publish(lab, ride, device, every, line[-1] + MARGIN_M))
            for ride, device in zip(rides, train, strict=True)
        ]
        await asyncio.wait(riding)
        lab.settle("60s")
        await asyncio.sleep(80)
        listening.cancel()
    lab.expect("messages that came", came, sum(ride.sent for ride in rides))
    lab.expect(
        "CONNECTs of riders",
        len(Seen(lab).rows(Kind.WRITTEN, Packet.CONNECT, end=End.CLIENT)) - 1,
        riders,
    )
    in_town = max(ride.longest_wait_s(0, town_m + MARGIN_M) for ride in rides)
    beyond = max(ride.longest_wait_s(town_m + MARGIN_M, line[-1]) for ride in rides)
    lab.expect(
        "ms between two PUBACKs at most, past a handover",
        round(in_town * 1e3),
        most=round((every + TIMEOUTS_S) * 1e3),
    )
    lab.expect("s between two PUBACKs at most, past a hole", round(beyond, 1), least=5)
    lab.expect.observed("Q1-NOLOSS", "CONVERGE")


async def publish(lab: Lab, ride: Ride, device: Device, every: float, until_m: float) -> None:
    """As long as the ride lasts."""
    async with device.client() as client:
        await asyncio.sleep(max(0.0, BEGIN_S - lab.now()))
        while lab.now() * ride.speed < until_m:
            began = lab.now()
            await client.publish(f"train/{device.name}", lab.stamp(200), qos=1)
            ride.sent += 1
            ride.answered.append(lab.now())
            await asyncio.sleep(max(0.0, began + every - lab.now()))
