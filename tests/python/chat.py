"""A small scenario that several tests use, and how they run one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import mqttlab
from mqttlab import Lab, Result

Scenario = Callable[[Lab], Any]


def run(scenario: Scenario, until: str = "10min", **options: Any) -> Result:
    """Runs with an end that most tests do not care about."""
    return mqttlab.run(scenario, until=until, **options)


async def chat(lab: Lab, *, count: int = 5, loss: float = 0.05) -> None:
    """Two devices on a lossy link, one message of each QoS per round."""
    await lab.broker()
    lossy = lab.link(name="lossy", rate="1Mbit/s", delay="20ms", jitter="5ms", loss=loss)
    alice, bob = lab.devices(2, "peer-{}", via=lossy)
    async with bob.client() as listener:
        await listener.subscribe("chat/#", qos=2)
        async with alice.client() as speaker:
            for _ in range(count):
                for qos in (0, 1, 2):
                    await speaker.publish("chat/a", lab.stamp(), qos=qos)
                await asyncio.sleep(lab.random.uniform(0, 2))
        await asyncio.sleep(5)
