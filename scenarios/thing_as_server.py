"""Claim: a small device can be the broker itself. With limits that fit into its memory, behind a
slow link, it serves 50 clients: commands and state arrive, nobody is thrown off, queues stay small.

The thing (a heating, say) runs the broker, and an application beside it: it publishes its state
and obeys commands. Clients come in over NB-IoT. In the laboratory each has a link of its own to the
broker's site; so that all of them together have what the thing's radio has, each gets its share of
the rate. Sharing by need would be kinder: what is measured here is the worst.
"""

from __future__ import annotations

import asyncio

import numpy as np

import mqttlab
from mqttlab import Broker, Client, Duration, Lab
from mqttlab.scenarios.support import V5, Seen, check, clients
from mqttlab.trace import DropReason, Kind, Packet

QUEUE, WINDOW = 8, 2  # messages that wait for a client, and that are under way to it
PUBLISH_BYTES = 48  # of one, at most, without fixed header and packet id
SAMPLES = 10  # of the broker's gauges after each publish, a second apart: on the air it is as long
RADIO_UP, RADIO_DOWN = 62_500, 27_200  # bit/s of a thing with NB-IoT (Cat NB1), from it and to it


@mqttlab.scenario(until="6h")
async def thing_as_server(
    lab: Lab, *, visitors: int = 50, hours: float = 2.0, every: Duration = Duration("2min")
) -> None:
    """The broker runs on a constrained thing behind NB-IoT, with 50 clients: all are served.

    visitors: clients, each of which has a part of the radio.
    hours: how long.
    every: between two changes of the thing's state, which all clients are told.
    """
    check("visitors", visitors >= 1, f"must be 1 or more, got {visitors}")
    broker = await lab.broker(
        max_connections=visitors + 2,
        max_packet_size=512,
        window=WINDOW,
        receive_window=WINDOW,
        queue_messages=QUEUE,
        queue_bytes="1KiB",
        outbox_bytes="1KiB",
        max_retained=4,
        max_subscriptions=2,
        connect_timeout="2min",
    )
    radio = lab.link(
        "nb-iot",
        name="a share of the radio",
        up={"rate": RADIO_DOWN / visitors},
        down={"rate": RADIO_UP / visitors},
    )
    people = lab.devices(visitors, name="visitor-{:02d}", via=radio)
    pulse = {**V5, "keep_alive_s": 900, "ping_timeout": "1min", "connect_timeout": "2min"}
    options = {**pulse, "clean_session": False, "drain": True, "send_topic_alias_maximum": 1}
    async with (
        lab.device("thing").client(**V5, clean_session=False) as thing,
        clients(people, [options] * visitors) as every_one,
    ):
        await thing.subscribe("heating/set", qos=2)
        await asyncio.gather(*(one.subscribe("heating/state", qos=1) for one in every_one))
        most, most_bytes = await live(lab, broker, thing, every_one, hours, every)
        lab.settle("10min")
        await asyncio.sleep(11 * 60)
        seen = Seen(lab)
        lab.expect("connections", seen.count(Kind.ARRIVED, Packet.CONNACK), visitors + 1)
    room = (visitors + 1) * WINDOW  # of all that its queues may hold, a fifth: the rest stays free
    lab.expect("most messages that waited or were under way", most, least=1, most=room)
    lab.expect("most bytes of these", most_bytes, least=1, most=room * PUBLISH_BYTES)
    full = (DropReason.QUEUE_FULL, DropReason.QUEUE_BYTES_FULL, DropReason.OUTBOX_FULL)
    dropped = np.isin(seen.rows(Kind.DROPPED)["code"], full).sum()
    lab.expect("messages that did not fit", int(dropped), 0)
    for topic, what in (("heating/set", "command"), ("heating/state", "state")):
        waits = seen.waits_s(topic)
        lab.expect(f"{what}s that arrived", len(waits), least=1)
        half, last = (float(np.quantile(waits, part)) if len(waits) else 0 for part in (0.5, 1))
        lab.expect(f"until half of the {what}s arrived, s", round(half, 2))
        lab.expect("until all of them did, s", round(last, 2), most=float(every))
    lab.expect.observed("Q1-NOLOSS", "Q2-ONCE", "RM-LIMIT", "KA-FAIR", "CONVERGE")


async def live(
    lab: Lab,
    broker: Broker,
    thing: Client,
    visitors: list[Client],
    hours: float,
    every: Duration,
) -> tuple[int, int]:
    """State goes to all of them, and a command comes from one at a time.

    Returns the most messages that the broker had at once for its clients, and the most bytes.
    """
    most = most_bytes = 0
    step = min(1, every / SAMPLES)
    end = lab.now() + 3600 * hours
    while lab.now() < end:
        sender = lab.random.choice(visitors)
        async with asyncio.TaskGroup() as calls:
            calls.create_task(thing.publish("heating/state", lab.stamp(), qos=1, retain=True))
            calls.create_task(sender.publish("heating/set", lab.stamp(), qos=2))
            for _ in range(SAMPLES):
                await asyncio.sleep(step)
                gauges = broker.gauges()
                most = max(most, gauges["queued_messages"] + gauges["in_flight"])
                most_bytes = max(most_bytes, gauges["session_bytes"])
            await asyncio.sleep(every - SAMPLES * step)
    return most, most_bytes
