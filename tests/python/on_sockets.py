"""Scenarios that run simulated and on real sockets, for test_live_run.py."""

from __future__ import annotations

import asyncio
import contextlib

import mqttlab
from mqttlab import Lab, Will

PULSE = {
    "keep_alive_s": 1,
    "ping_timeout": "500ms",
    "connect_timeout": "1s",
    "backoff": mqttlab.Backoff(initial="100ms", maximum="400ms"),
}


@mqttlab.scenario(until="30s")
async def short(lab: Lab) -> None:
    """Every level on a link that is lost for a while, a death with a will, a late subscriber."""
    await lab.broker()
    lan = lab.link(name="lan", delay="2ms")
    meters = lab.devices(6, name="meter-{}", via=lan)
    async with lab.device("desk", lan).client(clean_session=False, drain=True, **PULSE) as desk:
        await desk.subscribe("site/#", qos=2)
        for qos in (0, 1, 2):
            lab.fleet(
                meters[qos::3],
                topic="site/{name}/reading",
                qos=qos,
                interval="100ms",
                start_within="100ms",
                stop_at=10.5,
                clean_session=False,
                will=Will("site/{name}/status", "gone", qos=1, retain=True),
                **PULSE,
            )
        await asyncio.sleep(1)
        async with lab.outage([desk.device, *meters[:3]]):
            await asyncio.sleep(9)  # mosquitto looks for silent clients every five seconds
        meters[4].die("reset")
        meters[5].die("silent")
        await asyncio.sleep(2)
        lab.settle(within="2s")
        await asyncio.sleep(2)
        async with lab.device("audit", lan).client(drain=True) as audit:
            await audit.subscribe("site/+/status", qos=1)
            await asyncio.sleep(0.5)


@mqttlab.scenario(until="30s")
async def guarded(lab: Lab) -> None:
    """About a broker that lets nobody in without a name."""
    await lab.broker(anonymous=False)
    async with lab.device("desk").client():
        pass


@mqttlab.scenario(until="30s")
async def endless(lab: Lab) -> None:
    """Goes on until it is stopped."""
    await lab.broker()
    async with lab.device("desk").client() as desk:
        await desk.publish("t", lab.stamp(), qos=1)
        print("under way", flush=True)
        while True:
            await desk.publish("t", lab.stamp(), qos=1)
            await asyncio.sleep(0.05)


@mqttlab.scenario(until="300ms")
async def busy(lab: Lab) -> None:
    """Ends while a fleet is publishing."""
    await lab.broker()
    lab.fleet(
        lab.devices(20, "busy-{}"),
        interval="10ms",
        start_within="10ms",
        retain=True,
        clean_session=False,
    )
    await asyncio.sleep(60)


@mqttlab.scenario(until="30s")
async def visited(lab: Lab) -> None:
    """About somebody else's program, which takes its misfortune lightly."""
    await lab.broker()

    async def visitor() -> None:
        with contextlib.suppress(Exception):
            await asyncio.open_connection("broker", 1883)

    await lab.device("desk").run(visitor())
