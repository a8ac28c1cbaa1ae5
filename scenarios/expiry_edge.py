"""Claim: a session can be resumed until the instant at which it expires, and not after; and what a
shared subscription has given to a member that never returns goes to another member.

Sessions of MQTT 5.0 with expiries from a second to a day are returned to a millisecond before their
end, at it, and a millisecond after it. In the middle of the longer ones the broker crashes, and is
back with what it had on disk.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import mqttlab
from mqttlab import Broker, Client, Device, Duration, Lab
from mqttlab.scenarios.support import V5, Raw, Seen, clients

BUGS = [
    "B50 session present is wrong about a session at its end",
    "B51 expiry starts anew, or never comes",
    "B52 only one end of a clean session is dropped",
    "B102 the share of a dead member is not handed on",
]
CLEAR_S = 0.2
EXPIRIES_S = (1, 60, 3600, 86_400)
CRASH_S = 2400  # in the middle of two of them


@mqttlab.scenario(number="S19", bugs=BUGS, until="3d")
async def expiry_edge(lab: Lab, *, margin: Duration = Duration("1ms"), shares: int = 10) -> None:
    """Return a millisecond before a session expires, at its end, and after it: the truth each time.

    margin: how far from the end.
    shares: messages for a shared subscription of which one member never returns.
    """
    broker = await lab.broker(store="disk")
    desk = lab.device("desk")
    wire = lab.link(name="wire", delay="10ms")
    async with desk.client() as writer:
        # The oracle leaves hosts 0.1 s, so it judges the outer two; the broker is that exact.
        offsets = (-CLEAR_S, -margin, 0.0, margin, CLEAR_S)
        present: dict[float, list[bool]] = {offset: [] for offset in offsets}
        got: dict[float, list[bool]] = {offset: [] for offset in present}
        async with asyncio.TaskGroup() as tasks:
            for expiry_s in EXPIRIES_S:
                for number, offset in enumerate(present):
                    device = lab.device(f"sleeper-{expiry_s}-{number}", via=wire)
                    way = sleeper(lab, device, writer, expiry_s, offset, present, got)
                    tasks.create_task(device.run(way))
            tasks.create_task(share(lab, writer, shares))
            tasks.create_task(crash(lab, broker))
            fresh = []
            for version in (4, 5):
                device = lab.device(f"fresh-{version}", via=wire)
                fresh.append(tasks.create_task(device.run(be_fresh(lab, device, writer, version))))
        lab.settle("10s")
        await asyncio.sleep(15)
    old = sum(found for task in fresh for found in task.result())
    lab.expect("sessions and messages that survived a clean start, or a clean session", old, 0)
    count = len(EXPIRIES_S)
    for offset, found in present.items():
        wanted = None if offset == 0 else count * (offset < 0)
        when = f"{abs(offset):g} s {'before' if offset < 0 else 'after'}" if offset else "at"
        lab.expect(f"of {count} sessions, present {when} their end", sum(found), wanted)
    both = [a == b for offset in present for a, b in zip(present[offset], got[offset], strict=True)]
    lab.expect("returns with the queue that session present promises", sum(both), len(both))
    lab.expect.observed("SESS-EXPIRY", "SP-TRUTH", "SHARED-REDISPATCH")


async def crash(lab: Lab, broker: Broker) -> None:
    """When the short sessions are over, and a message waits for those of an hour."""
    await asyncio.sleep(CRASH_S)
    sessions = broker.gauges()["sessions"]
    broker.crash()
    await asyncio.sleep(10)
    broker.restart()
    await asyncio.sleep(60)
    lab.expect("sessions before a crash of the broker", sessions, least=10)
    lab.expect("and after it", broker.gauges()["sessions"], sessions)


async def sleeper(
    lab: Lab,
    device: Device,
    writer: Client,
    expiry_s: int,
    offset: float,
    present: dict[float, list[bool]],
    got: dict[float, list[bool]],
) -> None:
    """Leaves, is written to, and is back so long before or after its session's end."""
    me = {"client_id": device.name, "clean": False, "session_expiry_interval": expiry_s}
    peer = await Raw.open(5)
    await peer.connect(**me)
    peer.send("SUBSCRIBE", packet_id=1, filters=[(f"to/{device.name}", 1)])
    await peer.get("SUBACK")
    end = lab.now() + expiry_s
    peer.send("DISCONNECT")
    peer.close()
    await asyncio.sleep(expiry_s / 2)
    await writer.publish(f"to/{device.name}", lab.stamp(), qos=1)
    # The transport is there before, so that CONNECT arrives as late as DISCONNECT did.
    await asyncio.sleep(end - 0.1 - lab.now())
    peer = await Raw.open(5)
    await asyncio.sleep(end + offset - lab.now())
    connack = await peer.connect(**me)
    present[offset].append(bool(connack.session_present))
    with_queue = False
    with suppress(TimeoutError):
        found = await asyncio.wait_for(peer.get("PUBLISH"), 5)
        peer.send("PUBACK", packet_id=found.packet_id)
        with_queue = True
    got[offset].append(with_queue)
    peer.send("DISCONNECT", session_expiry_interval=0)
    peer.close()


async def be_fresh(lab: Lab, device: Device, writer: Client, version: int) -> list[bool]:
    """A session is left, then taken with a clean start, then left clean; what is found of it."""
    lasting = {"session_expiry_interval": 3600} if version == 5 else {}
    found = []
    for clean, options in ((False, lasting), (True, {}), (False, lasting)):
        peer = await Raw.open(version)
        connack = await peer.connect(client_id=device.name, clean=clean, **options)
        with suppress(TimeoutError):
            found.append(bool(connack.session_present))
            await asyncio.wait_for(peer.get("PUBLISH"), 5)
            found.append(True)
        peer.send("SUBSCRIBE", packet_id=1, filters=[(f"to/{device.name}", 1)])
        await peer.get("SUBACK")
        peer.send("DISCONNECT")
        peer.close()
        await asyncio.sleep(1)
        await writer.publish(f"to/{device.name}", lab.stamp(), qos=1)
    return found


async def share(lab: Lab, writer: Client, shares: int) -> None:
    """Two members of a shared subscription: one goes dark with its share, for ever."""
    stays, goes = lab.device("stays"), lab.device("goes", via="lte")
    own = {**V5, "keep_alive_s": 10, "clean_session": False}
    options = [{**own, "session_expiry": expiry} for expiry in ("never", "60s")]
    async with clients([stays, goes], options) as members:
        for member in members:
            await member.subscribe("$share/pair/work", qos=1)
        goes.die("silent")
        for _ in range(shares):
            await writer.publish("work", lab.stamp(), qos=1)
        await asyncio.sleep(5)
        before = len(set(Seen(lab).delivered(stays).tolist()))
        lab.expect("shares that the dead member had been given", shares - before, least=1)
        await asyncio.sleep(120)
        after = len(set(Seen(lab).delivered(stays).tolist()))
        lab.expect("shares that the other has got in the end", after, shares)
