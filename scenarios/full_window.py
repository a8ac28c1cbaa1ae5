"""Claim: no more exchanges are ever open than the receiver allows, whatever it allowed before the
connection was lost; and whatever waits behind a full window comes out in the end.

Readers take 1, 2 or 20 messages at a time. Their links go down while three windows full are
published to them: first so briefly that TCP survives and their acknowledgements are only late, then
for so long that the connection is lost, and they come back with a smaller, an equal or a larger
limit. Writers meet the same on the other side: three windows full on a link that is down. And one
writer vanishes after each PUBREC, and its session with it, more often than a window has room.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import mqttlab
from mqttlab import Client, Device, Lab
from mqttlab.scenarios.support import V3, Raw, Seen, clients, spoken
from mqttlab.trace import End, Kind, Packet

WINDOWS = (1, 2, 20)
BROKERS = 20  # what the broker has open towards a client of 3.1.1, and takes from one of 5.0
BUGS = [
    "B32 the in-flight counter saturates during an outage",
    "B34 send quota is carried over to the next connection",
    "B35 quota is taken by packets that are no PUBLISH, or never given back",
    "B39 draining the offline queue trips its own limit",
    "B40 exchanges whose publisher vanished after PUBREC keep their place in the window",
]


@dataclass(frozen=True)
class Reader:
    """A subscriber's limit before and after the long outage."""

    how: dict[str, Any]
    before: int
    after: int
    qos: int

    def options(self, limit: int) -> dict[str, Any]:
        """Of its client. Clients of 3.1.1 cannot say what they take; the broker decides."""
        own = {} if self.how is V3 else {"receive_maximum": limit}
        return {**self.how, **own, "clean_session": False, "keep_alive_s": 10}


def readers_of(speaks: list[dict[str, Any]]) -> list[Reader]:
    """Every limit with a smaller, an equal and a larger one after it."""
    found = []
    for how in speaks:
        for qos in (1, 2):
            if how is V3:
                found.append(Reader(how, BROKERS, BROKERS, qos))
            else:
                found += [Reader(how, a, b, qos) for a in WINDOWS for b in WINDOWS]
    return found


@mqttlab.scenario(number="S10", bugs=BUGS, until="1h")
async def full_window(lab: Lab, *, version: str = "both") -> None:
    """Windows stay within their limits through outages and resumes, and drain afterwards.

    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    await lab.broker(window=BROKERS, receive_window=BROKERS)
    desk = lab.device("desk")
    readers = readers_of(speaks)
    phones = lab.devices(len(readers), name="reader-{:02d}", via="lte")
    limits = [(how, window, qos) for how in speaks for window in WINDOWS for qos in (1, 2)]
    meters = lab.devices(len(limits), name="writer-{:02d}", via="lte")
    writing = [{**how, "clean_session": False, "window": window} for how, window, _ in limits]
    async with (
        desk.client(queue_messages=10_000) as writer,
        clients(meters, writing) as writers,
        AsyncExitStack() as first,
    ):
        for phone, reader in zip(phones, readers, strict=True):
            client = await first.enter_async_context(phone.client(**reader.options(reader.before)))
            await client.subscribe(f"to/{phone.name}", qos=reader.qos)
        lab.phase("acknowledgements are late")
        calls = await dark(lab, 3, writer, phones, readers, writers, limits)
        await asyncio.sleep(30)
        lab.phase("connections are lost")
        start = lab.now()
        calls += await dark(lab, 60, writer, phones, readers, writers, limits)
        seen = Seen(lab)
        brimful = sum(
            seen.count(Kind.WRITTEN, Packet.PUBLISH, on=phone, end=End.BROKER, since=start)
            == reader.before
            for phone, reader in zip(phones, readers, strict=True)
        )
        lab.expect("windows filled to the brim when the link was lost", brimful, len(readers))
        await first.aclose()
        lab.phase("publishers vanish after PUBREC")
        await lab.device("fickle").run(vanish(lab))
        again = [reader.options(reader.after) for reader in readers]
        async with clients(phones, again) as back:
            lab.settle("1min")
            lab.expect("sessions resumed", sum(one.session_present for one in back), len(back))
            await asyncio.sleep(120)
            expect_all(lab, phones, readers, meters)


async def dark(
    lab: Lab,
    seconds: float,
    writer: Client,
    phones: list[Device],
    readers: list[Reader],
    writers: list[Client],
    limits: list[tuple[dict[str, Any], int, int]],
) -> list[asyncio.Task[None]]:
    """All links down for so long; meanwhile three windows full are published each way."""
    async with lab.outage([*phones, *(one.device for one in writers)]):
        calls = [
            writer.publish(f"to/{phone.name}", lab.stamp(), qos=reader.qos)
            for phone, reader in zip(phones, readers, strict=True)
            for _ in range(3 * reader.before)
        ] + [
            one.publish(f"from/{one.client_id}", lab.stamp(), qos=qos)
            for one, (_, window, qos) in zip(writers, limits, strict=True)
            for _ in range(3 * window)
        ]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(seconds)
    return tasks


async def vanish(lab: Lab) -> None:
    """A publisher that is gone after each PUBREC, and comes back as somebody new."""
    received = 0
    for number in range(1, 2 * BROKERS + 1):
        peer = await Raw.open(5)
        await peer.connect(client_id="fickle")
        with suppress(ConnectionError):
            message = {"topic": "from/fickle", "payload": lab.stamp()}
            peer.send("PUBLISH", **message, qos=2, packet_id=number)
            received += (await peer.get("PUBREC")).reason < 0x80
        peer.close()
        await asyncio.sleep(1)
    lab.expect("exchanges that found room after others had vanished", received, 2 * BROKERS)


def expect_all(lab: Lab, phones: list[Device], readers: list[Reader], meters: list[Device]) -> None:
    """Everything has arrived, at readers and at the broker."""
    seen = Seen(lab)
    wanted = 2 * 3 * sum(reader.before for reader in readers)
    got = sum(len(set(seen.delivered(phone).tolist())) for phone in phones)
    lab.expect("messages that readers got", got, wanted)
    called = sum(seen.count(Kind.PUBLISH_CALLED, on=meter) for meter in meters)
    done = sum(seen.count(Kind.PUBLISH_COMPLETED, on=meter) for meter in meters)
    lab.expect("publishes that writers saw acknowledged", done, called)
    lab.expect.observed(
        "RM-LIMIT", "Q1-NOLOSS", "Q2-ONCE", "Q1-RESUME", "Q2-RESUME", "ORD-TOPIC", "CONVERGE"
    )
