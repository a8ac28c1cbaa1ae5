"""Claim: gmqtt, as it comes from PyPI, on links that break at every instant: what the oracle finds
are gmqtt's own faults, by name, and nothing else.

Its clients speak 3.1.1 and 5.0 to our broker, at every QoS, with sessions that last and that do
not, wills with and without delay, retained messages, shared subscriptions, message expiry and small
windows; two of them use one client id. Then the faults end, some say goodbye, and the others stay.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import gmqtt

import mqttlab
from mqttlab import Device, Lab
from trouble import CALM_S, FAULTS, THINGS, TROUBLE_S, Known, ended, something, trouble
from trouble import TESTED as TESTED_BY_ALL

KEEP_ALIVE_S = 10

SENT_AFTER_PUBACK = "what it has sent so after PUBACK, gmqtt knows nothing of"
KNOWN: Known = {
    "DUP-RULE": {
        "wrote PUBLISH .* again with DUP 0": "_resend_qos_messages sends the packet again that it "
        "has stored, with DUP 0",
    },
    "NO-LIVE-RESEND": {
        "wrote PUBLISH a second time on one connection": "what is published between CONNECT and "
        "that replay is sent by either",
        "wrote PUBREL a second time on one connection": "so is what the replay takes from PUBLISH "
        "to PUBREL",
    },
    "Q1-RESUME": {r"without sending PUBLISH .* \(QoS 1, .* again": SENT_AFTER_PUBACK},
    "ORD-RESEND": {
        "began PUBLISH .* before it had sent .* again": "_handle_connack_packet calls on_connect, "
        "which may publish, before the replay",
        "sent PUBLISH .* again .* before .* which it had first sent earlier": SENT_AFTER_PUBACK,
    },
}
"""What gmqtt 0.8.0 breaks, by sentences of the oracle, and where."""

SEEDS = (44, 52)
"""Together they show all of that."""

_OF_5 = "NO-LIVE-RESEND RM-LIMIT QUOTA-NONBLOCK ALIAS-SCOPE EXPIRY SESS-EXPIRY"
TESTED = f"{TESTED_BY_ALL} {_OF_5}"
"""What the oracle has to judge in it."""


@mqttlab.scenario(until="1h")
async def gmqtt_trial(lab: Lab) -> None:
    """gmqtt's clients publish, read, come and go while their links break."""
    lab.broker("broker")
    things = lab.devices(THINGS, name="thing-{}", via="umts")
    lives = [Thing(lab, number, thing) for number, thing in enumerate(things)]
    tasks = [asyncio.create_task(one.device.run(one.live())) for one in lives]
    trouble(lab, things, FAULTS, TROUBLE_S)
    await asyncio.sleep(TROUBLE_S)
    lives[1].leaves.set()  # who shares its client id has it for itself
    lab.settle(within="2min")
    await asyncio.sleep(30)
    for one in lives[2:5]:
        one.leaves.set()
    for one in lives:
        one.falls_silent = True
    await asyncio.sleep(CALM_S)
    await ended(tasks)


class Thing:
    """A program on a device, with a client of gmqtt's."""

    def __init__(self, lab: Lab, number: int, device: Device) -> None:
        self.device = device
        self.falls_silent = False
        self.leaves = asyncio.Event()
        self._lab, self._chance = lab, lab.random
        self._name = "thing-0" if number == 1 else device.name  # two of one client id
        self._version = 4 + number % 2 if number > 1 else 5
        self._client = self._make_client()

    def _make_client(self) -> gmqtt.Client:
        chance = self._chance
        kept = chance.random() < 0.7
        properties: dict[str, Any] = {}
        delay: dict[str, Any] = {}
        if self._version == 5:
            properties = {"receive_maximum": chance.choice((4, 60)), "topic_alias_maximum": 3}
            if kept:
                properties["session_expiry_interval"] = chance.choice((15, 3600))
            delay = {"will_delay_interval": chance.choice((0, 5, 30))}
        will = gmqtt.Message(
            f"status/{self._name}", self._lab.stamp(), qos=chance.randrange(3),
            retain=chance.random() < 0.5, **delay,
        )  # fmt: skip
        client = gmqtt.Client(
            self._name, clean_session=not kept, will_message=will,
            optimistic_acknowledgement=chance.random() < 0.5, **properties,
        )  # fmt: skip
        client.set_config({"reconnect_delay": chance.choice((1, 6))})
        client.on_connect = self._connected
        client.on_message = _received
        return client

    def _connected(self, client: gmqtt.Client, *_: Any) -> None:
        to = f"to/+/{self._chance.randrange(THINGS)}"
        client.subscribe(to, qos=self._chance.randrange(3))
        client.subscribe("status/#", qos=1)
        client.subscribe(f"last/thing-{self._chance.randrange(THINGS)}", qos=2)
        if self._version == 5:
            client.subscribe("$share/crew/to/+/0", qos=1)
        with suppress(OverflowError):  # its window is full
            client.publish(f"status/{self._name}", self._lab.stamp(), qos=1, retain=True)

    async def live(self) -> None:
        """Until it leaves, or for ever."""
        await self._client.connect("broker", 1883, keepalive=KEEP_ALIVE_S, version=self._version)
        while not self.leaves.is_set():
            if not self.falls_silent:
                self._say_something()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.leaves.wait(), self._chance.uniform(0.5, 4))
        with suppress(ConnectionError):
            await self._client.disconnect()

    def _say_something(self) -> None:
        chance, expiry = self._chance, {}
        if self._version == 5 and chance.random() < 0.3:
            expiry = {"message_expiry_interval": chance.choice((1, 20))}
        topic, payload, options = something(self._lab, self._name)
        with suppress(OverflowError):
            self._client.publish(topic, payload, **options, **expiry)


async def _received(*_: Any) -> int:
    return 0
