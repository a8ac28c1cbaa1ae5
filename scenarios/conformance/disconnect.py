"""3.12 PINGREQ, 3.14 DISCONNECT."""

from __future__ import annotations

from mqttlab.conformance import (
    NotTested,
    Trial,
    case,
    change,
    check,
    drop,
    invent,
    keep_open,
    only,
)

from .common import parting, refuses


@case("MQTT-3.12.4-1", expect="three PINGRESP", sabotage=only("pings", drop("PINGRESP", once=True)))
async def pingresp(t: Trial) -> None:
    """Three PINGREQ."""
    peer = await t.connect("pings")
    for _ in range(3):
        peer.send("PINGREQ")
    for _ in range(3):
        await peer.expect("PINGRESP")


refuses(
    "disconnect.flags",
    "MQTT-3.14.1-1",
    packet="DISCONNECT",
    codes=(0x81,),
    fields={"flags": 1},
    why="DISCONNECT with flags 0001",
)
refuses(
    "disconnect.twice_session_expiry",
    "U-3.14.2.2.2-1",
    packet="DISCONNECT",
    codes=(0x82,),
    fields={"session_expiry_interval": [0, 0]},
    why="two intervals",
)
refuses(
    "disconnect.twice_reason_string",
    "U-3.14.2.2.3-1",
    packet="DISCONNECT",
    codes=(0x82,),
    fields={"reason_string": ["a", "b"]},
    why="two Reason Strings",
)
refuses(
    "disconnect.twice_server_reference",
    "U-3.14.2.2.5-1",
    packet="DISCONNECT",
    codes=(0x82, 0x81),
    fields={"server_reference": ["a", "b"]},
    why="two Server References",
)


@case(
    "U-3.14.2.2.2-2",
    expect="closed, with DISCONNECT 0x82 or none, and no session is kept",
    sabotage=only("nought", change("CONNACK", lambda p: not p.session_present, session_present=1)),
    why="a client that says goodbye is closed in any case; that it got no session shows it",
)
async def expiry_from_0(t: Trial) -> None:
    """A session of expiry 0, which DISCONNECT wants to keep."""
    first = await t.connect("plain", session=True, session_expiry_interval=0)
    await first.disconnect()
    first = await t.connect("plain", session=True, session_expiry_interval=0)
    if first.connack and first.connack.session_present:
        raise NotTested("it keeps sessions of expiry 0, whatever DISCONNECT says")
    peer = await t.connect("nought", session=True, session_expiry_interval=0)
    peer.offend("DISCONNECT", session_expiry_interval=100)
    await peer.dropped(0x82)
    again = await t.connect("nought", session=True, session_expiry_interval=100)
    assert again.connack
    check(not again.connack.session_present, "Session Present 1")


@case(
    "5:MQTT-3.14.2-2",
    expect="no Session Expiry Interval",
    sabotage=change("DISCONNECT", session_expiry_interval=5),
)
async def server_says_no_expiry(t: Trial) -> None:
    """A DISCONNECT from the server."""
    _, word = await parting(t)
    check(word.property("session_expiry_interval") is None, "Session Expiry Interval")


@case(
    "5:MQTT-3.14.4-1", expect="nothing behind DISCONNECT", sabotage=invent("PINGRESP", "DISCONNECT")
)
async def nothing_behind(t: Trial) -> None:
    """A connection that another one takes over."""
    peer, _ = await parting(t)
    check(peer.heard[-1] == "DISCONNECT", f"{peer.heard[-1]} came behind it")


@case("5:MQTT-3.14.4-2", "5:MQTT-4.13.2-1", expect="the connection is closed", sabotage=keep_open())
async def sender_closes(t: Trial) -> None:
    """The server's DISCONNECT."""
    peer = await t.connect()
    peer.doom("taken over")
    await t.connect()
    await peer.dropped(0x8E)
