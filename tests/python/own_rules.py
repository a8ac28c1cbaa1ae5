"""A scenario with invariants of its own, at the top of a file, where others find them."""

from __future__ import annotations

import asyncio

import numpy as np

import mqttlab
from mqttlab.own_invariants import Broken
from mqttlab.trace import Kind, Packet


@mqttlab.invariant("NO-PING", needs=(Kind.OPENED, Packet.PINGREQ), statements=["MQTT-3.1.2-23"])
def no_ping(result: mqttlab.Result) -> Broken:
    """Nobody is ever idle.

    More words.
    """
    pings = result.events["packet"] == Packet.PINGREQ
    for event in np.flatnonzero(pings & (result.events["kind"] == Kind.ARRIVED)):
        yield event, f"a ping at {result.events['at'][event] / 1e9:.0f} s"


@mqttlab.invariant("SHORT")
def short(result: mqttlab.Result) -> Broken:
    """A run takes less than a minute."""
    if result.virtual_s >= 60:
        yield [], "it took longer"


@mqttlab.scenario(until="10min", invariants=[no_ping])
async def idle(lab: mqttlab.Lab, *, wait: int = 25) -> None:
    """A client with nothing to say."""
    await lab.broker()
    async with lab.device("desk").client(keep_alive_s=10):
        await asyncio.sleep(wait)
