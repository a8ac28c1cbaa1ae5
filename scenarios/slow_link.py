"""Claim: a slow link is not a broken one. With a round trip of 30 s and nothing lost, no client or
broker sends a message twice, and nobody gives up a connection that stands.

The last third of it comes when everybody is connected; until then the round trip is one of 20 s.
Others have a fast link, and a process that stands still for as long as that.
"""

from __future__ import annotations

import asyncio

import numpy as np

import mqttlab
from mqttlab import Device, Duration, Lab
from mqttlab.scenarios.support import DUP, Seen, check, clients, spoken
from mqttlab.trace import Kind, Packet

DIALED_S = 20.0  # round trip of a new connection; from some 24 s on, TCP gives its SYNs up
BUGS = ["B25 retransmission by timer on a live connection"]


@mqttlab.scenario(number="S24", bugs=BUGS, until="3h")
async def slow_link(
    lab: Lab,
    *,
    round_trip: Duration = Duration("30s"),
    messages: int = 40,
    version: str = "both",
) -> None:
    """Round trips of 30 s, readers stalled for 30 s: nothing is sent twice, no connection given up.

    round_trip: of the devices' links; as long others stand still.
    messages: published to and by each device.
    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    check("round_trip", round_trip > DIALED_S, f"must be over {DIALED_S:g}s, got {round_trip:g}")
    await lab.broker(connect_timeout="10min")
    desk = lab.device("desk")
    far = lab.link(name="far", rate="1Mbit/s", delay=DIALED_S / 2)
    kinds = [(how, qos) for how in speaks for qos in (1, 2)]
    probes = lab.devices(len(kinds), name="probe-{}", via=far)
    patience = {"keep_alive_s": int(4 * round_trip), "ping_timeout": 2 * round_trip}
    options = [
        {**how, **patience, "clean_session": False, "connect_timeout": "10min"} for how, _ in kinds
    ]
    stallers = lab.devices(len(kinds), name="stalled-{}")
    async with (
        desk.client() as writer,
        clients([*probes, *stallers], [*options, *options]) as talkers,
    ):
        for one, (_, qos) in zip(talkers, [*kinds, *kinds], strict=True):
            await one.subscribe(f"to/{one.client_id}", qos=qos)
        async with lab.delay_spike(probes, (round_trip - DIALED_S) / 2):
            async with asyncio.TaskGroup() as calls:
                calls.create_task(stall(stallers, round_trip, messages // 10))
                for _ in range(messages):
                    for one, (_, qos) in zip(talkers, [*kinds, *kinds], strict=True):
                        name = one.client_id
                        calls.create_task(one.publish(f"from/{name}", lab.stamp(), qos=qos))
                        calls.create_task(writer.publish(f"to/{name}", lab.stamp(), qos=qos))
                    await asyncio.sleep(round_trip / 5)
            await asyncio.sleep(4 * round_trip)
        lab.settle("10min")
        await asyncio.sleep(12 * 60)
        seen = Seen(lab)
        lab.expect(
            "connections of each device, at most",
            max(seen.count(Kind.ARRIVED, Packet.CONNECT, on=one.device) for one in talkers),
            1,
        )
        lab.expect("connections given up", seen.count(Kind.CLOSED), 0)
        got = sum(len(seen.delivered(one.device)) for one in talkers)
        lab.expect("messages that came", got, messages * len(talkers))
        waits = np.concatenate([seen.waits_s(f"to/{probe.name}") for probe in probes])
        lab.expect(
            "half of those to far clients took, s, or more",
            float(np.median(waits)),
            least=round_trip / 2,
        )
        stalled = np.concatenate([seen.waits_s(f"to/{one.name}") for one in stallers])
        lab.expect(
            "and the last to a stalled one, s",
            float(stalled.max(initial=0)),
            least=0.9 * round_trip,
        )
        lab.expect("repeats by MQTT", seen.count(Kind.WRITTEN, Packet.PUBLISH, flags=DUP), 0)
    if version != "3.1.1":
        lab.expect.observed("NO-LIVE-RESEND")  # 3.1.1 allows it
    lab.expect.observed("DUP-RULE", "KA-FAIR", "CONVERGE")


async def stall(devices: list[Device], seconds: float, times: int) -> None:
    """Their processes stand still, and go on for as long again."""
    for _ in range(times):
        for device in devices:
            device.pause()
        await asyncio.sleep(seconds)
        for device in devices:
            device.resume()
        await asyncio.sleep(seconds)
