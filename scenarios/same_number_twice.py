"""Claim: a packet id that is open stays taken, through outages and restarts, whatever is published
meanwhile.

Windows are full of unacknowledged messages, in both directions, when the links go down. More is
published while they are, and the broker crashes and restarts with its store. Half of the clients
have room for more: they send new messages while the old ones are still open.
"""

from __future__ import annotations

import asyncio

import mqttlab
from mqttlab import Backoff, Lab
from mqttlab.scenarios.support import DUP, Seen, clients, spoken
from mqttlab.trace import End, Kind, Packet

WINDOW = 8
BUGS = ["B26 messages restored from the store are not considered when ids are given out"]


@mqttlab.scenario(number="S08", bugs=BUGS, until="1h")
async def same_number_twice(lab: Lab, *, turns: int = 3, version: str = "both") -> None:
    """Full windows, outage, more messages, a restart of the broker: no packet id is open twice.

    turns: how often all that happens.
    version: of MQTT: 3.1.1, 5 or both.
    """
    broker = await lab.broker(store="disk", durability="sync", window=WINDOW)
    kinds = [
        (how, qos, window)
        for how in spoken(version)
        for qos in (1, 2)
        for window in (WINDOW, 4 * WINDOW)
    ]
    phones = lab.devices(len(kinds), name="phone-{}", via="umts")
    own = {
        "clean_session": False,
        "keep_alive_s": 10,
        "backoff": Backoff(initial="1s", maximum="5s"),
    }
    options = [{**how, **own, "window": window, "drain": True} for how, _, window in kinds]
    start = lab.now()
    calls = []
    async with (
        lab.device("desk").client(**own, window=65_535) as desk,
        clients(phones, options) as every,
    ):
        await desk.subscribe("from/#", qos=2)
        for client, (_, qos, _) in zip(every, kinds, strict=True):
            await client.subscribe(f"to/{client.client_id}", qos=qos)

        def publish(count: int) -> None:
            for client, (_, qos, _) in zip(every, kinds, strict=True):
                name = client.client_id
                for _ in range(count):
                    for sender, topic in ((client, f"from/{name}"), (desk, f"to/{name}")):
                        call = sender.publish(topic, lab.stamp(), qos=qos)
                        calls.append(asyncio.create_task(call))

        open_ = 0
        for _ in range(turns):
            async with lab.outage(phones):
                publish(2 * WINDOW)
                await asyncio.sleep(5)
                open_ += broker.gauges()["in_flight"]
                await broker.crash("kept")
                await asyncio.sleep(5)
                await broker.restart()
                await asyncio.sleep(10)
                publish(WINDOW)
                await asyncio.sleep(10)
            publish(WINDOW)
            await asyncio.sleep(20)
        lab.expect("exchanges open at the broker's crashes", open_, turns * WINDOW * len(kinds))
        lab.settle("1min")
        await asyncio.sleep(120)
        seen = Seen(lab)
    got = sum(len(set(seen.delivered(device).tolist())) for device in (desk.device, *phones))
    lab.expect("messages that came", got, len(calls))
    again = seen.count(Kind.WRITTEN, Packet.PUBLISH, end=End.BROKER, flags=DUP, since=start)
    lab.expect("messages that the restarted broker sent again", again, least=1)
    lab.expect.observed("PID-UNIQUE", "PID-STABLE", "Q1-RESUME", "Q2-RESUME", "Q1-NOLOSS")
    lab.expect.observed("Q2-ONCE", "CONVERGE")
