"""Claim: a reader that is slow or away costs the broker a bounded queue; what does not fit, or has
expired, is dropped and said to be; the rest arrives when the reader does. Takeovers leave nothing.

One reader acknowledges a tenth of what is published. One is away for days while messages with an
hour to live are published. One client id is taken over a thousand times, with a will each.
"""

from __future__ import annotations

import asyncio

import mqttlab
from mqttlab import Broker, Device, Duration, Lab
from mqttlab.scenarios.support import V5, Raw, Seen
from mqttlab.trace import DropReason, Kind

QUEUE = 500  # messages that wait for one session
IN_FLIGHT = 1  # Receive Maximum of the slow reader
PUBLISH_BYTES = 40  # of one, at most, without fixed header and packet id
SECONDS = 100  # of ten messages each for the slow reader
HOUR_S = 3600
SAME = (
    "connections", "sessions", "subscriptions", "retained", "queued_messages", "in_flight",
    "session_bytes", "pending_wills",
)  # fmt: skip
BUGS = ["B97 will or session data is not freed on takeover"]


@mqttlab.scenario(number="S20", bugs=BUGS, until="10d")
async def slow_consumer(
    lab: Lab, *, away: Duration = Duration("3d"), takeovers: int = 1000
) -> None:
    """A reader at a tenth of the rate, one away for days, 1000 takeovers: memory stays bounded.

    away: how long the second reader is.
    takeovers: of one client id, each with a will.
    """
    broker = await lab.broker(queue_messages=QUEUE)
    slow, absent, busy = (lab.device(name) for name in ("slow", "absent", "busy"))
    far = lab.device("far", via=lab.link(name="far", delay="500ms"))
    await serve_slowly(lab, broker, slow, far)
    await serve_absent(lab, broker, slow, absent, away)
    await asyncio.sleep(5)
    before = broker.gauges()
    await busy.run(take_over(lab, broker, busy, takeovers))
    after = broker.gauges()
    lab.expect("gauges that takeovers have moved", sum(before[k] != after[k] for k in SAME), 0)
    lab.settle("10s")
    await asyncio.sleep(15)
    lab.expect.observed("Q1-NOLOSS", "EXPIRY", "TAKEOVER-TERM", "ONE-CONN", "SESS-QUEUE")
    lab.expect.observed("BOUNDED", "LEAK")


async def serve_slowly(lab: Lab, broker: Broker, device: Device, far: Device) -> None:
    """Ten messages a second for a reader that takes one."""
    options = {**V5, "clean_session": False, "receive_maximum": IN_FLIGHT}
    async with device.client(**V5) as writer, far.client(**options, drain=True) as reader:
        await reader.subscribe("fast", qos=1)
        most = most_bytes = 0
        for _ in range(SECONDS):
            for _ in range(10):
                await writer.publish("fast", lab.stamp(), qos=1)
            await asyncio.sleep(1)
            gauges = broker.gauges()
            most = max(most, gauges["queued_messages"])
            most_bytes = max(most_bytes, gauges["session_bytes"])
        lab.expect("most messages that waited", most, most=QUEUE)
        room = (QUEUE + IN_FLIGHT) * PUBLISH_BYTES
        lab.expect("most bytes that sessions held", most_bytes, least=1, most=room)
        await asyncio.sleep(1.1 * QUEUE)
        got, dropped = len(Seen(lab).delivered(far)), drops(lab, DropReason.QUEUE_FULL)
        lab.expect("of these dropped for a full queue, and said so", dropped, least=1)
        lab.expect("published at ten times the reader's rate", got + dropped, 10 * SECONDS)
        lab.expect("still waiting", broker.gauges()["queued_messages"], 0)
        lab.expect("bytes that sessions still hold", broker.gauges()["session_bytes"], 0)


async def serve_absent(
    lab: Lab, broker: Broker, device: Device, absent: Device, away: Duration
) -> None:
    """A message every ten minutes, good for an hour, for a reader that is away for days."""
    options = {**V5, "clean_session": False}
    async with absent.client(**options) as reader:
        await reader.subscribe("news", qos=1)
    published = most = most_bytes = 0
    async with device.client(**V5, client_id="news") as writer:
        end = lab.now() + away
        while lab.now() < end:
            await writer.publish("news", lab.stamp(), qos=1, expiry="1h")
            published += 1
            gauges = broker.gauges()
            most = max(most, gauges["queued_messages"])
            most_bytes = max(most_bytes, gauges["session_bytes"])
            await asyncio.sleep(600)
    # Expired ones go when their turn comes or their room is wanted: the queue's limit is the bound.
    room = min(QUEUE, published)
    lab.expect("most messages that waited for the one away", most, least=1, most=room)
    lab.expect("most bytes of these", most_bytes, least=1, most=room * PUBLISH_BYTES)
    async with absent.client(**options, drain=True):
        await asyncio.sleep(30)
    got, dropped = len(Seen(lab).delivered(absent)), drops(lab, DropReason.EXPIRED)
    lab.expect("published while the reader was away", got + dropped, published)
    lab.expect("of these still good at its return", got, least=1, most=HOUR_S // 600)


def drops(lab: Lab, reason: DropReason) -> int:
    """Messages that the broker says it has dropped for this reason."""
    return int((Seen(lab).rows(Kind.DROPPED)["code"] == reason).sum())


async def take_over(lab: Lab, broker: Broker, device: Device, times: int) -> None:
    """Connects under one client id again and again, with a will that waits for an hour.

    The last one goes without DISCONNECT, and comes back once more.
    """
    waited = 0
    for _ in range(times):
        peer = await come_back(lab, device)
        waited = max(waited, broker.gauges()["pending_wills"])
    lab.expect("wills that wait though their client is there", waited, 0)
    peer.close()
    await asyncio.sleep(1)
    lab.expect("wills of clients that are gone", broker.gauges()["pending_wills"], 1)
    peer = await come_back(lab, device)
    peer.send("DISCONNECT", session_expiry_interval=0)
    peer.close()
    await asyncio.sleep(1)


async def come_back(lab: Lab, device: Device) -> Raw:
    """A connection that takes the last one over, with a will of its own."""
    peer = await Raw.open(5)
    will = {"topic": "will/busy", "payload": lab.stamp(), "qos": 1, "will_delay_interval": HOUR_S}
    await peer.connect(
        client_id=device.name, clean=False, session_expiry_interval=2 * HOUR_S, will=will
    )
    return peer
