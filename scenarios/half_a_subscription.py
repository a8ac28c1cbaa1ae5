"""Claim: a subscription that was under way when the link broke ends up as its application wants it.

Links break while SUBSCRIBE or UNSUBSCRIBE is on its way, and while its answer is, in sessions that
outlive the connection and in those that do not.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import mqttlab
from mqttlab import Backoff, Client, Device, Lab, SubscribeError
from mqttlab.faults import Cut
from mqttlab.scenarios.support import Seen, clients, spoken
from mqttlab.trace import CloseCause, End, Kind, Packet

BUGS = ["B46 a subscription in progress at the drop is forgotten, or stuck"]
DELAY_S = 0.05  # one way
UNDER_WAY, ANSWERED = 0.5 * DELAY_S, 1.5 * DELAY_S  # after the call


@dataclass(frozen=True)
class Case:
    """A call, and when its link is cut."""

    how: dict[str, Any]
    clean: bool
    wants: bool  # subscribes, or unsubscribes
    after_s: float

    @property
    def options(self) -> dict[str, Any]:
        """Of its client."""
        soon = Backoff(initial="1s", maximum="2s")
        return {**self.how, "clean_session": self.clean, "backoff": soon, "drain": True}


@mqttlab.scenario(number="S12", bugs=BUGS, until="1h")
async def half_a_subscription(lab: Lab, *, repeats: int = 3, version: str = "both") -> None:
    """Cut between SUBSCRIBE and SUBACK, UNSUBSCRIBE and UNSUBACK: what is wanted is what is.

    repeats: cuts of each client.
    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    await lab.broker()
    cases = [
        Case(how, clean, wants, after_s)
        for how in speaks
        for clean in (False, True)
        for wants in (True, False)
        for after_s in (UNDER_WAY, ANSWERED)
    ]
    wire = lab.link(name="wire", delay=DELAY_S)
    phones = lab.devices(len(cases), name="reader-{:02d}", via=wire)
    async with (
        lab.device("desk").client() as writer,
        clients(phones, [case.options for case in cases]) as readers,
    ):
        hit = 0
        for turn in range(repeats):
            for reader, case in zip(readers, cases, strict=True):
                if not case.wants:
                    await reader.subscribe(f"news/{turn}/{reader.client_id}", qos=1)
            start = lab.now()
            async with asyncio.TaskGroup() as calls:
                for reader, case in zip(readers, cases, strict=True):
                    lab.at(start + case.after_s, Cut("reset"), on=reader.device)
                    calls.create_task(insist(reader, f"news/{turn}/{reader.client_id}", case))
            hit += cuts_that_hit(Seen(lab), phones, cases, start)
        lab.settle("30s")
        await asyncio.sleep(5)
        for turn in range(repeats):
            for reader in readers:
                await writer.publish(f"news/{turn}/{reader.client_id}", lab.stamp(), qos=1)
        await asyncio.sleep(40)
        seen = Seen(lab)
        got = [len(seen.delivered(phone)) for phone in phones]
        wanted = [repeats * case.wants for case in cases]
        right = sum(a == b for a, b in zip(got, wanted, strict=True))
        lab.expect("cuts that hit a call half done", hit, repeats * len(cases))
        lab.expect("clients whose subscriptions are as they want them", right, len(cases))
    lab.expect.observed("SUB-DURABLE", "SP-TRUTH", "PID-RELEASE", "PID-UNIQUE", "CONVERGE")


async def insist(reader: Client, topic: str, case: Case) -> None:
    """Calls until it has worked: a call fails if the session ends before the broker answers."""
    done = False
    while not done:
        with suppress(SubscribeError):
            await (reader.subscribe(topic, qos=1) if case.wants else reader.unsubscribe(topic))
            done = True


def cuts_that_hit(seen: Seen, phones: list[Device], cases: list[Case], start: float) -> int:
    """Of how many clients the packet had not arrived at the cut, or, if so, its answer had not;
    and both ends got a reset there, and the client came back.
    """
    hit = 0
    for phone, case in zip(phones, cases, strict=True):
        asked = Packet.SUBSCRIBE if case.wants else Packet.UNSUBSCRIBE
        answer = Packet.SUBACK if case.wants else Packet.UNSUBACK
        span = {"on": phone, "since": start, "before": start + case.after_s + 0.001}
        there = seen.count(Kind.ARRIVED, asked, end=End.BROKER, **span)
        half = there == (case.after_s == ANSWERED) and not seen.count(Kind.ARRIVED, answer, **span)
        after = {"on": phone, "since": start + case.after_s - 1e-6}
        ends = seen.rows(Kind.CLOSED, cause=CloseCause.RESET, **after)["at"] / 1e9
        at_once = int((ends < start + case.after_s + 0.001).sum()) == len(End)
        hit += half and at_once and seen.count(Kind.ARRIVED, Packet.CONNACK, **after) > 0
    return hit
