"""Claim: whatever traffic there is, and however a link dies, it is noticed in time by those who
can notice; and a link that lives, however badly, is kept, unless what a packet takes on it is more
than a broker waits that counts whole packets.

Clients with keep alives of 0, 1, 5 and 60 s are idle, send, receive, do both, or send packets
that take a good part of a keep alive. Then their links go dark upwards, downwards or both ways,
shake, their processes stand still, or nothing happens. One waits for a CONNACK that does not come;
others stand still until PINGRESP is overdue, though it has come.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from itertools import product
from typing import Any

import mqttlab
from mqttlab import Client, Device, Lab
from mqttlab.faults import Before, Blackhole, Pause
from mqttlab.faults.path import Ways
from mqttlab.scenarios.support import Seen, clients, spoken
from mqttlab.trace import End, Kind

KEEP_ALIVES_S = (0, 1, 5, 60)
TRAFFIC = ("idle", "out", "in", "both", "huge")
DARK: tuple[Ways, ...] = ("up", "down", "both")
FAULTS = ("none", "jitter", "pause", *DARK)
CONNECT_S = 10.0  # from dialling to CONNACK
RATE = 64_000  # bit/s
HUGE = 0.3  # keep alives that a huge packet takes; towards 0.5 a broker may miss a live client
BUGS = [
    "B70 PINGRESP has come, but the timer is asked first",
    "B78 a timer of the closed connection fires into the next one",
    "B95 no bound on the wait for CONNACK",
]


@dataclass(frozen=True)
class Case:
    """A client, what it does, and what becomes of its link."""

    keep_alive_s: int
    traffic: str
    fault: str
    how: dict[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """Of the client."""
        # PINGREQ has to wait for a packet that is on its way out.
        own = {"keep_alive_s": self.keep_alive_s, "ping_timeout": max(2, self.keep_alive_s / 2)}
        return {**self.how, **own, "clean_session": False, "drain": True}

    @property
    def is_cut(self) -> bool:
        """Its link or its process dies, and somebody can notice."""
        return self.fault in (*DARK, "pause") and self.keep_alive_s > 0

    @property
    def lives(self) -> bool:
        """Nobody may give its link up. Repeats on a shaky link can make a huge packet outlast half
        a keep alive, and a broker sees no packet before it is whole (MQTT-3.1.2-24)."""
        return not self.is_cut and (self.traffic, self.fault) != ("huge", "jitter")

    @property
    def interval_s(self) -> float:
        """Between two of its messages."""
        return (self.keep_alive_s or 3) * (2 if self.traffic == "huge" else 0.4)

    @property
    def payload_bytes(self) -> int:
        """Of each; a huge one takes a good part of its keep alive."""
        huge = self.traffic == "huge" and self.keep_alive_s > 0
        return round(HUGE * self.keep_alive_s * RATE / 8) if huge else 32


@mqttlab.scenario(number="S16", bugs=BUGS, until="1h")
async def heartbeat_matrix(lab: Lab, *, version: str = "both") -> None:
    """Every traffic, fault and keep alive: dead links are noticed in time, live ones are kept.

    version: of MQTT: 3.1.1, 5 or both.
    """
    await lab.broker(max_packet_size="2MiB")
    cases = [Case(*one) for one in product(KEEP_ALIVES_S, TRAFFIC, FAULTS, spoken(version))]
    calm = lab.link(name="calm", rate=RATE, delay="50ms")
    shaky = lab.link(name="shaky", rate=RATE, delay="50ms", jitter="200ms")
    devices = [
        lab.device(f"client-{number:03d}", via=shaky if case.fault == "jitter" else calm)
        for number, case in enumerate(cases)
    ]
    async with (
        lab.device("desk").client(window=65_535) as desk,
        clients(devices, [case.options for case in cases]) as every,
    ):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait_for_connack(lab, lab.device("unanswered", via=calm)))
            for number, how in enumerate(spoken(version)):
                dozing = lab.device(f"dozing-{number}", via=calm)
                tasks.create_task(doze(lab, dozing, how))
            for client, case in zip(every, cases, strict=True):
                tasks.create_task(live(lab, desk, client, case))
        lab.settle("3min")
        await asyncio.sleep(4 * 60)
        expect_notice(lab, Seen(lab), devices, cases)
    lab.expect.observed(
        "KA-SEND", "KA-DETECT", "KA-ENFORCE", "KA-FAIR", "CONNECT-BOUND", "CONVERGE"
    )


async def live(lab: Lab, desk: Client, client: Client, case: Case) -> None:
    """Traffic from before its link goes dark, without a word, until after that."""
    await client.subscribe(f"to/{client.client_id}", qos=1)
    talking = talk(lab, desk, client, case)
    await asyncio.sleep(2.2 * case.keep_alive_s + 2)
    fault: AbstractAsyncContextManager[None] = nullcontext()
    if case.fault in DARK:
        fault = lab.blackhole(client.device, case.fault)
    elif case.fault == "pause":
        fault = lab.pause(client.device)
    async with fault:
        await asyncio.sleep(3 * case.keep_alive_s + 10)
    await asyncio.sleep(2 * case.keep_alive_s + 5)
    for task in talking:
        task.cancel()


async def wait_for_connack(lab: Lab, device: Device) -> None:
    """The transport is there, and CONNACK does not come: the attempt ends, and is repeated."""
    lab.at(Before("CONNACK"), Blackhole("down"), on=device, for_="40s")
    async with device.client(connect_timeout=CONNECT_S):
        seen = Seen(lab)
        opened = seen.rows(Kind.OPENED, on=device, end=End.CLIENT)
        closed = seen.rows(Kind.CLOSED, on=device, end=End.CLIENT)
        waited = (closed["at"][0] - opened["at"][0]) / 1e9
        lab.expect("until an attempt without CONNACK ended, s", round(waited, 3), most=CONNECT_S)
        lab.expect("connections until CONNACK came", len(opened), least=2)


async def doze(lab: Lab, device: Device, how: dict[str, Any]) -> None:
    """Its process stands still from before PINGRESP comes until after that would be overdue."""
    nap = lab.at(Before("PINGRESP"), Pause(of="device"), on=device, for_="3s")
    async with device.client(**how, keep_alive_s=5, ping_timeout="2s", drain=True):
        await nap
        await asyncio.sleep(10)
        closed = Seen(lab).count(Kind.CLOSED, on=device)
        lab.expect(f"links that ended although {device.name} had its PINGRESP", closed, 0)


def talk(lab: Lab, desk: Client, client: Client, case: Case) -> list[asyncio.Task[None]]:
    """Its traffic, as tasks without an end."""

    async def publish(sender: Client, topic: str) -> None:
        while True:
            await sender.publish(topic, lab.stamp(case.payload_bytes), qos=1)
            await asyncio.sleep(case.interval_s)

    ways = []
    if case.traffic in ("out", "both", "huge"):
        ways.append(publish(client, f"from/{client.client_id}"))
    if case.traffic in ("in", "both"):
        ways.append(publish(desk, f"to/{client.client_id}"))
    return [asyncio.create_task(way) for way in ways]


def expect_notice(lab: Lab, seen: Seen, devices: list[Device], cases: list[Case]) -> None:
    """Each link that died was missed at both ends, by themselves or told by the other; none that
    lives."""
    dead, live, itself = Counter[End](), Counter[End](), Counter[End]()
    for (device, case), end in product(zip(devices, cases, strict=True), End):
        ended = seen.count(Kind.CLOSED, on=device, end=end) > 0
        dead[end] += ended and case.is_cut
        live[end] += ended and case.lives
        itself[end] += bool(seen.silences(end, on=device))
    cut = sum(case.is_cut for case in cases)
    for end in End:
        who = "clients" if end == End.CLIENT else "the broker"
        lab.expect(f"dead links that {who} missed", dead[end], cut)
        lab.expect("of these without having been told", itself[end], least=cut // 2)
        lab.expect(f"live links that ended for {who}", live[end], 0)
