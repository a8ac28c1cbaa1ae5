"""3.1.2.10, 3.1.2.11.2, 3.1.3.2.2, 3.3.2.3.3: the longest times, to the tick; live nobody waits."""

from __future__ import annotations

from mqttlab.conformance import (
    Trial,
    case,
    change,
    check,
    closes_after,
    delay,
    ends,
    keep_open,
    only,
)

_MOST_S = 65_535  # of two bytes
_DAY_S = 86_400


@case(
    "3:MQTT-3.1.2-24",
    "5:MQTT-3.1.2-22",
    expect=f"closed after {1.5 * _MOST_S} s",
    sabotage=keep_open(),
    takes_s=1.5 * _MOST_S,
)
async def keep_alive(t: Trial) -> None:
    """The longest keep alive there is, and a client that falls silent."""
    peer = await t.connect(keep_alive_s=_MOST_S)
    began = t.now
    peer.doom("silent for a day")
    await peer.dropped(0x8D, within_s=1.5 * _MOST_S + t.times.sweep_s)
    check(
        peer.ended_at - began > 1.5 * _MOST_S - t.times.early_s,
        f"closed after {peer.ended_at - began:.3f} s",
    )


@case(
    "3:MQTT-3.1.2-24",
    "5:MQTT-3.1.2-22",
    expect="the connection stays",
    sabotage=only("patient", closes_after("PINGRESP")),
    takes_s=3 * _MOST_S,
)
async def keep_alive_kept(t: Trial) -> None:
    """A PINGREQ just before each one and a half of the longest keep alive."""
    peer = await t.connect("patient", keep_alive_s=_MOST_S)
    for _ in range(2):
        await t.sleep(1.5 * _MOST_S - 2 * t.times.sweep_s)
        await peer.stays()


@case(
    "5:MQTT-3.1.2-23",
    "5:MQTT-4.1.0-2",
    expect="Session Present 1 just before the day is over, 0 just after",
    sabotage=only("daily", change("CONNACK", session_present=1)),
    takes_s=2 * _DAY_S,
)
async def session_expiry(t: Trial) -> None:
    """Sessions of a day."""
    for name, wait_s, present in (
        ("early", _DAY_S - t.times.early_s, True),
        ("daily", _DAY_S + t.times.slack_s, False),
    ):
        peer = await t.connect(name, session=True, session_expiry_interval=_DAY_S)
        left_at = t.now
        await peer.disconnect()
        await t.sleep(left_at + wait_s - t.now)
        again = await t.connect(name, session=True)
        assert again.connack
        said = bool(again.connack.session_present)
        check(said is present, f"Session Present {said:d} after {wait_s:.1f} s")


@case(
    "5:MQTT-3.3.2-5",
    "5:MQTT-3.3.2-6",
    expect="it comes just before three days are over, with what is left; not just after",
    sabotage=change("PUBLISH", ends("three-days"), message_expiry_interval=4_000),
    takes_s=6 * _DAY_S,
)
async def message_expiry(t: Trial) -> None:
    """A message of three days for a client that is away."""
    expiry_s = 3 * _DAY_S
    slack_s = t.times.slack_s + t.times.early_s
    for wait_s in (expiry_s - 10 - slack_s, expiry_s + slack_s):
        peer = await t.connect("s", session=True, session_expiry_interval=10 * _DAY_S)
        await peer.subscribe(t.topic("three-days"))
        await peer.disconnect()
        other = await t.connect("p")
        published = t.now
        await other.publish(t.topic("three-days"), message_expiry_interval=expiry_s)
        await other.disconnect()
        await t.sleep(published + wait_s - t.now)
        peer = await t.connect("s", session=True)
        if wait_s < expiry_s:
            got = await peer.expect("PUBLISH")
            left_s = got.property("message_expiry_interval")
            check(left_s and 0 < left_s <= 11 + slack_s, f"{left_s} s left after {wait_s:.1f} s")
            await peer.barrier()
            await peer.disconnect()
        else:
            await peer.nothing("PUBLISH")


@case(
    "5:MQTT-3.1.2-8",
    expect="the will comes when the day is over",
    sabotage=delay("PUBLISH", 60, ends("will-daily")),
    takes_s=_DAY_S,
)
async def will_delay(t: Trial) -> None:
    """A will delay of a day."""
    watcher = await t.connect("watcher")
    await watcher.subscribe(t.topic("will-daily"))
    will = {"topic": t.topic("will-daily"), "payload": b"gone", "will_delay_interval": _DAY_S}
    peer = await t.connect(session=True, session_expiry_interval=2 * _DAY_S, will=will)
    cut_at = t.now
    await peer.cut()
    came = await watcher.expect("PUBLISH", within_s=_DAY_S + t.times.slack_s)
    early_s = cut_at + _DAY_S - came.at
    check(early_s < t.times.early_s, f"the will came {early_s:.3f} s early")
