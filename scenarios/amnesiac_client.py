"""Claim: a client that has forgotten everything can come back to its session. The broker's PUBREL
for a message that it does not know is answered, the exchange ends, and the next message comes.

Subscribers lose their power between their PUBREC and the broker's PUBREL. Others of the same client
id come in their place, without their memory, and go on with the session.
"""

from __future__ import annotations

import asyncio

import mqttlab
from mqttlab import Lab
from mqttlab.faults import Arrived, Before, Cut, Instant, Unread
from mqttlab.scenarios.support import Seen, clients, spoken
from mqttlab.trace import End, Kind, Packet

BUGS = ["B15 a PUBREL with an unknown packet id is not answered"]


def instants() -> list[Instant]:
    """Between a PUBREC that the broker has taken, and a PUBREL that its client has."""
    return [Arrived("PUBREC", way="up"), Before("PUBREL", way="down"), Unread("PUBREL", way="down")]


@mqttlab.scenario(number="S04", bugs=BUGS, until="10min")
async def amnesiac_client(lab: Lab, *, repeats: int = 4, version: str = "both") -> None:
    """A client dies between PUBREC and PUBREL and returns without memory: its exchange ends.

    repeats: of each case.
    version: of MQTT: 3.1.1, 5 or both.
    """
    await lab.broker()
    cases = [(how, when) for how in spoken(version) for when in instants() for _ in range(repeats)]
    wire = lab.link(name="wire", rate="10Mbit/s", delay="20ms")
    first = lab.devices(len(cases), name="first-{:02d}", via=wire)
    second = lab.devices(len(cases), name="second-{:02d}", via=wire)
    own = [
        {**how, "client_id": f"one-{number:02d}", "clean_session": False, "drain": True}
        for number, (how, _) in enumerate(cases)
    ]
    async with lab.device("desk").client(window=65_535) as writer:

        async def publish() -> None:
            async with asyncio.TaskGroup() as calls:
                for one in own:
                    topic = f"to/{one['client_id']}"
                    calls.create_task(writer.publish(topic, lab.stamp(), qos=2))

        async with clients(first, own) as forgetful:
            for client in forgetful:
                await client.subscribe(f"to/{client.client_id}", qos=2)
            planned = [
                lab.at(when, Cut("silent"), on=device)
                for device, (_, when) in zip(first, cases, strict=True)
            ]
            await publish()
            await asyncio.sleep(1)
            for device in first:
                device.die("silent")
        hit = sum(len(one.times) for one in planned)
        lab.expect("clients that died between PUBREC and PUBREL", hit, len(cases))
        back = lab.now()
        async with clients(second, own) as again:
            lab.expect("sessions that go on", sum(c.session_present for c in again), len(cases))
            lab.settle("30s")
            await publish()
            await asyncio.sleep(40)
            expect_ends(lab, Seen(lab), [*zip(first, second, strict=True)], back)
    lab.expect.observed("Q2-TOTAL", "Q2-RESUME", "Q2-ONCE", "PID-RELEASE", "CONVERGE")


def expect_ends(
    lab: Lab, seen: Seen, pairs: list[tuple[mqttlab.Device, mqttlab.Device]], back: float
) -> None:
    """Each unknown PUBREL was answered; each message came once at most, the second one did."""
    answered, most, came = 0, 0, 0
    for first, second in pairs:
        rel = seen.rows(Kind.ARRIVED, Packet.PUBREL, on=second, end=End.CLIENT, since=back)
        comp = seen.rows(Kind.ARRIVED, Packet.PUBCOMP, on=second, end=End.BROKER, since=back)
        answered += bool(len(rel)) and rel[0]["packet_id"] in comp["packet_id"]
        got = [*seen.delivered(first).tolist(), *seen.delivered(second).tolist()]
        most = max([most, *(got.count(one) for one in got)])
        came += len(seen.delivered(second)) == 1
    lab.expect("PUBREL of forgotten messages that were answered", answered, len(pairs))
    lab.expect("deliveries of one message, at most", most, 1)
    lab.expect("clients that got the next message", came, len(pairs))
