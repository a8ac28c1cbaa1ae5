"""Claim: what a broker has acknowledged is on its disk. Whenever it is killed, it starts again,
loses nothing that it had acknowledged, and delivers QoS 2 once.

Readings go from one device to another, at QoS 1 and 2, over links that take so long that each step
of an exchange has milliseconds of its own. The broker is killed in each millisecond of it; it finds
its store whole, or without what was not synced and its last record torn.

The rest is in tests: a broker killed at each step of its journal (tests/core/crash_test.cc), and
devices that crash in each millisecond and go on (tests/sim/device_store_test.cc).
"""

from __future__ import annotations

import asyncio

import mqttlab
from mqttlab import Backoff, Duration, Lab
from mqttlab.scenarios.support import Seen, clients, spoken
from mqttlab.trace import End, Kind, Packet

BUGS = [
    "B09 acknowledged before it is safe",
    "B88 a snapshot that is not atomic",
    "B89 what was accepted offline is only in memory",
    "B90 the state of exchanges in flight is not durable",
]
SOON = Backoff(initial="200ms", maximum="200ms", jitter=0)
STEP_S = 0.001


@mqttlab.scenario(number="S21", bugs=BUGS, until="3h")
async def pull_the_plug(
    lab: Lab, *, span: Duration = Duration("150ms"), durability: str = "sync", version: str = "both"
) -> None:
    """The broker is killed in each millisecond of exchanges: acknowledged is durable.

    span: how long after a reading was published the broker is killed at the latest.
    durability: of the broker; only "sync" promises that nothing acknowledged is lost.
    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    broker = await lab.broker(store="disk", durability=durability, sync_time="3ms")
    wire = lab.link(name="wire", delay="8ms")
    kinds = [(how, qos) for how in speaks for qos in (1, 2)]
    meters = lab.devices(len(kinds), name="meter-{}", via=wire)
    phones = lab.devices(len(kinds), name="reader-{}", via=wire)
    options = [{**how, "clean_session": False, "backoff": SOON} for how, _ in kinds]
    reading = [{**one, "drain": True} for one in options]
    kills = round(span / STEP_S)
    async with clients(meters, options) as writers, clients(phones, reading) as readers:
        for number, (_, qos) in enumerate(kinds):
            await readers[number].subscribe(f"to/{number}", qos=qos)
        hit = set()
        for kill in range(kills):
            start = lab.now()
            async with asyncio.TaskGroup() as calls:
                for number, (_, qos) in enumerate(kinds):
                    calls.create_task(writers[number].publish(f"to/{number}", lab.stamp(), qos=qos))
                await asyncio.sleep(kill * STEP_S)
                hit.add(packets_so_far(Seen(lab), start))
                await broker.crash("torn" if kill % 2 else "kept", how="reset")
                await asyncio.sleep(0.3)
                await broker.restart()
            await asyncio.sleep(0.5)
        lab.settle("30s")
        await asyncio.sleep(45)
        seen = Seen(lab)
        got = [seen.delivered(phone) for phone in phones]
        twice = sum(
            len(one) - len(set(one.tolist()))
            for one, (_, qos) in zip(got, kinds, strict=True)
            if qos == 2
        )
    lab.expect("kills", kills)
    lab.expect("different moments of exchanges that they hit", len(hit), least=8)
    lab.expect("messages that came", sum(len(set(one.tolist())) for one in got), kills * len(kinds))
    lab.expect("QoS 2 messages that came twice", twice, 0)
    lab.expect.observed("Q1-NOLOSS", "Q2-ONCE", "SP-TRUTH", "Q2-TOTAL", "CONVERGE")


def packets_so_far(seen: Seen, since: float) -> tuple[int, ...]:
    """How many packets of each type had arrived at the broker, and had left it."""
    return tuple(
        seen.count(kind, packet, end=End.BROKER, since=since)
        for kind in (Kind.ARRIVED, Kind.WRITTEN)
        for packet in Packet
    )
