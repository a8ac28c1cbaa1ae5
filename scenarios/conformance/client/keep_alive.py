"""3.1.2.10: the keep alive."""

from __future__ import annotations

import itertools

from mqttlab.conformance import ClientTrial, Served, check, drop, keep_open

from .common import case

_ROUNDS = 3.5  # keep alives
_MOST_S = 65_535  # of two bytes


async def _keep_alive_s(t: ClientTrial) -> int:
    """The shortest one that is sensible here, and that the client takes."""
    await t.needs()
    assert t.driver
    return max(t.times.unit_s, t.driver.least_keep_alive_s)


def _judge(t: ClientTrial, peer: Served, keep_alive_s: int) -> None:
    """No gap between the client's packets is longer than the keep alive."""
    assert peer.connect
    times = [peer.connect.at, *(packet.at for packet in peer.inbox), peer.ended_at or t.now]
    longest = max(later - earlier for earlier, later in itertools.pairwise(times))
    check(
        longest <= keep_alive_s + t.times.punctual_s,
        f"{longest:.2f} s without a packet, at a keep alive of {keep_alive_s} s",
    )
    check(not peer.ended, f"the client ends the connection ({peer.ended})")


@case(
    "3:MQTT-3.1.2-23",
    "5:MQTT-3.1.2-20",
    expect="PINGREQ before each keep alive is over",
    sabotage=drop("PINGREQ"),
)
async def idle(t: ClientTrial) -> None:
    """An idle client."""
    keep_alive_s = await _keep_alive_s(t)
    peer = await t.connect(keep_alive_s=keep_alive_s)
    await t.sleep(_ROUNDS * keep_alive_s)
    check("PINGREQ" in peer.heard, "no PINGREQ at all")
    _judge(t, peer, keep_alive_s)


@case(
    "3:MQTT-3.1.2-23",
    "5:MQTT-3.1.2-20",
    expect="PINGREQ before each keep alive is over",
    why="what a client receives does not count",
    sabotage=drop("PINGREQ"),
)
async def receiving(t: ClientTrial) -> None:
    """A client that gets messages of QoS 0 all the time, and sends none."""
    keep_alive_s = await _keep_alive_s(t)
    peer = await t.connect(keep_alive_s=keep_alive_s)
    for _ in range(int(4 * _ROUNDS)):
        peer.send("PUBLISH", topic=t.topic("stream"))
        await t.sleep(keep_alive_s / 4)
    _judge(t, peer, keep_alive_s)


@case(
    "5:MQTT-3.1.2-21",
    "5:MQTT-3.2.2-21",
    expect="PINGREQ as often as the server's keep alive wants it",
    sabotage=drop("PINGREQ"),
)
async def of_the_server(t: ClientTrial) -> None:
    """Server Keep Alive is shorter than what the client asked for."""
    keep_alive_s = await _keep_alive_s(t)
    connack = {"server_keep_alive": keep_alive_s}
    peer = await t.connect(keep_alive_s=20 * keep_alive_s, connack=connack)
    await t.sleep(_ROUNDS * keep_alive_s)
    _judge(t, peer, keep_alive_s)


@case(
    "3:MQTT-3.1.2-23",
    "5:MQTT-3.1.2-20",
    expect="the client closes the connection, after two more keep alives at most",
    why="3.1.2.10 has it beside the statement, without a number; what is a reasonable time to wait "
    "for PINGRESP is not said",
    strength="SHOULD",
    sabotage=keep_open(),
)
async def no_pingresp(t: ClientTrial) -> None:
    """PINGREQ is not answered."""
    keep_alive_s = await _keep_alive_s(t)
    peer = await t.connect(keep_alive_s=keep_alive_s)
    peer.pongs = False
    slack_s = keep_alive_s + t.times.punctual_s
    await peer.get("PINGREQ", within_s=slack_s)
    peer.doom("no PINGRESP")
    await peer.dropped(within_s=2 * keep_alive_s + t.times.slack_s)


@case(
    "3:MQTT-3.1.2-23",
    "5:MQTT-3.1.2-20",
    expect="PINGREQ before each keep alive is over",
    sabotage=drop("PINGREQ"),
    takes_s=_ROUNDS * _MOST_S,
)
async def longest(t: ClientTrial) -> None:
    """An idle client, at the longest keep alive there is."""
    peer = await t.connect(keep_alive_s=_MOST_S)
    await t.sleep(_ROUNDS * _MOST_S)
    _judge(t, peer, _MOST_S)
