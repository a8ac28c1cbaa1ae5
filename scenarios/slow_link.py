"""Claim: a slow link is not a broken one. With a round trip of 20 s and nothing lost, no client or
broker sends a message twice, and nobody gives up a connection that stands.
"""

from __future__ import annotations

import asyncio

import mqttlab
from mqttlab import Duration, Lab
from mqttlab.scenarios.support import DUP, Seen, clients, spoken
from mqttlab.trace import Kind, Packet

BUGS = ["B25 retransmission by timer on a live connection"]


@mqttlab.scenario(number="S24", bugs=BUGS, until="3h")
async def slow_link(
    lab: Lab,
    *,
    round_trip: Duration = Duration("20s"),
    messages: int = 40,
    version: str = "both",
) -> None:
    """Round trips of 20 s without loss: nothing is sent twice, and no connection is given up.

    round_trip: of the devices' links.
    messages: published to and by each device.
    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    await lab.broker(connect_timeout="10min")
    desk = lab.device("desk")
    far = lab.link(name="far", rate="1Mbit/s", delay=round_trip / 2)
    kinds = [(how, qos) for how in speaks for qos in (1, 2)]
    probes = lab.devices(len(kinds), name="probe-{}", via=far)
    patience = {"keep_alive_s": int(4 * round_trip), "ping_timeout": 2 * round_trip}
    options = [
        {**how, **patience, "clean_session": False, "connect_timeout": "10min"} for how, _ in kinds
    ]
    async with desk.client() as writer, clients(probes, options) as talkers:
        for one, (_, qos) in zip(talkers, kinds, strict=True):
            await one.subscribe(f"to/{one.client_id}", qos=qos)
        async with asyncio.TaskGroup() as calls:
            for _ in range(messages):
                for one, (_, qos) in zip(talkers, kinds, strict=True):
                    calls.create_task(one.publish(f"from/{one.client_id}", lab.stamp(), qos=qos))
                    calls.create_task(writer.publish(f"to/{one.client_id}", lab.stamp(), qos=qos))
                await asyncio.sleep(round_trip / 5)
        await asyncio.sleep(4 * round_trip)
        lab.settle("10min")
        await asyncio.sleep(12 * 60)
        seen = Seen(lab)
        lab.expect(
            "connections of each device, at most",
            max(seen.count(Kind.ARRIVED, Packet.CONNECT, on=probe) for probe in probes),
            1,
        )
        lab.expect("connections given up", seen.count(Kind.CLOSED), 0)
        got = sum(len(seen.delivered(probe)) for probe in probes)
        lab.expect("messages that came", got, messages * len(probes))
        lab.expect("repeats by MQTT", seen.count(Kind.WRITTEN, Packet.PUBLISH, flags=DUP), 0)
    if version != "3.1.1":
        lab.expect.observed("NO-LIVE-RESEND")  # 3.1.1 allows it
    lab.expect.observed("DUP-RULE", "KA-FAIR", "CONVERGE")
