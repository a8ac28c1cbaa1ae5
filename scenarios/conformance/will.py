"""3.1.2.5 to 3.1.3.3: the will."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import (
    Peer,
    Trial,
    case,
    change,
    check,
    closes_after,
    delay,
    drop,
    ends,
    keep_open,
    message,
    not_observable,
    only,
    repeat,
)


async def _watch(t: Trial, name: str, **fields: Any) -> Peer:
    watcher = await t.connect("watcher")
    await watcher.subscribe(t.topic(name), **{"qos": 2, "needs": 0} | fields)
    return watcher


def _will(t: Trial, name: str, **fields: Any) -> dict[str, Any]:
    return {"topic": t.topic(name), "payload": b"gone"} | fields


@case(
    "3:MQTT-3.1.2-8",
    "5:MQTT-3.1.2-8",
    expect="the will is published",
    sabotage=drop("PUBLISH", ends("will-cut")),
)
async def after_a_cut(t: Trial) -> None:
    """The link is reset."""
    watcher = await _watch(t, "will-cut")
    peer = await t.connect(will=_will(t, "will-cut", qos=1))
    await peer.cut()
    await watcher.expect("PUBLISH", topic=t.topic("will-cut"))


@case(
    "3:MQTT-3.1.2-8",
    "5:MQTT-3.1.2-8",
    expect="the will is published",
    sabotage=drop("PUBLISH", ends("will-fin")),
)
async def after_a_close(t: Trial) -> None:
    """The link is closed in order, but without DISCONNECT."""
    watcher = await _watch(t, "will-fin")
    peer = await t.connect(will=_will(t, "will-fin"))
    await peer.close()
    await watcher.expect("PUBLISH", topic=t.topic("will-fin"))


@case(
    "3:MQTT-3.1.2-8",
    "5:MQTT-3.1.2-8",
    expect="the will is published",
    sabotage=drop("PUBLISH", ends("will-violation")),
)
async def after_a_violation(t: Trial) -> None:
    """The server closes because of a malformed packet."""
    watcher = await _watch(t, "will-violation")
    peer = await t.connect(will=_will(t, "will-violation"))
    peer.send("PUBLISH", topic=t.topic(), flags=6, payload=b"\0\1")
    await peer.ends()
    await watcher.expect("PUBLISH", topic=t.topic("will-violation"))


@case(
    "3:MQTT-3.1.2-8",
    "5:MQTT-3.1.2-8",
    expect="the will is published",
    sabotage=drop("PUBLISH", ends("will-second")),
)
async def after_a_second_connect(t: Trial) -> None:
    """The server closes because of a second CONNECT, which has no will."""
    watcher = await _watch(t, "will-second")
    peer = await t.connect(will=_will(t, "will-second"))
    peer.send("CONNECT", **t.connecting())
    await peer.ends()
    await watcher.expect("PUBLISH", topic=t.topic("will-second"))


@case(
    "3:MQTT-3.1.2-8",
    "5:MQTT-3.1.2-8",
    expect="no will while the connection lives",
    sabotage=message("will-early"),
)
async def not_before(t: Trial) -> None:
    """The client is still there."""
    watcher = await _watch(t, "will-early")
    peer = await t.connect(will=_will(t, "will-early"))
    await peer.barrier()
    await watcher.nothing("PUBLISH")


@case(
    "5:MQTT-3.1.2-8",
    "5:MQTT-3.1.2-7",
    expect="the will comes when the delay is over, not before, and not late",
    sabotage=delay("PUBLISH", 10, ends("will-delay")),
)
async def delayed(t: Trial) -> None:
    """A will delay that is shorter than the session's life."""
    await _delayed(t, "will-delay", delay_s=2 * t.times.unit_s, expiry_s=1000 * t.times.unit_s)


@case(
    "5:MQTT-3.1.2-8",
    "5:MQTT-4.1.0-2",
    expect="the will comes when the session ends",
    sabotage=delay("PUBLISH", 10, ends("will-session")),
)
async def session_ends_before_delay(t: Trial) -> None:
    """A session that ends before the will delay is over."""
    await _delayed(t, "will-session", delay_s=1000 * t.times.unit_s, expiry_s=2 * t.times.unit_s)


async def _delayed(t: Trial, name: str, delay_s: int, expiry_s: int) -> None:
    watcher = await _watch(t, name)
    will = _will(t, name, will_delay_interval=delay_s)
    peer = await t.connect(session=True, session_expiry_interval=expiry_s, will=will)
    cut_at = t.now
    await peer.cut()
    due_s = min(delay_s, expiry_s)
    published = await watcher.expect(
        "PUBLISH", topic=t.topic(name), within_s=due_s + t.times.slack_s
    )
    early_s = cut_at + due_s - published.at
    check(early_s < t.times.early_s, f"the will came {early_s:.2f} s early")


@case(
    "5:MQTT-3.1.2-8",
    expect="each will when its own delay is over",
    sabotage=delay("PUBLISH", 10, ends("will-longer")),
    why="one that is due sooner must not wait for one of a shorter delay that began later",
)
async def delays_are_each_their_own(t: Trial) -> None:
    """A delay of 4 units, and 3.5 units later one of 3 units."""
    unit = t.times.unit_s
    watcher = await t.connect("watcher")
    await watcher.subscribe(t.topic("will-longer"), t.topic("will-shorter"))
    peers = [
        await t.connect(name, session=True, will=_will(t, f"will-{name}", will_delay_interval=s))
        for name, s in (("longer", 4 * unit), ("shorter", 3 * unit))
    ]
    await peers[0].cut()
    began = t.now
    await t.sleep(3.5 * unit)
    await peers[1].cut()
    for name, due_s in (("longer", 4 * unit), ("shorter", 6.5 * unit)):
        within_s = began + due_s + t.times.patience_s - t.now
        will = await watcher.expect("PUBLISH", topic=t.topic(f"will-{name}"), within_s=within_s)
        late_s = will.at - began - due_s
        check(late_s <= t.times.slack_s, f"the {name} one came {late_s:.1f} s late")


@case("5:MQTT-3.1.3-9", expect="no will", sabotage=message("will-back"))
async def returns_in_time(t: Trial) -> None:
    """The client is back in its session before the delay is over."""
    unit = t.times.unit_s
    watcher = await _watch(t, "will-back")
    peer = await t.connect(session=True, will=_will(t, "will-back", will_delay_interval=unit))
    await peer.cut()
    await t.connect(session=True)
    await t.sleep(unit + t.times.slack_s)
    await watcher.nothing("PUBLISH")


@case(
    "MQTT-3.1.2-8",
    expect="the will",
    why="its delay is 0: it does not wait for the end of the session",
    sabotage=drop("PUBLISH", ends("will-session")),
)
async def while_its_session_lives(t: Trial) -> None:
    """The link of a session that outlives it goes down."""
    watcher = await _watch(t, "will-session")
    peer = await t.connect(session=True, will=_will(t, "will-session", qos=1))
    await peer.cut()
    await watcher.expect("PUBLISH", topic=t.topic("will-session"))


@case(
    "MQTT-3.1.2-10",
    expect="the will is published once",
    sabotage=repeat("PUBLISH", ends("will-once")),
)
async def once(t: Trial) -> None:
    """After its publication a will is gone."""
    watcher = await _watch(t, "will-once", qos=0)
    peer = await t.connect(session=True, will=_will(t, "will-once"))
    await peer.cut()
    await watcher.get("PUBLISH", topic=t.topic("will-once"))
    again = await t.connect(session=True)
    await again.cut()
    await watcher.nothing("PUBLISH")


@case("MQTT-3.14.4-3", "MQTT-3.1.2-10", expect="no will", sabotage=message("will-goodbye"))
async def disconnect_removes(t: Trial) -> None:
    """DISCONNECT throws the will away."""
    watcher = await _watch(t, "will-goodbye")
    peer = await t.connect(will=_will(t, "will-goodbye"))
    peer.send("DISCONNECT")
    await t.sleep(t.times.quiet_s)
    await peer.close()
    await watcher.nothing("PUBLISH")


@case(
    "5:MQTT-3.1.2-8", expect="the will is published", sabotage=drop("PUBLISH", ends("will-wanted"))
)
async def disconnect_with_will(t: Trial) -> None:
    """DISCONNECT 0x04 asks for the will."""
    watcher = await _watch(t, "will-wanted")
    peer = await t.connect(will=_will(t, "will-wanted"))
    peer.send("DISCONNECT", reason=4)
    await watcher.expect("PUBLISH", topic=t.topic("will-wanted"))


@case("3:MQTT-3.1.2-12", expect="no will", sabotage=message("will-none"))
async def none_declared(t: Trial) -> None:
    """A connection without a will, of a client that had one before."""
    watcher = await _watch(t, "will-none")
    peer = await t.connect(will=_will(t, "will-none"))
    await peer.disconnect()
    peer = await t.connect()
    await peer.cut()
    await watcher.nothing("PUBLISH")


@case(
    "3:MQTT-3.1.2-16",
    "5:MQTT-3.1.2-14",
    expect="RETAIN 0, and nothing is stored",
    sabotage=change("PUBLISH", ends("will-plain"), retain=True),
)
async def not_retained(t: Trial) -> None:
    """Will Retain 0."""
    options = {"options": 2 | 8} if t.v5 else {}
    watcher = await _watch(t, "will-plain", **options)
    peer = await t.connect(will=_will(t, "will-plain"))
    await peer.cut()
    will = await watcher.get("PUBLISH", topic=t.topic("will-plain"))
    check(not will.retain, "RETAIN 1")
    late = await t.connect("late")
    await late.subscribe(t.topic("will-plain"))
    await late.nothing("PUBLISH")


@case(
    "3:MQTT-3.1.2-17",
    "5:MQTT-3.1.2-15",
    expect="who subscribes later gets it with RETAIN 1",
    sabotage=drop("PUBLISH", lambda p: p.retain and p.topic.endswith(b"/will-kept")),
)
async def retained(t: Trial) -> None:
    """Will Retain 1."""
    t.retained.add(t.topic("will-kept"))
    watcher = await _watch(t, "will-kept")
    peer = await t.connect(will=_will(t, "will-kept", retain=True, qos=1))
    await peer.cut()
    await watcher.get("PUBLISH", topic=t.topic("will-kept"))
    await t.sleep(t.times.quiet_s)  # some pass it on before they keep it
    late = await t.connect("late")
    await late.subscribe(t.topic("will-kept"))
    await late.expect("PUBLISH", topic=t.topic("will-kept"), retain=True)


@case(
    "MQTT-3.1.2-9",
    expect="the will has the QoS that its flags give it",
    sabotage=change("PUBLISH", ends("will-qos"), qos=0),
)
async def quality(t: Trial) -> None:
    """Will QoS 2."""
    watcher = await t.connect("watcher")
    granted = (await watcher.subscribe(t.topic("will-qos"), qos=2, needs=1))[0]
    peer = await t.connect(will=_will(t, "will-qos", qos=2))
    await peer.cut()
    will = await watcher.get("PUBLISH", topic=t.topic("will-qos"))
    check(will.qos == granted, f"QoS {will.qos}, and QoS {granted} was granted")


@case(
    "5:MQTT-3.1.3-10",
    expect="the user properties in the order given",
    sabotage=change("PUBLISH", ends("will-user"), user_property=[("b", "2"), ("a", "1")]),
)
async def user_properties(t: Trial) -> None:
    """A will with user properties."""
    watcher = await _watch(t, "will-user")
    given = [("z", "1"), ("a", "2"), ("z", "3")]
    peer = await t.connect(will=_will(t, "will-user", user_property=given))
    await peer.cut()
    will = await watcher.get("PUBLISH", topic=t.topic("will-user"))
    got = [(n.decode(), v.decode()) for n, v in will.all("user_property")]
    check(got == given, f"user properties {got}")


# Keep alive: silence is a network failure.


@case(
    "3:MQTT-3.1.2-24",
    "5:MQTT-3.1.2-22",
    "5:MQTT-3.2.2-22",
    expect="closed after 1.5 keep alives, or when the server looks the next time",
    why="earlier is legal, too, once the client has let its keep alive pass (3.1.2.10)",
    sabotage=keep_open(),
)
async def keep_alive_closes(t: Trial) -> None:
    """A client that falls silent."""
    peer = await t.connect(keep_alive_s=2 * t.times.unit_s)
    interval_s = _interval(t, peer)
    peer.doom("silent")
    began = t.now
    await peer.dropped(0x8D, within_s=1.5 * interval_s + t.times.sweep_s)
    after_s = peer.ended_at - began
    check(
        after_s > interval_s - t.times.early_s,
        f"closed after {after_s:.2f} s; the keep alive is {interval_s} s",
    )


def _interval(t: Trial, peer: Peer) -> int:
    assert peer.connack
    given = peer.connack.property("server_keep_alive") if t.v5 else None
    interval = 2 * t.times.unit_s if given is None else int(given)
    if interval > 10 * t.times.unit_s:
        not_observable(f"Server Keep Alive {interval} s is longer than a case may wait")
    return interval


@case(
    "3:MQTT-3.1.2-24",
    "5:MQTT-3.1.2-22",
    expect="the will of the silent client is published",
    sabotage=drop("PUBLISH", ends("will-silent")),
)
async def keep_alive_fires_will(t: Trial) -> None:
    """Silence is treated as a network failure."""
    watcher = await _watch(t, "will-silent")
    peer = await t.connect(keep_alive_s=t.times.unit_s, will=_will(t, "will-silent"))
    interval_s = min(_interval(t, peer), 2 * t.times.unit_s)
    await watcher.expect(
        "PUBLISH", topic=t.topic("will-silent"), within_s=1.5 * interval_s + t.times.sweep_s
    )


@case(
    "3:MQTT-3.1.2-24",
    "5:MQTT-3.1.2-22",
    expect="the connection stays",
    why="a client may be ended once it has let its keep alive pass, and need not before 1.5 of it",
    sabotage=only("kept", closes_after("PINGRESP")),
)
async def keep_alive_kept(t: Trial) -> None:
    """Packets that come within the keep alive, over more than 1.5 of it."""
    peer = await t.connect("kept", keep_alive_s=t.times.unit_s)
    for _ in range(3):
        await t.sleep(0.7 * t.times.unit_s)
        await peer.stays()


@case(
    "3:MQTT-3.1.2-24",
    "5:MQTT-3.1.2-22",
    expect="the connection stays",
    sabotage=only("off", closes_after("CONNACK")),
    why="0 turns the mechanism off",
)
async def keep_alive_off(t: Trial) -> None:
    """Keep alive 0."""
    peer = await t.connect("off", keep_alive_s=0)
    await t.sleep(2.5 * t.times.unit_s)
    await peer.stays()
