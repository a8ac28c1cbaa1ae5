"""Claim: a handover costs a rider up to two of TCP's timeouts. On the far edge of a cell nothing
more is granted to be sent, what waits there is dropped on the move, and TCP sends it again when it
is time. A hole in the coverage costs its length, and at most as much again, for TCP waits twice as
long each time: at 50 and at 100 m/s. At QoS 1 nothing is lost either way, and connections outlive
both. That a handover took place is seen; where it did, and how long the radio took, is not. LTE as
ns-3 models it (sim/radio has what is and is not in that).
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from itertools import pairwise

import mqttlab
from mqttlab import Client, Device, Lab
from mqttlab.scenarios.support import Seen, check
from mqttlab.trace import End, Kind, Packet

TOWN_M = 1500.0  # from the first base station to the second, whose cells overlap
COUNTRY_M = 3000.0  # from the second to the third, whose cells do not
LINE_M = [0.0, TOWN_M, TOWN_M + COUNTRY_M]
REACH_M = 1000.0  # of a rider's radio, as sim/radio says; measured: 980 to 1,000
HOLE_M = COUNTRY_M - 2 * REACH_M
RADIUS_M = 50.0  # riders begin within it
MARGIN_M = 500.0  # a base station is behind a rider
EVERY_S = 0.25
BEGIN_S = 2.0  # until everybody is connected
TIMEOUTS_S = 0.9  # two in a row, of 0.28 and 0.56 s on this path, and the path

MEASURED = "the claim was measured there"


@dataclass
class Ride:
    """A rider's way, and when PUBACKs came on it."""

    speed: float
    sent: int = 0
    answered: list[float] = field(default_factory=list)

    def answers(self, from_m: float, to_m: float) -> int:
        """PUBACKs that came there."""
        return sum(from_m <= at * self.speed < to_m for at in self.answered)

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
) -> None:
    """LTE on a train: a handover costs up to two TCP timeouts, a hole up to twice its length.

    riders: devices on the train, 1 to 3; each publishes four times a second at QoS 1.
    speed: of the train, 50 or 100 m/s. Others break the bounds: at 90, a hole of 11 s cost 8.
    """
    check("riders", 1 <= riders <= 3, f"must be in 1..3, got {riders}: {MEASURED}")
    check("speed", speed in (50, 100), f"must be 50 or 100 m/s, got {speed:g}: {MEASURED}")
    lab.broker()  # not awaited: the base stations must be there before any time passes
    lte = lab.link(
        "lte", name="train", radio="lte", radius=RADIUS_M, speed=speed, base_stations=LINE_M
    )
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
            tasks.create_task(publish(lab, ride, device, LINE_M[-1] + MARGIN_M))
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
    expect(lab, rides)


def expect(lab: Lab, rides: list[Ride]) -> None:
    """What a handover and a hole cost, and that there were both."""
    in_town = max(ride.longest_wait_s(0, TOWN_M + MARGIN_M) for ride in rides)
    beyond = [ride.longest_wait_s(TOWN_M + MARGIN_M, LINE_M[-1]) for ride in rides]
    # Out of the first one's reach there is only the second to have answered; and so on.
    for number, place_m in enumerate(LINE_M[1:], 2):
        lab.expect(
            f"PUBACKs at least, around base station {number}, out of all others' reach",
            min(ride.answers(place_m - REACH_M / 4, place_m + MARGIN_M) for ride in rides),
            least=1,
        )
    lab.expect(
        "ms between two PUBACKs at most, past a handover",
        round(in_town * 1e3),
        most=round((EVERY_S + TIMEOUTS_S) * 1e3),
    )
    hole_s, spread_s = HOLE_M / rides[0].speed, 2 * RADIUS_M / rides[0].speed
    for which, found in (("least", min(beyond)), ("most", max(beyond))):
        lab.expect(
            f"s between two PUBACKs at {which}, past a hole of {hole_s:.10g} s",
            round(found, 2),
            least=round(hole_s - spread_s, 2),
            most=round(2 * (hole_s + spread_s) + EVERY_S + TIMEOUTS_S, 2),
        )
    lab.expect.observed("Q1-NOLOSS", "CONVERGE")


async def publish(lab: Lab, ride: Ride, device: Device, until_m: float) -> None:
    """As long as the ride lasts."""
    async with device.client() as client:
        await asyncio.sleep(max(0.0, BEGIN_S - lab.now()))
        while lab.now() * ride.speed < until_m:
            began = lab.now()
            await client.publish(f"train/{device.name}", lab.stamp(200), qos=1)
            ride.sent += 1
            ride.answered.append(lab.now())
            await asyncio.sleep(max(0.0, began + EVERY_S - lab.now()))
