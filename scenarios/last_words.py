"""Claim: a will is published if, and only if, its connection ended without a DISCONNECT that calls
it off, and once; and what came before the end of the stream counts.

Connections with a will end in nine ways, each twice in a row in one session. The ninth: the process
of the broker ends, and starts again with what it had on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import mqttlab
from mqttlab import Broker, Device, Lab
from mqttlab.scenarios.support import Raw, Seen, reset
from mqttlab.trace import CloseCause, Kind
from mqttlab.trace import End as Side

KEEP_ALIVE_S = 10
BUGS = [
    "B07 bytes that were received are thrown away when the peer closes",
    "B58 a will is only ever sent once per session",
]

End = Callable[[Lab, Device, Raw, int], Awaitable[None]]


async def disconnects(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """DISCONNECT, which calls the will off."""
    peer.send("DISCONNECT")
    peer.close()


async def asks_for_its_will(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """DISCONNECT with reason 0x04."""
    peer.send("DISCONNECT", reason=0x04)
    peer.close()


async def closes(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """FIN alone."""
    peer.close()


async def resets(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """RST."""
    reset(lab, device)


async def goes_dark(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """Nothing at all, for longer than the broker waits."""
    async with lab.outage(device):
        await asyncio.sleep(2 * KEEP_ALIVE_S)


async def breaks_a_rule(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """A PUBLISH to a topic filter."""
    peer.send("PUBLISH", topic="will/#")
    await peer.is_closed()


async def is_taken_over(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """Another connection of its client id, which then leaves politely."""
    other = await Raw.open(peer.version)
    await other.connect(client_id=device.name, clean=False, **expiry(peer.version))
    other.send("DISCONNECT")
    other.close()


async def says_all_at_once(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """PUBLISH, DISCONNECT and FIN in one burst: the message counts, and so does DISCONNECT."""
    topic = f"last/{device.name}/{turn}"
    last = peer.made("PUBLISH", topic=topic, payload=lab.stamp(), qos=1, packet_id=turn)
    peer.send(last, "DISCONNECT")
    peer.close()


async def loses_its_broker(lab: Lab, device: Device, peer: Raw, turn: int) -> None:
    """The broker's process ends, with the will on disk; see stop()."""
    await peer.is_closed()


# Whether the will is due, by version; None: there is no such way.
WAYS: dict[End, dict[int, bool | None]] = {
    disconnects: {4: False, 5: False},
    asks_for_its_will: {4: None, 5: True},
    closes: {4: True, 5: True},
    resets: {4: True, 5: True},
    goes_dark: {4: True, 5: True},
    breaks_a_rule: {4: True, 5: True},
    is_taken_over: {4: True, 5: True},
    says_all_at_once: {4: False, 5: False},
    loses_its_broker: {4: True, 5: True},
}
# What the broker heard of it, if that was no packet.
CAUSES = {closes: CloseCause.FIN, resets: CloseCause.RESET, goes_dark: CloseCause.LOCAL}


@mqttlab.scenario(number="S13", bugs=BUGS, until="1h")
async def last_words(lab: Lab, *, turns: int = 2) -> None:
    """Connections end in nine ways, twice each: the will goes out if it is due, and once.

    turns: how often in a row each session ends so.
    """
    broker = await lab.broker(store="disk")
    desk = lab.device("desk")
    async with desk.client(clean_session=False, drain=True) as reader:
        await reader.subscribe([("will/#", 1), ("last/#", 1)])
        ways = [
            (way, version)
            for way, due in WAYS.items()
            for version in due
            if due[version] is not None
        ]
        for one_for_all in (False, True):
            async with asyncio.TaskGroup() as tasks:
                for way, version in ways:
                    if (way is loses_its_broker) == one_for_all:
                        device = lab.device(f"{way.__name__}-{version}", via="lte")
                        tasks.create_task(device.run(end_in_turn(lab, device, way, version, turns)))
                if one_for_all:
                    tasks.create_task(stop(broker, turns))
        lab.settle("30s")
        await asyncio.sleep(60)
    expect_wills(lab, desk, ways, turns)
    lab.expect.broken("STREAM-OK", turns * len(WAYS[breaks_a_rule]))
    lab.expect.observed("WILL-IFF", "WILL-ONCE", "KA-ENFORCE", "ONE-CONN", "SP-TRUTH")


def expect_wills(lab: Lab, desk: Device, ways: list[tuple[End, int]], turns: int) -> None:
    """One of each that was due, none of the others; and the messages that went before a FIN."""
    seen = Seen(lab)
    devices = {device.name: device for device in lab.devices_made}
    for way in WAYS:
        versions = [version for one, version in ways if one is way]
        names = [
            f"{way.__name__}-{version}/{turn}"
            for version in versions
            for turn in range(1, turns + 1)
        ]
        came = [seen.count(Kind.DELIVERED, on=desk, text=f"will/{name}") for name in names]
        due = turns * sum(bool(WAYS[way][version]) for version in versions)
        lab.expect(f"wills when the client {way.__name__.replace('_', ' ')}", sum(came), due)
        lab.expect("of one of them, copies", max(came), most=1)
        if way in CAUSES:
            by = [devices[f"{way.__name__}-{version}"] for version in versions]
            meant = sum(
                seen.count(Kind.CLOSED, on=one, end=Side.BROKER, cause=CAUSES[way]) for one in by
            )
            lab.expect(f"connections that ended by {CAUSES[way].name}", meant, len(names))
        if way is loses_its_broker:
            crashes = seen.count(Kind.CRASHED)
            lab.expect("crashes of the broker", crashes, turns)
        if way is says_all_at_once:
            last = [seen.count(Kind.DELIVERED, on=desk, text=f"last/{name}") for name in names]
            lab.expect("messages just before DISCONNECT and FIN", sum(last), len(names))


async def stop(broker: Broker, turns: int) -> None:
    """It ends in the middle of each turn, and is back a second later."""
    for _ in range(turns):
        await asyncio.sleep(KEEP_ALIVE_S / 2)
        broker.crash()
        await asyncio.sleep(1)
        broker.restart()
        await asyncio.sleep(2 * KEEP_ALIVE_S)


def expiry(version: int) -> dict[str, int]:
    """Of a session that outlives its connection."""
    return {"session_expiry_interval": 3600} if version == 5 else {}


async def end_in_turn(lab: Lab, device: Device, way: End, version: int, turns: int) -> None:
    """Connects with a will and ends the connection, again and again."""
    for turn in range(1, turns + 1):
        peer = await Raw.open(version)
        await peer.connect(
            client_id=device.name,
            clean=False,
            keep_alive_s=KEEP_ALIVE_S,
            will={"topic": f"will/{device.name}/{turn}", "payload": lab.stamp(), "qos": 1},
            **expiry(version),
        )
        await asyncio.sleep(1)
        await way(lab, device, peer, turn)
        await asyncio.sleep(2 * KEEP_ALIVE_S)
