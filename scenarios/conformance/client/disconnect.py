"""3.14 DISCONNECT, and 4.13.2: how a client goes."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import (
    ClientTrial,
    Packet,
    Served,
    change,
    check,
    invent,
    not_observable,
)

from .common import case, holds_open


async def _leaves(t: ClientTrial, **fields: Any) -> tuple[Served, Packet]:
    """A client that has been told to go, and has said so."""
    await t.needs("disconnect")
    if fields:
        await t.needs("disconnect reason")
    peer = await t.connect(session=t.v5 and bool(fields))
    t.order("disconnect", **fields)
    return peer, await peer.get("DISCONNECT")


@case(
    "3:MQTT-3.14.4-1",
    "5:MQTT-3.14.4-2",
    expect="the client closes",
    sabotage=holds_open(),
)
async def closes(t: ClientTrial) -> None:
    """After its DISCONNECT."""
    await t.needs("disconnect")
    peer = await t.connect()
    t.order("disconnect")
    await peer.get("DISCONNECT")
    await peer.dropped()


@case(
    "3:MQTT-3.14.4-2",
    "5:MQTT-3.14.4-1",
    expect="nothing behind DISCONNECT",
    sabotage=invent("PINGREQ", "DISCONNECT"),
)
async def last_word(t: ClientTrial) -> None:
    """A client that is told to publish as it goes."""
    await t.needs("disconnect")
    peer = await t.connect()
    t.order("disconnect")
    t.publish(t.topic("late"), qos=0)
    await peer.get("DISCONNECT")
    await t.sleep(t.times.quiet_s)
    behind = peer.heard[peer.heard.index("DISCONNECT") + 1 :]
    check(not behind, f"behind DISCONNECT: {', '.join(behind)}")


@case(
    "5:MQTT-3.14.2-1",
    "5:MQTT-3.14.1-1",
    expect="a code that a client's DISCONNECT has, and flags 0000",
    sabotage=change("DISCONNECT", reason=0x05),
)
async def code(t: ClientTrial) -> None:
    """DISCONNECT."""
    await _leaves(t)


@case(
    "5:MQTT-3.14.2-1",
    expect="0x04",
    sabotage=change("DISCONNECT", reason=0x05),
)
async def with_will(t: ClientTrial) -> None:
    """The application wants its will to be published."""
    _, packet = await _leaves(t, reason=0x04)
    check(packet.reason == 0x04, f"0x{packet.reason:02X}")


_MOST = 60  # bytes


def _size(name: str, property: str, wrong: Any) -> None:
    @case(
        f"5:MQTT-3.14.2-{name}",
        name=f"disconnect.{property}_size",
        expect=f"DISCONNECT within the Maximum Packet Size of {_MOST} bytes, if there is one",
        why="a malformed packet makes the client say what was wrong; or else it just goes",
        sabotage=change("DISCONNECT", **{property: wrong}),
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect(connack={"maximum_packet_size": _MOST})
        peer.send("PUBLISH", topic="t", flags=6, payload=b"\0\1")
        if not await peer.until(lambda: "DISCONNECT" in peer.heard, t.times.quiet_s):
            if peer.ended:
                not_observable("it closes without DISCONNECT")
            await t.needs("disconnect")
            t.order("disconnect")
        packet = await peer.get("DISCONNECT")
        check(len(packet.raw) <= _MOST, f"DISCONNECT of {len(packet.raw)} bytes")


_size("3", "reason_string", "x" * _MOST)
_size("4", "user_property", ("x" * 30, "y" * 30))


@case(
    "U-3.14.2.2.2-1",
    expect="the Session Expiry Interval, once",
    sabotage=change("DISCONNECT", session_expiry_interval=[7, 7]),
)
async def session_expiry(t: ClientTrial) -> None:
    """DISCONNECT with another Session Expiry Interval."""
    _, packet = await _leaves(t, properties={"session_expiry_interval": 7})
    given = packet.all("session_expiry_interval")
    check(given == [7], f"Session Expiry Intervals: {given}")


def _once(id: str, property: str) -> None:
    @case(
        id,
        name=f"disconnect.once_{property}",
        expect=f"{property} once, or not at all",
        sabotage=change("DISCONNECT", **{property: ["a", "b"]}),
    )
    async def run(t: ClientTrial) -> None:
        _, packet = await _leaves(t)
        check(len(packet.all(property)) < 2, f"{property}: {packet.all(property)}")


_once("U-3.14.2.2.3-1", "reason_string")
_once("U-3.14.2.2.5-1", "server_reference")


@case(
    "5:MQTT-4.13.2-1",
    expect="the client closes behind its DISCONNECT of 0x80 or more",
    sabotage=holds_open(),
)
async def closes_after_error(t: ClientTrial) -> None:
    """A malformed packet, about which the client complains."""
    peer = await t.connect()
    peer.send("PUBLISH", topic="t", flags=6, payload=b"\0\1")
    await peer.until(lambda: peer.ended or "DISCONNECT" in peer.heard, t.times.patience_s)
    if "DISCONNECT" not in peer.heard:
        not_observable("it says no DISCONNECT")
    await peer.dropped()
