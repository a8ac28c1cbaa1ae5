"""4.8 Shared subscriptions (5.0)."""

from __future__ import annotations

from mqttlab.conformance import (
    NotTested,
    Peer,
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    message,
)

from .common import invalid_filter

for _name, _ids, _filter in (
    ("share_unnamed", ("5:MQTT-4.8.2-1",), "$share//t"),
    ("share_plus", ("5:MQTT-4.8.2-2",), "$share/a+b/t"),
    ("share_hash", ("5:MQTT-4.8.2-2",), "$share/a#/t"),
    ("share_alone", ("5:MQTT-4.8.2-2",), "$share/group"),
    ("share_empty_filter", ("5:MQTT-4.8.2-2",), "$share/group/"),
):
    invalid_filter(f"shared.{_name}", _ids, _filter, ", since $share marks a share (4.8.2)")


async def _share(t: Trial, name: str, *members: str, qos: int = 2) -> list[Peer]:
    peers = []
    for member in members:
        peer = await t.connect(member, session=True, acks=False)
        await peer.subscribe(f"$share/{t.token}/{t.topic(name)}", qos=qos)
        peers.append(peer)
    return peers


async def _who(t: Trial, peers: list[Peer]) -> Peer:
    """The member that a message came to."""
    found = lambda: next(  # noqa: E731
        (p for p in peers if any(one.type == "PUBLISH" for one in p.inbox)), None
    )
    peer: Peer | None = await t.until(found)
    if peer is None:
        raise NotTested("no member of the share got the message")
    return peer


@case(
    "5:MQTT-4.8.2-1",
    "5:MQTT-4.8.2-2",
    expect="one of two members gets each message",
    sabotage=drop("PUBLISH", ends("shared"), once=True),
)
async def share_delivers_once(t: Trial) -> None:
    """Six messages for a share of two."""
    peers = await _share(t, "shared", "x", "y", qos=0)
    other = await t.connect("p")
    for number in range(6):
        await other.publish(t.topic("shared"), str(number), qos=0)
    for peer in peers:
        await peer.barrier()
    await t.sleep(t.times.quiet_s)
    got = sorted(p.payload for peer in peers for p in peer.inbox if p.type == "PUBLISH")
    check(got == [str(n).encode() for n in range(6)], f"{got}")


@case(
    "5:MQTT-4.8.2-3",
    expect="the QoS that the member was granted",
    sabotage=change("PUBLISH", ends("granted"), qos=2),
)
async def share_keeps_qos(t: Trial) -> None:
    """A QoS 2 message for a member of QoS 1."""
    (peer,) = await _share(t, "granted", "x", qos=1)
    other = await t.connect("p")
    await other.publish(t.topic("granted"), qos=2)
    got = await peer.get("PUBLISH")
    check(got.qos == 1, f"QoS {got.qos}")


@case(
    "5:MQTT-4.8.2-4",
    expect="the member that had begun gets it again",
    sabotage=drop("PUBLISH", lambda p: p.dup and p.topic.endswith(b"/half")),
)
async def share_finishes_with_member(t: Trial) -> None:
    """A QoS 2 delivery whose member loses its link, and returns."""
    peers = await _share(t, "half", "x", "y")
    other = await t.connect("p")
    await other.publish(t.topic("half"), qos=2)
    peer = await _who(t, peers)
    await peer.cut()
    back = await t.connect(peer.name, session=True)
    await back.expect("PUBLISH", topic=t.topic("half"))
    rest = next(one for one in peers if one is not peer)
    await rest.nothing("PUBLISH")


@case("5:MQTT-4.8.2-5", expect="nobody else gets it", sabotage=message("lost"))
async def share_drops_with_session(t: Trial) -> None:
    """A QoS 2 delivery whose member ends its session."""
    peers = await _share(t, "lost", "x", "y")
    other = await t.connect("p")
    await other.publish(t.topic("lost"), qos=2)
    peer = await _who(t, peers)
    await peer.cut()
    await t.connect(peer.name, clean=True)
    rest = next(one for one in peers if one is not peer)
    await rest.nothing("PUBLISH")


@case("5:MQTT-4.8.2-6", expect="nobody else gets it", sabotage=message("refused-by"))
async def share_does_not_try_others(t: Trial) -> None:
    """A member that answers PUBREC 0x80."""
    peers = await _share(t, "refused-by", "x", "y")
    other = await t.connect("p")
    await other.publish(t.topic("refused-by"), qos=2)
    peer = await _who(t, peers)
    got = await peer.get("PUBLISH")
    peer.send("PUBREC", packet_id=got.packet_id, reason=0x80)
    await peer.barrier()
    rest = next(one for one in peers if one is not peer)
    await rest.nothing("PUBLISH")
    await peer.nothing("PUBLISH")
