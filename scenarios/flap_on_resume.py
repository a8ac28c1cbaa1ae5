"""Claim: a resume that is cut in its middle is resumed again, as often as it takes: nothing is
lost, the order is kept, and each message is sent again once per resume at most.

Three messages are in flight when the connection is lost. It is lost again after none, one, two or
all of them were sent again, and perhaps a third time, while the application goes on publishing.
Some are so large that they are not all written yet when the resume is cut, and what the application
has published meanwhile waits behind them.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product

import mqttlab
from mqttlab import Lab
from mqttlab.faults import Arrived, Before, Cut, Fault, Planned, Resent
from mqttlab.scenarios.exchanges import BACK, Exchange, Way, opened
from mqttlab.scenarios.support import spoken

IN_FLIGHT = 3
SMALL = 32  # bytes
LARGE = 200_000  # bytes: three are more than a transport and the outbox before it hold
BUGS = [
    "B04 publishes that are made while the backlog is replayed are only in memory",
    "B05 what a replay had not come to yet is dropped when it is cut",
    "B38 the flag that says a replay is under way is never cleared",
]


def flaps(resent: tuple[int, ...], way: Way) -> Fault | None:
    """A cut after so many resent packets, and then one after so many of the next resume."""
    fault = None
    for count in reversed(resent):
        fault = Fault(Resent(count, way=way), Cut("reset"), then=fault)
    return fault


@mqttlab.scenario(number="S02", bugs=BUGS, until="1h")
async def flap_on_resume(
    lab: Lab, *, interval: mqttlab.Duration = mqttlab.Duration("200ms"), version: str = "both"
) -> None:
    """The link breaks again after k of n messages were sent again, and again: all arrive in order.

    interval: between two messages of each application, which goes on for five seconds.
    version: of MQTT: 3.1.1, 5 or both.
    """
    ways: tuple[Way, Way] = ("up", "down")
    counts = range(IN_FLIGHT + 1)
    cuts = [(k,) for k in counts] + list(product(counts, counts))
    stages = ((1, "PUBACK"), (2, "PUBREC"), (2, "PUBCOMP"))
    exchanges = [
        Exchange(how, qos, way, Before(answer, way=BACK[way]), then=flaps(after, way))
        for how in spoken(version)
        for way in ways
        for qos, answer in stages
        for after in cuts
    ]
    # As soon as the client has begun to send again: its transport takes the rest bit by bit.
    begun = Fault(Arrived("CONNACK"), Cut("reset"))
    exchanges += [
        Exchange(how, qos, "up", Before(answer, way="down"), then=then, payload_bytes=LARGE)
        for how in spoken(version)
        for qos, answer in stages[:2]
        for then in (begun, replace(begun, then=begun))
    ]
    async with opened(lab, exchanges) as field:
        field.arm()
        for _ in range(IN_FLIGHT):
            field.publish()
        for _ in range(round(5 / interval)):
            await asyncio.sleep(interval)
            field.publish(SMALL)
        seen = await field.settle()
        field.expect_cuts("first cuts")
        field.expect_messages(seen)
        flapped = [step for one in field.planned for step in steps(one)]
        ever = sum(len(step.times) for step in flapped)
        lab.expect("cuts in the middle of a resume", ever, len(flapped))
    lab.expect.observed("Q1-NOLOSS", "Q1-RESUME", "Q2-ONCE", "Q2-RESUME", "ORD-TOPIC", "ORD-RESEND")
    lab.expect.observed("PID-STABLE", "DUP-RULE", "CONVERGE")


def steps(planned: Planned) -> list[Planned]:
    """What was planned to follow."""
    return [] if planned.then is None else [planned.then, *steps(planned.then)]
