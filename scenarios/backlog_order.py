"""Claim: a backlog comes in order, and nothing that is published while it drains overtakes it.

A publisher numbers its messages on one topic. Readers of both versions, at QoS 1 and 2, are away
until five windows full wait for each of them; then they come back on a slow link while the
publisher goes on. The link breaks once more in the middle of the backlog.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import numpy as np

import mqttlab
from mqttlab import Backoff, Client, Lab
from mqttlab.scenarios.support import Seen, clients, spoken
from mqttlab.trace import Kind

SOON = Backoff(initial="1s", maximum="2s")
BUGS = ["B41 an offline backlog larger than the window comes out of order"]


@mqttlab.scenario(number="S11", bugs=BUGS, until="1h")
async def backlog_order(lab: Lab, *, window: int = 20, version: str = "both") -> None:
    """A backlog of five windows and what is published meanwhile reach a reader in order.

    window: exchanges that the broker has open towards a reader.
    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    await lab.broker(window=window)
    desk = lab.device("desk")
    kinds = [(how, qos) for how in speaks for qos in (1, 2)]
    phones = lab.devices(len(kinds), name="reader-{}", via="gprs")
    options = [
        {**how, "clean_session": False, "keep_alive_s": 20, "drain": True, "backoff": SOON}
        for how, _ in kinds
    ]
    async with desk.client(window=65_535) as writer, clients(phones, options) as readers:
        for reader, (_, qos) in zip(readers, kinds, strict=True):
            await reader.subscribe("numbers", qos=qos)
        counting = asyncio.create_task(count_up(lab, writer))
        async with lab.outage(phones):
            await asyncio.sleep(5 * window / 2 + 60)
        back = lab.now()
        backlog = Seen(lab).count(Kind.PUBLISH_CALLED, on=desk)
        while not all(reader.connected for reader in readers):
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        during = Seen(lab)
        drained = [len(during.delivered(phone, since=back)) for phone in phones]
        lab.expect(
            "of the backlog, fewest that a reader had at the second cut", min(drained), least=1
        )
        lab.expect("and most", max(drained), most=backlog - window)
        async with lab.outage(phones):
            await asyncio.sleep(60)
        lab.settle("2min")
        await asyncio.sleep(60)
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting
        await asyncio.sleep(90)
    seen = Seen(lab)
    order = seen.rows(Kind.PUBLISH_CALLED, on=desk)["message"]
    place = {message: number for number, message in enumerate(order.tolist())}
    for phone, (how, qos) in zip(phones, kinds, strict=True):
        got = [place[message] for message in dict.fromkeys(seen.delivered(phone).tolist())]
        what = f"MQTT {how['version']}, QoS {qos}"
        lab.expect(f"numbers that came, {what}", len(got), len(order))
        lab.expect(f"steps back, {what}", int((np.diff(got) < 0).sum()), 0)
    lab.expect.observed("ORD-TOPIC", "ORD-RESEND", "Q1-NOLOSS", "Q2-ONCE", "CONVERGE")


async def count_up(lab: Lab, writer: Client) -> None:
    """Two numbers a second, whether or not anybody is there."""
    async with asyncio.TaskGroup() as calls:
        while True:
            calls.create_task(writer.publish("numbers", lab.stamp(), qos=2))
            await asyncio.sleep(0.5)
