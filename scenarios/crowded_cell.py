"""Claim: in a crowded Wi-Fi cell everybody waits for everybody: a PUBACK takes 12 to 16 stations
two to five times as long as one alone. QoS 1 loses nothing. They share an access point's channel
of 802.11n, as ns-3 models it (sim/radio has what is and is not in that).
"""

from __future__ import annotations

import asyncio
from statistics import median

import mqttlab
from mqttlab import Duration, Lab
from mqttlab.scenarios.support import check

RADIUS_M = 30.0
PAYLOAD_BYTES = 1000
EVERY_S = 0.005  # a station's interval, or as fast as it is answered

MEASURED = "the claim was measured there"


@mqttlab.scenario(until="10min")
async def crowded_cell(
    lab: Lab,
    *,
    devices: int = 16,
    lasting: Duration = Duration("2s"),
) -> None:
    """Devices of one Wi-Fi cell wait for each other; at QoS 1 nothing is lost.

    devices: stations of the cell, 12 to 16, within 30 m of the access point.
    lasting: each publishes 1,000 bytes every 5 ms at QoS 1 for so long, 0.5 to 2 s; before that,
        one does the same alone.
    """
    check("devices", 12 <= devices <= 16, f"must be in 12..16, got {devices}: {MEASURED}")
    check("lasting", 0.5 <= lasting <= 2, f"must be in 0.5..2 s, got {lasting:g} s: {MEASURED}")
    await lab.broker()
    hall = lab.link("wifi", name="hall", radio="80211n", radius=RADIUS_M)
    stations = lab.devices(devices, name="station-{:03d}", via=hall)
    came: list[str] = []
    sent = 0

    async def publish(client: mqttlab.Client, until: float) -> list[float]:
        nonlocal sent
        took = []
        while lab.now() < until:
            began = lab.now()
            await client.publish("hall/report", lab.stamp(PAYLOAD_BYTES), qos=1)
            sent += 1
            took.append(lab.now() - began)
            await asyncio.sleep(max(0.0, EVERY_S - took[-1]))
        return took

    async def listen(client: mqttlab.Client) -> None:
        await client.subscribe("hall/#", qos=1)
        async for message in client.messages:
            came.append(message.topic)

    async def station(device: mqttlab.Device) -> list[float]:
        await asyncio.sleep(lab.random.uniform(0, EVERY_S))
        async with device.client() as client:
            return await publish(client, lab.now() + lasting)

    async with lab.device("desk").client() as desk, asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen(desk))
        alone = await station(stations[0])
        crowd = [tasks.create_task(station(device)) for device in stations]
        together = [took for task in crowd for took in await task]
        lab.settle("10s")
        await asyncio.sleep(15)
        listening.cancel()
    lab.expect("messages that came", len(came), sent)
    lab.expect(
        "median time to PUBACK in the crowd, times that of one alone",
        round(median(together) / median(alone), 2),
        least=2,
        most=5,
    )
    lab.expect.observed("Q1-NOLOSS", "CONVERGE")
