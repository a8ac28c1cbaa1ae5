"""Claim: on bad links MQTT keeps its promises. QoS 1 loses nothing, QoS 2 delivers exactly once,
every due will goes out once, and QoS 0 loses messages only where a link or a process broke.

Devices publish stamped readings over three bad links to two desks. Links come and go, some devices
die, the desks lose their own links now and then. Then the faults end, and everything converges.

Each device publishes at one QoS level, so that what a level cost on the publishers' links is an
exact count and not an estimate.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import mqttlab
from mqttlab import Device, Duration, Lab, Link, Will
from mqttlab.scenarios.support import check

READINGS = "site/{name}/reading"
STATUS = "site/{name}/status"
PULSE = {"keep_alive_s": 20, "ping_timeout": "5s"}  # a dead link is noticed within 25 s
V3 = {"version": "3.1.1"}
V5 = {"version": "5", "send_topic_alias_maximum": 2}
VERSIONS = {"3.1.1": [V3], "5": [V5], "mixed": [V3, V5]}
CARRIERS = ("tcp", "tls", "ws", "wss")
TRANSPORTS = {**{name: (name,) for name in CARRIERS}, "mixed": CARRIERS}


@mqttlab.scenario(until="20min")
async def field_trial(
    lab: Lab,
    *,
    devices: int = 200,
    trace: Path | None = None,
    faults: Duration = Duration("10min"),
    settle: Duration = Duration("3min"),
    interval: Duration = Duration("15s"),
    deaths: float = 0.15,
    version: str = "3.1.1",
    transport: str = "tcp",
) -> None:
    """Devices on a lossy, a slow and an intermittent link, publishing at QoS 0, 1 and 2.

    devices: how many publish, a third of them on each link.
    trace: a mahimahi recording (FILE.up) in place of the intermittent link's cycles; the matching
        .down beside it is used if there is one.
    faults, settle: how long things break, and how long they may take to converge afterwards.
    interval: between two readings of a device.
    deaths: share of the devices that die without DISCONNECT during the faults.
    version: of MQTT, 3.1.1 or 5; or mixed: half of the clients speak either.
    transport: tcp, tls, ws or wss; or mixed: a quarter of the clients use each.
    """
    check("devices", devices >= 3, f"must be 3 or more, one for each link, got {devices}")
    check("deaths", 0 <= deaths <= 1, f"must be a share from 0 to 1, got {deaths}")
    for parameter, value, known in (
        ("version", version, VERSIONS),
        ("transport", transport, TRANSPORTS),
    ):
        check(parameter, value in known, f"must be {' or '.join(known)}, got {value!r}")
    check("interval", interval > 0, "must be over 0, got 0; 15s is the default")

    # What waits for the absent desk must fit: a full queue would excuse a loss.
    await lab.broker("broker", queue_messages=100_000, queue_bytes="64MiB")
    speaks = [
        {**spoken, "transport": carrier}
        for carrier in TRANSPORTS[transport]
        for spoken in VERSIONS[version]
    ]
    office = lab.link("wifi", name="office")
    desk, wall, audit = (lab.device(name, via=office) for name in ("desk", "wall", "audit"))
    meters = [
        meter
        for index, link in enumerate(bad_links(lab, trace))
        for meter in lab.devices((devices + 2 - index) // 3, link.name + "-{:03d}", via=link)
    ]
    async with (
        desk.client(clean_session=False, drain=True, **speaks[0], **PULSE) as archive,
        wall.client(clean_session=True, drain=True, **speaks[-1], **PULSE) as display,
    ):
        await archive.subscribe("site/#", qos=2)
        await display.subscribe("site/#", qos=2)
        publish_readings(lab, meters, speaks, interval, stop_at=lab.now() + faults)
        with suppress(TimeoutError):
            async with asyncio.timeout(faults), asyncio.TaskGroup() as unrest:
                unrest.create_task(lose_link_now_and_then(lab, desk))
                unrest.create_task(lose_link_now_and_then(lab, wall))
                unrest.create_task(let_some_die(lab, meters, deaths, faults))
        lab.settle()
        await asyncio.sleep(settle)
        # A fresh client sees what the broker has retained.
        async with audit.client(drain=True, **speaks[0]) as fresh:
            await fresh.subscribe("site/+/status", qos=1)
            await asyncio.sleep(10)


def bad_links(lab: Lab, trace: Path | None) -> list[Link]:
    """The three links that the devices share out."""
    bursts = mqttlab.Burst(good_to_bad=0.002, bad_to_good=0.2, loss_bad=0.5)
    lossy = lab.link("lte", name="lossy", loss="2%", burst=bursts)
    slow = lab.link("gprs", name="slow")
    if trace is None:
        on_and_off = mqttlab.Cycle(up="90s", down="20s")
        return [lossy, slow, lab.link("umts", name="intermittent", cycle=on_and_off)]
    back = trace.with_suffix(".down")
    down = {"trace": back if back.exists() else trace}
    return [lossy, slow, lab.link("umts", name="recorded", up={"trace": trace}, down=down)]


def publish_readings(
    lab: Lab,
    meters: list[Device],
    speaks: list[dict[str, object]],
    interval: Duration,
    stop_at: float,
) -> None:
    """A fleet for each QoS level, kind of session, version and transport, on all links alike."""
    kinds = [(qos, clean, how) for qos in (0, 1, 2) for clean in (False, True) for how in speaks]
    for number, (qos, clean, how) in enumerate(kinds):
        if members := meters[number :: len(kinds)]:
            session = "clean" if clean else "persistent"
            spoken = f", MQTT {how['version']}, {how['transport']}" if len(speaks) > 1 else ""
            lab.fleet(
                members,
                name=f"qos {qos}, {session} session{spoken}",
                topic=READINGS,
                qos=qos,
                interval=interval,
                start_within=interval,
                stop_at=stop_at,
                clean_session=clean,
                will=Will(STATUS, "gone", qos=2, retain=True),
                **how,
                **PULSE,
            )


async def lose_link_now_and_then(lab: Lab, device: Device) -> None:
    """Outages around 8 s, which TCP survives, and around 45 s, which end the connection."""
    while True:
        await asyncio.sleep(lab.random.uniform(60, 150))
        async with lab.outage(device):
            await asyncio.sleep(lab.random.choice([8, 45]) * lab.random.uniform(0.7, 1.3))


async def let_some_die(lab: Lab, meters: list[Device], share: float, within: Duration) -> None:
    """Half of the deaths are a crashed process (FIN or RST), half are a power loss (silence)."""
    doomed = lab.random.sample(meters, round(share * len(meters)))
    moments = sorted(lab.random.uniform(0, within) for _ in doomed)
    start = lab.now()
    for device, moment, how in zip(doomed, moments, cycle(["fin", "silent", "reset", "silent"])):
        await asyncio.sleep(start + moment - lab.now())
        device.die(how)
