"""Claim: a link that goes dark without a word costs nothing but time. Both ends notice within the
bounds of the keep alive, to the millisecond, the will goes out, and what was published meanwhile
arrives after the return.

Devices drive through tunnels of 0.5, 1.2, 1.6 and 10 keep alives: no FIN, no RST, both ways dark.
Half of them come out of theirs with another address: a NAT has forgotten them.
Some of them come back under a new random client id. If they are back before the broker has missed
the old connection, its will overwrites their retained "online", and they stay shown as gone while
they are connected. No broker can help that; the same client id can.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import mqttlab
from mqttlab import ConnectionLostError, Device, Lab, PublishError, Will
from mqttlab.scenarios.support import Seen, clients, spoken
from mqttlab.trace import CloseCause, End, Kind

TUNNELS = (0.5, 1.2, 1.6, 10.0)  # keep alives
GIVES_UP = 1.1  # keep alives until a client does
BUGS = [
    "B63 the old connection's will overwrites the birth message of the new one",
    "B69 a missing PINGRESP is never acted on",
]


@mqttlab.scenario(number="S05", bugs=BUGS, until="1h")
async def tunnel(lab: Lab, *, keep_alive_s: int = 20, version: str = "both") -> None:
    """A link goes dark without FIN or RST: both ends notice in time, and nothing is lost.

    keep_alive_s: of the devices; PINGRESP may take a tenth of it.
    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    await lab.broker()
    desk = lab.device("desk")
    tunnels = [
        (length, how, rebinds) for length in TUNNELS for how in speaks for rebinds in (False, True)
    ]
    cars = lab.devices(len(tunnels), name="car-{}", via="lte")
    guises = lab.devices(len(tunnels), name="guise-{}", via="lte")
    patience_s = (GIVES_UP - 1) * keep_alive_s
    pulse = {"keep_alive_s": keep_alive_s, "ping_timeout": patience_s}

    def own(device: Device, how: dict[str, object]) -> dict[str, object]:
        return {**how, **pulse, "will": Will(f"status/{device.name}", "gone", 1, retain=True)}

    persistent = [
        {**own(car, how), "clean_session": False}
        for car, (_, how, _) in zip(cars, tunnels, strict=True)
    ]
    async with desk.client(drain=True) as writer, clients(cars, persistent) as readers:
        await writer.subscribe("status/+", qos=1)
        for reader in readers:
            await reader.subscribe(f"to/{reader.client_id}", qos=1)
        driving = [
            asyncio.create_task(change_guise(lab, guise, own(guise, how), keep_alive_s / 20))
            for guise, (_, how, _) in zip(guises, tunnels, strict=True)
        ]
        news = asyncio.create_task(publish_news(lab, writer, cars, keep_alive_s / 4))
        await asyncio.sleep(2 * keep_alive_s)
        start = lab.now()
        async with asyncio.TaskGroup() as roads:
            for car, guise, (length, _, rebinds) in zip(cars, guises, tunnels, strict=True):
                way = drive_through(lab, [car, guise], length * keep_alive_s, rebinds)
                roads.create_task(way)
        news.cancel()
        lab.settle()
        await asyncio.sleep(10 * keep_alive_s)
        status = await retained(lab)
        expect_notice(
            lab, [(car, n, r) for car, (n, _, r) in zip(cars, tunnels, strict=True)], pulse, start
        )
        wrong = {name for name, value in status.items() if value == "gone" and "guise" in name}
        early = {
            guise.name
            for guise, (length, _, rebinds) in zip(guises, tunnels, strict=True)
            if length < 1.5 and (rebinds or length > GIVES_UP)
        }
        lab.expect("shown as gone while connected, for want of one client id", len(wrong))
        lab.expect("of these, back before the broker missed them", len(wrong & early), len(early))
        # One more if the answer to a CONNECT was lost as its tunnel ended.
        late = {guise.name for guise in guises if is_missed_late(lab, guise)}
        lab.expect(
            "not of these, or no old connection missed since",
            len(wrong ^ late),
            0,
        )
        for one in driving:
            one.cancel()


async def drive_through(lab: Lab, devices: list[Device], seconds: float, rebinds: bool) -> None:
    """Dark, both ways, for so long; then perhaps with another address."""
    async with lab.outage(devices):
        await asyncio.sleep(seconds)
        if rebinds:
            lab.rebind(devices)


async def publish_news(
    lab: Lab, writer: mqttlab.Client, cars: list[Device], interval: float
) -> None:
    """To each car, all the time."""
    while True:
        for car in cars:
            await writer.publish(f"to/{car.name}", lab.stamp(), qos=1)
        await asyncio.sleep(interval)


async def change_guise(
    lab: Lab, device: Device, options: dict[str, object], interval: float
) -> None:
    """An application that makes up a client id for every connection, and says "online" first."""
    while True:
        client_id = f"{device.name}-{lab.random.randrange(10**6):06d}"
        with suppress(ConnectionLostError, PublishError):
            once = {"reconnect": False, "connect_timeout": "2s"}
            async with device.client(client_id=client_id, **once, **options) as client:
                await client.publish(f"status/{device.name}", "online", qos=1, retain=True)
                while True:
                    await client.publish(f"beat/{device.name}", lab.stamp(), qos=1)
                    await asyncio.sleep(interval)
        await asyncio.sleep(1)


def is_missed_late(lab: Lab, guise: Device) -> bool:
    """Whether the broker gave up a connection of its after its last word that it is online."""
    seen = Seen(lab)
    missed = seen.rows(Kind.CLOSED, on=guise, end=End.BROKER, cause=CloseCause.LOCAL)["at"]
    born = seen.rows(Kind.WRITTEN, on=guise, end=End.CLIENT, text=f"status/{guise.name}")["at"]
    return bool(missed.max(initial=0) > born.max(initial=0))


async def retained(lab: Lab) -> dict[str, str]:
    """What the broker has retained on status/+, by device."""
    async with lab.device("audit").client() as audit:
        await audit.subscribe("status/+", qos=1)
        await asyncio.sleep(2)
        found = [await anext(audit.messages) for _ in range(len(audit.messages))]
    return {one.topic.partition("/")[2]: one.payload.decode() for one in found}


def expect_notice(
    lab: Lab, cars: list[tuple[Device, float, bool]], pulse: dict[str, float], start: float
) -> None:
    """Who has to notice, how soon, and that what was published meanwhile came."""
    seen = Seen(lab)
    keep_alive_s, patience_s = pulse["keep_alive_s"], pulse["ping_timeout"]
    noticed = [seen.silences(End.CLIENT, on=car, since=start) for car, *_ in cars]
    missed = [seen.silences(End.BROKER, on=car, since=start) for car, *_ in cars]
    long_ = sum(length > GIVES_UP for _, length, _ in cars)
    # A connection that its NAT has forgotten stands until it is taken over.
    longer = sum(length > 1.5 or rebinds for _, length, rebinds in cars)
    lab.expect("tunnels in which the client gave up", sum(map(bool, noticed)), long_)
    # Of one whose client is back in time, TCP's next repeat may tell the broker before.
    either = sum(GIVES_UP < length <= 1.5 and not rebinds for _, length, rebinds in cars)
    ended = sum(map(bool, missed))
    lab.expect(
        "old connections that the broker ended itself", ended, least=longer, most=longer + either
    )
    client_s = max((max(one, default=0) for one in noticed), default=0)
    broker_s = max((max(one, default=0) for one in missed), default=0)
    lab.expect("client gave up, s", client_s, keep_alive_s + patience_s)
    lab.expect("broker gave up, s", broker_s, 1.5 * keep_alive_s)
    strange = sum(rebinds and length < GIVES_UP for _, length, rebinds in cars)
    resets = [
        seen.count(Kind.CLOSED, on=car, end=End.CLIENT, cause=CloseCause.RESET, since=start)
        for car, *_ in cars
    ]
    lab.expect(
        "clients that learn by a reset that their NAT has forgotten them", sum(resets), strange
    )
    lab.expect(
        "sessions resumed", sum(seen.resumed(car) for car, *_ in cars), least=long_ + strange
    )
    lab.expect.observed("Q1-NOLOSS", "WILL-IFF", "KA-DETECT", "KA-ENFORCE", "CONVERGE")
