"""Claim: whoever subscribes gets the retained set once and whole, however small its window and
however often its link breaks; and never an older value after a newer one.

Topics are set, cleared and set again, by one publisher each, while readers subscribe, at every
moment of it. The set is many times a reader's window, and their links go down in the middle.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import mqttlab
from mqttlab import Client, Device, Lab
from mqttlab.scenarios.support import RETAIN, Seen, spoken
from mqttlab.trace import End, Kind, Packet

WINDOW = 10

BUGS = [
    "B79 the retained snapshot is delivered after a newer live message",
    "B80 the purge of an empty branch removes a value just set",
    "B81 clearing a retained message while a link is down is not carried over",
    "B82 the retained burst is cut short by rate, window or takeover",
    "B84 retained data belongs to a reconnect instead of a new subscription",
]
PULSE: dict[str, Any] = {"keep_alive_s": 10, "ping_timeout": "3s", "clean_session": False}


@mqttlab.scenario(number="S22", bugs=BUGS, until="1h")
async def retained_race(
    lab: Lab, *, topics: int = 120, readers: int = 24, version: str = "both"
) -> None:
    """Retained messages set, cleared and read at once: whole, once, and never old after new.

    topics: with a retained message each.
    readers: that subscribe to all of them one after the other; each second one is cut off.
    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    await lab.broker(window=WINDOW)
    desk = lab.device("desk", via="lte")
    phones = lab.devices(readers, name="reader-{:02d}", via="umts")
    values: dict[str, bytes] = {}
    async with desk.client(**PULSE) as writer, AsyncExitStack() as stack:
        for number in range(topics):
            await change(lab, writer, f"branch/{number}/value", values, clear=False)
        changing = asyncio.create_task(change_now_and_then(lab, writer, values))
        cuts = []
        for number, phone in enumerate(phones):
            options = {**PULSE, **speaks[number // 3 % len(speaks)], "drain": True}
            reader = await stack.enter_async_context(phone.client(**options))
            await reader.subscribe("branch/#", qos=number % 3)
            if number % 2:
                cuts.append(asyncio.create_task(go_dark(lab, phone)))
        await go_dark(lab, desk)
        got = [await cut for cut in cuts]
        lab.settle("1min")
        changing.cancel()
        await asyncio.sleep(90)
        expect_sets(lab, phones, got)
        await expect_values(lab, values)
    lab.expect.observed("RET-SET", "RET-MONO", "RET-FLAG", "RET-CONVERGE", "Q1-NOLOSS", "CONVERGE")


async def change(
    lab: Lab, writer: Client, topic: str, values: dict[str, bytes], clear: bool
) -> None:
    """Sets a new value, or clears it; `values`: what is retained when it is acknowledged."""
    value = b"" if clear else lab.stamp()
    await writer.publish(topic, value, qos=1, retain=True)
    values[topic] = value


async def change_now_and_then(lab: Lab, writer: Client, values: dict[str, bytes]) -> None:
    """Clears a topic, and sets it again before anybody else can have noticed; or later."""
    topics = list(values)
    while True:
        topic = lab.random.choice(topics)
        await asyncio.shield(change(lab, writer, topic, values, clear=True))
        if lab.random.random() < 0.8:
            await asyncio.shield(change(lab, writer, topic, values, clear=False))


async def go_dark(lab: Lab, device: Device) -> int:
    """Down for 20 s, soon; how much of the retained set it had by then."""
    await asyncio.sleep(lab.random.uniform(0.2, 1.5))
    async with lab.outage(device):
        got = len(Seen(lab).delivered(device, flags=RETAIN))
        await asyncio.sleep(20)
    return got


def expect_sets(lab: Lab, phones: list[Device], at_cut: list[int]) -> None:
    """Every reader got a set, which is many windows long; no topic twice but for a repeat."""
    seen = Seen(lab)
    sets = [seen.rows(Kind.DELIVERED, on=phone, flags=RETAIN) for phone in phones]
    middle = 0
    for phone, got, whole in zip(phones[1::2], at_cut, sets[1::2], strict=True):
        lost = seen.rows(Kind.CLOSED, on=phone, end=End.CLIENT)["at"]
        back = seen.rows(Kind.ARRIVED, Packet.CONNACK, on=phone)["at"][1:]
        middle += len(lost) > 0 and bool((back > lost[0]).any()) and 0 < got < len(whole)
    lab.expect("cuts in the middle of a retained set", middle, least=len(at_cut) // 2)
    lab.expect("smallest retained set", min(map(len, sets)), least=3 * WINDOW)
    twice = sum(len(one) - len(set(one["text"].tolist())) for one in sets)
    lab.expect("repeats of a topic, all sets together", twice)


async def expect_values(lab: Lab, values: dict[str, bytes]) -> None:
    """A new subscription gets what is retained, and nothing else."""
    async with lab.device("audit").client() as audit:
        await audit.subscribe("branch/#", qos=1)
        await asyncio.sleep(5)
        found = [await anext(audit.messages) for _ in range(len(audit.messages))]
    wanted = {topic: value for topic, value in values.items() if value}
    same = {one.topic: one.payload for one in found} == wanted
    lab.expect("topics retained in the end", len(found), len(wanted))
    lab.expect("and they have the last values", same, True)
