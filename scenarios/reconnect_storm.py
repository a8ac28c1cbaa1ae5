"""Claim: clients that are thrown off wait longer and longer before they try again, never cease to
try, and are all back when they are let in.

A broker that has no room accepts and closes at once for five minutes; two devices share one client
id and throw each other off, while others lose each connection as soon as they have their CONNACK;
and the broker crashes, and a thousand clients lose it together.
"""

from __future__ import annotations

import asyncio

import numpy as np

import mqttlab
from mqttlab import Device, Duration, Lab
from mqttlab.faults import Arrived, Cut
from mqttlab.scenarios.support import V5, Raw, Seen
from mqttlab.trace import End, Kind, Packet

BUGS = ["B100 back-off is reset or skipped although the connection did not last"]
LATE = 10  # clients that find no room
BRIEF = 4  # clients whose connections do not last
INITIAL_S, MOST_S, JITTER = 1.0, 60.0, 0.5  # of the back-off that clients have unless told


@mqttlab.scenario(number="S26", bugs=BUGS, until="1h")
async def reconnect_storm(
    lab: Lab, *, crowd: int = 1000, shut: Duration = Duration("5min")
) -> None:
    """Clients closed at once, thrown off by a twin, or lost by the thousand back off and return.

    crowd: clients that lose the broker together.
    shut: how long the broker has no room, and how long the twins fight.
    """
    broker = await lab.broker(max_connections=crowd + LATE + BRIEF + 2, store="disk")
    many = lab.devices(crowd, name="one-{:04d}", via="lte")
    late = lab.devices(LATE, name="late-{}", via="lte")
    twins = lab.devices(2, name="twin-{}", via="lte")
    brief = lab.devices(BRIEF, name="brief-{}", via="lte")
    pulse = {**V5, "keep_alive_s": 30, "clean_session": False}
    lab.fleet(many, name="crowd", interval="5min", start_within="30s", **pulse)
    await asyncio.sleep(45)
    lab.phase("no room")
    holder = lab.device("holder")
    places = await holder.run(hold_places(LATE + BRIEF + 2))
    start = lab.now()
    lab.fleet(late, name="late", interval="5min", start_within="1s", **pulse)
    await asyncio.sleep(shut)
    let_in = lab.now()
    for place in places:
        place.close()
    await asyncio.sleep(MOST_S + 30)
    expect_back_off(lab, late, start, let_in, "closed at once")
    lab.phase("twins")
    start = lab.now()
    dropping = [asyncio.create_task(drop_at_once(lab, one)) for one in brief]
    lab.fleet(brief, name="brief", interval="5min", start_within="1s", **pulse)
    async with twins[0].client(client_id="twin", **pulse):
        async with twins[1].client(client_id="twin", **pulse):
            await asyncio.sleep(shut)
        expect_back_off(lab, twins, start, lab.now(), "thrown off by a twin")
        expect_back_off(lab, brief, start, lab.now(), "cut off behind its CONNACK")
        for one in dropping:
            one.cancel()
        lab.phase("all at once")
        down = lab.now()
        broker.crash()
        await asyncio.sleep(2 * 60)
        broker.restart()
        again = lab.now()
        lab.settle()
        await asyncio.sleep(4 * 60)
        seen = Seen(lab)
        span = {"end": End.CLIENT, "since": down, "before": down + 1}
        lost = sum(seen.count(Kind.CLOSED, on=one, **span) == 1 for one in many)
        lab.expect("clients of the crowd that lost the broker within a second", lost, crowd)
        back = [seen.rows(Kind.ARRIVED, Packet.CONNACK, on=one, since=again) for one in many]
        lab.expect("clients of the crowd that are back", sum(len(one) > 0 for one in back), crowd)
        at = np.array([one[0]["at"] / 1e9 - again for one in back if len(one)])
        lab.expect("the last of them after, s", round(float(at.max(initial=0)), 1), most=2 * MOST_S)
        busiest = int(np.unique(np.floor(at), return_counts=True)[1].max(initial=0))
        lab.expect("of them in the busiest second", busiest)
    lab.expect.observed("ONE-CONN", "TAKEOVER-TERM", "KA-ENFORCE", "BACKOFF", "CONVERGE")


async def hold_places(count: int) -> list[Raw]:
    """Connections that do nothing but take the broker's room."""
    places = [await Raw.open(5) for _ in range(count)]
    for number, place in enumerate(places):
        await place.connect(client_id=f"holder-{number}")
    return places


async def drop_at_once(lab: Lab, device: Device) -> None:
    """Each connection that is accepted ends when its client has heard so."""
    while True:
        await lab.at(Arrived("CONNACK"), Cut("reset"), on=device)


def expect_back_off(
    lab: Lab, devices: list[Device], since: float, before: float, what: str
) -> None:
    """Each wait is at least what it has doubled to, and they do not cease to try."""
    seen = Seen(lab)
    tries, short, longest = [], 0, 0.0
    for device in devices:
        span = {"on": device, "end": End.CLIENT, "since": since, "before": before}
        opened, closed = seen.rows(Kind.OPENED, **span)["at"], seen.rows(Kind.CLOSED, **span)["at"]
        tries.append(len(opened))
        waits = (opened[1:] - closed[: len(opened) - 1]) / 1e9
        doubled = np.minimum(INITIAL_S * 2.0 ** np.arange(len(waits)), MOST_S) * (1 - JITTER)
        short += int((waits < doubled).sum())
        longest = max(longest, float(waits.max(initial=0)))
    lab.expect(f"fewest attempts of a client that was {what}", min(tries), least=3)
    lab.expect("most attempts", max(tries), most=15 + 2 * (before - since) / MOST_S)
    lab.expect("waits shorter than back-off allows", short, 0)
    lab.expect("longest wait, s", round(longest, 1), most=MOST_S + 1)
