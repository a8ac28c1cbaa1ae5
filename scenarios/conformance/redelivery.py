"""4.4 Message delivery again."""

from __future__ import annotations

from mqttlab.conformance import (
    Trial,
    case,
    check,
    drop,
    ends,
    message,
    repeat,
)

from .common import at_once, next_link, receiver


@case(
    "MQTT-4.4.0-1",
    expect="both, under their identifiers, in their order",
    sabotage=drop("PUBLISH", lambda p: p.dup and p.qos == 2 and p.topic.endswith(b"/resend")),
)
async def resends(t: Trial) -> None:
    """QoS 1 and 2 in flight when the link goes down."""
    peer, other = await receiver(t, "resend", qos=2)
    await other.publish(t.topic("resend"), b"1", qos=1)
    await other.publish(t.topic("resend"), b"2", qos=2)
    sent = [one.packet_id for one in await at_once(peer, 2)]
    peer = await next_link(t, peer)
    got = [(await peer.expect("PUBLISH")).packet_id for _ in range(2)]
    check(sorted(got) == sorted(sent), f"identifiers {got}, not {sent}")


@case(
    "5:MQTT-4.4.0-1",
    expect="nothing is sent again on the same connection",
    sabotage=repeat("PUBLISH", ends("patient")),
)
async def resends_at_no_other_time(t: Trial) -> None:
    """A message that is not acknowledged, and a connection that stays."""
    peer, other = await receiver(t, "patient", qos=1)
    await other.publish(t.topic("patient"))
    await peer.get("PUBLISH")
    await t.sleep(2 * t.times.unit_s)
    await peer.nothing("PUBLISH")


def _failed(name: str, qos: int, answer: str) -> None:
    @case(
        "5:MQTT-4.4.0-2",
        name=f"redelivery.failed_{answer.lower()}_settles",
        expect="it does not come again",
        sabotage=message(f"{name}-b"),
    )
    async def run(t: Trial) -> None:
        peer, other = await receiver(t, name, qos=qos)
        await other.publish(t.topic(name), qos=qos)
        got = await peer.get("PUBLISH")
        peer.send(answer, packet_id=got.packet_id, reason=0x83)
        await peer.barrier()
        peer = await next_link(t, peer)
        await peer.subscribe(t.topic(f"{name}-b"))
        await peer.nothing("PUBLISH")


_failed("settled-1", 1, "PUBACK")
_failed("settled-2", 2, "PUBREC")
