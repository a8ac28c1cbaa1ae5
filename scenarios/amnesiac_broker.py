"""Claim: a broker that comes back without its sessions is noticed. Clients see "session present 0",
drop what belonged to the old session, subscribe again and go on.

Clients of both versions publish to each other at QoS 1 and 2; one is offline, with messages waiting
for it and messages of its own. The broker crashes and loses everything, several times: after a
while, and again when the new sessions have not come far, between a PUBREC and its PUBREL.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import mqttlab
from mqttlab import Backoff, Client, Device, Lab, PublishError
from mqttlab.faults import Before, Crash
from mqttlab.scenarios.support import Seen, clients, spoken

BUGS = [
    "B16 a QoS 2 stage is carried into a new session",
    "B37 a parked publish survives the session and blocks the client",
    "B45 no resubscribe when the broker reports session present 0",
    "B48 session state is kept although the broker has none",
]
SOON = Backoff(initial="1s", maximum="5s")
EARLY = Before("PUBREL", n=10, way="down")  # its id comes again soon in the next session


@mqttlab.scenario(number="S07", bugs=BUGS, until="1h")
async def amnesiac_broker(lab: Lab, *, crashes: int = 5, version: str = "both") -> None:
    """The broker restarts without its sessions: clients notice, resubscribe and go on.

    crashes: pairs of them, each of which loses everything.
    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    broker = await lab.broker(window=4)
    kinds = [(how, qos) for how in speaks for qos in (1, 2)] * 2
    phones = lab.devices(len(kinds), name="talker-{}", via="umts")
    options = [
        {**how, "clean_session": False, "keep_alive_s": 10, "backoff": SOON, "window": 2}
        for how, _ in kinds
    ]
    async with clients(phones, options) as talkers:
        for talker, (_, qos) in zip(talkers, kinds, strict=True):
            await talker.subscribe(f"to/{talker.client_id}", qos=qos)
        open_, waiting, early, forgotten = 0, 0, 0, 0
        for turn in range(crashes):
            talking = [  # to another one of the same QoS
                asyncio.create_task(talk(lab, talker, talkers[number - 2].client_id, qos))
                for number, (talker, (_, qos)) in enumerate(zip(talkers, kinds, strict=True))
            ]
            async with lab.outage(phones[turn % len(phones)]):
                await asyncio.sleep(20 + turn / 13)
                gauges = broker.gauges()
                open_ += gauges["in_flight"]
                waiting += gauges["queued_messages"]
                await broker.crash("lost")
                await asyncio.sleep(5)
                await broker.restart()
            reader = phones[(2 * turn + 1) % len(phones)]  # at QoS 2
            with suppress(TimeoutError):
                early += await asyncio.wait_for(crash_early(lab, reader), 30)
            await asyncio.sleep(35)
            for one in talking:
                one.cancel()
            forgotten += sum(not talker.session_present for talker in talkers)
        lab.expect("exchanges open at the broker when it crashed", open_, least=crashes)
        lab.expect("messages that it had queued", waiting, least=1)
        lab.expect("crashes between a PUBREC and its PUBREL", early, crashes)
        lab.expect("sessions that clients found gone", forgotten, crashes * len(talkers))
        lab.settle("30s")
        await asyncio.sleep(20)
        await expect_contact(lab, talkers, [qos for _, qos in kinds])
        await asyncio.sleep(20)
    lab.expect.observed("SP-TRUTH", "SESS-DISCARD", "SUB-DURABLE", "PID-UNIQUE", "CONVERGE")


async def crash_early(lab: Lab, reader: Device) -> bool:
    """The broker's sessions are lost for 5 s when one of them has not come far."""
    await lab.at(EARLY, Crash("lost"), on=reader, for_="5s")
    return True


async def talk(lab: Lab, talker: Client, to: str, qos: int) -> None:
    """Publishes as fast as its window lets it."""
    while True:
        with suppress(PublishError):  # of a session that has ended
            await talker.publish(f"to/{to}", lab.stamp(), qos=qos)
        await asyncio.sleep(0.05)


async def expect_contact(lab: Lab, talkers: list[Client], levels: list[int]) -> None:
    """Everybody is subscribed again: a message to each arrives."""
    start = lab.now()
    for talker, qos in zip(talkers, levels, strict=True):
        await talkers[0].publish(f"to/{talker.client_id}", lab.stamp(), qos=qos)
    await asyncio.sleep(5)
    got = [len(Seen(lab).delivered(talker.device, since=start)) for talker in talkers]
    lab.expect("clients that can be reached again", sum(map(bool, got)), len(talkers))
