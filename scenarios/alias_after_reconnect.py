"""Claim: a topic alias dies with its connection. A message that was sent under an alias alone is
sent again under its full topic.

Publishers and a reader of MQTT 5.0 use aliases. Their links go down when every topic has its alias,
so that the messages in flight carry nothing else; they reconnect, and are cut off once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import mqttlab
from mqttlab import Device, Lab
from mqttlab.scenarios.support import DUP, V5, Seen, clients
from mqttlab.trace import End, Kind, Packet

BUGS = ["B99 a topic alias is used on a connection where it was not set"]
TOPICS = ("a/topic/that/is/worth/an/alias", "another/topic/that/is/worth/an/alias")


@mqttlab.scenario(number="S25", bugs=BUGS, until="1h")
async def alias_after_reconnect(lab: Lab, *, messages: int = 6) -> None:
    """What is in flight under a topic alias alone is sent again under its full topic.

    messages: published on each topic during each outage.
    """
    await lab.broker(topic_alias_maximum=4, send_topic_alias_maximum=4)
    desk = lab.device("desk")
    levels = (1, 2)
    meters = lab.devices(len(levels), name="meter-{}", via="lte")
    phone = lab.device("phone", via="lte")
    pulse = {**V5, "keep_alive_s": 10, "ping_timeout": "5s", "clean_session": False}
    talking = {**pulse, "send_topic_alias_maximum": 4}
    async with (
        desk.client(**talking) as writer,
        phone.client(**pulse, topic_alias_maximum=4) as reader,
        clients(meters, [talking] * len(meters)) as writers,
    ):
        await reader.subscribe("to/#", qos=2)
        for turn in range(3):
            lab.phase(f"turn {turn + 1}")
            for one in (writer, *writers):
                await publish_all(lab, one, [1])
            await asyncio.sleep(5)
            async with lab.outage([*meters, phone]):
                calls = [
                    asyncio.create_task(publish_all(lab, one, levels * (messages // 2)))
                    for one in (writer, *writers)
                ]
                await asyncio.sleep(60)
            await asyncio.gather(*calls)
        lab.settle("1min")
        await asyncio.sleep(90)
    seen = Seen(lab)
    expect_topics(lab, seen, meters, End.CLIENT)
    expect_topics(lab, seen, [phone], End.BROKER)
    got, called = len(seen.delivered(phone)), seen.count(Kind.PUBLISH_CALLED)
    lab.expect("messages that came", got, called)
    lab.expect.observed("ALIAS-SCOPE", "Q1-RESUME", "Q1-NOLOSS", "Q2-ONCE", "CONVERGE")


async def publish_all(lab: Lab, client: mqttlab.Client, levels: Sequence[int]) -> None:
    """A message on each topic at each of the levels; returns when they are acknowledged."""
    async with asyncio.TaskGroup() as calls:
        for qos in levels:
            for topic in TOPICS:
                name = f"to/{client.client_id}/{topic}"
                calls.create_task(client.publish(name, lab.stamp(), qos=qos))


def expect_topics(lab: Lab, seen: Seen, devices: list[Device], sender: End) -> None:
    """Messages went out under an alias alone, and again under the topic; none without both."""
    short, resent, bare = 0, 0, 0
    for device in devices:
        for sent in seen.rows(Kind.WRITTEN, Packet.PUBLISH, on=device, end=sender):
            is_short = sent["bytes"] - sent["payload_bytes"] < len(min(TOPICS))
            short += is_short
            resent += not is_short and bool(sent["flags"] & DUP)
            bare += sent["text"] == 0
    who = sender.name.lower()
    lab.expect(f"sent by {who}s under an alias alone", short, least=1)
    lab.expect(f"sent again by {who}s under the full topic", resent, least=1)
    lab.expect(f"sent by {who}s under an alias that nobody had set", bare, 0)
