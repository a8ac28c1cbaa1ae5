"""Claim: amqtt, as it comes from PyPI, serves our clients while their links break at every instant:
what the oracle finds are amqtt's own faults, by name, and nothing else.

It runs unmodified at the site of the simulated network. Twelve clients of 3.1.1 publish and read at
every QoS, with clean and lasting sessions, wills and retained messages; they subscribe again and
unsubscribe, leave and come back; two of them use one client id. Then the faults end.
"""

from __future__ import annotations

import asyncio
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import amqtt

import mqttlab
from amqtt_broker import serve
from mqttlab import Backoff, Client, Device, Lab, Will
from trouble import CALM_S, FAULTS, THINGS, TROUBLE_S, something, trouble
from trouble import TESTED as TESTED_BY_ALL

VISITS = 3

ASYNCIO, AMQTT = (Path(module.__file__).parent for module in (asyncio, amqtt))

GIVES_UP = "_handle_qos1/2_message_flow forget an exchange after 5 s, and with its connection"
ALL_RETAINED = (
    "_handle_client_session sends who connects what is retained for any filter of anybody"
)
WILLS = (
    "_initialize_client_session puts the new connection's will in the old one's place; "
    "_reader_loop cancels the handler of a DISCONNECT that FIN follows"
)
LATE = (
    "_handle_client_session sends what had to wait only after 5 s for old exchanges, and younger "
    "messages before; _handle_subscription keeps a connection's messages back for as long"
)
CLEAN = "_initialize_client_session goes on with a session that began with clean session 1"
SHARED = "older and newer connection of a client id share one session"
KNOWN = {
    "NO-FABRICATION": "_run_broadcast sends with the QoS of the subscription, or of the will; "
    "_get_handler finds the newer connection for subscriptions of the older one's session",
    "Q0-ATMOST": f"{SHARED}: _retry_deliveries of the newer one takes up a QoS 2 message that the "
    "older one's flow passes on as well",
    "RET-FLAG": "_publish_session_retained_messages sends what had to wait with RETAIN 1",
    "RET-SET": ALL_RETAINED,
    "RET-CONVERGE": "the two together: what is sent with RETAIN 1 is not what is retained",
    "RET-MONO": LATE,
    "Q1-RESUME": GIVES_UP,
    "Q2-RESUME": GIVES_UP,
    "Q1-NOLOSS": GIVES_UP,
    "Q2-ONCE": f"{GIVES_UP}; {ALL_RETAINED}",
    "Q2-HONEST": f"{SHARED}: in inflight_in a message takes the place of another of its packet id",
    "SESS-QUEUE": "add_subscription keeps the QoS of an older subscription to the filter",
    "SESS-DISCARD": f"{CLEAN}: what that was due",
    "SP-TRUTH": f"{CLEAN}, and _session_monitor takes one away that goes on",
    "ACK-CAUSAL": f"{CLEAN}: _retry_deliveries writes PUBREC for what that had received",
    "KA-FAIR": f"{CLEAN}: _session_monitor ends it, connected or not, at the next second",
    "EPOCH": f"{SHARED}: _handle_disconnect of the older one marks it as disconnected, so that "
    "_run_broadcast only stores what the newer one is due",
    "SUB-DURABLE": "the same",
    "ORD-TOPIC": LATE,
    "ORD-RESEND": GIVES_UP,
    "ORD-ACK": f"{GIVES_UP}: then handle_pubrec answers nothing",
    "DUP-RULE": "_retry_deliveries repeats, with DUP 1, a will that mqtt_publish has given to the "
    "older connection's writer alone, which was closed",
    "Q2-TOTAL": "handle_pubrel answers nothing for an id that it does not know",
    "CONVERGE": "what is never answered stays open",
    "ONE-CONN": "_delete_session of a clean session leaves its connection",
    "KA-ENFORCE": "handle_read_timeout of the broker does nothing",
    "WILL-IFF": WILLS,
    "WILL-ONCE": WILLS,
    "WILL-ORDER": WILLS,
}
"""What amqtt 0.12.1 breaks, and where."""

SEEDS = (8, 15, 20, 31, 40, 48)
"""Together they show all of that."""

TESTED = f"{TESTED_BY_ALL} KA-SEND KA-DETECT CONNECT-BOUND BACKOFF"
"""What the oracle has to judge in it."""


def bears_with_amqtt(loop: Any, context: dict[str, Any]) -> None:
    """Handler of an event loop: amqtt leaves tasks behind that have failed; others' end the run."""
    error = context.get("exception")
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            file = Path(frame.f_code.co_filename)
            if ASYNCIO not in file.parents:
                if AMQTT in file.parents:
                    return
                break
        error = error.__cause__
    loop.default_exception_handler(context)


@mqttlab.scenario(until="1h")
async def amqtt_trial(lab: Lab) -> None:
    """Our clients publish, read, come and go at amqtt while their links break."""
    await lab.guest_broker("broker", serve)
    lab.loop.set_exception_handler(bears_with_amqtt)
    things = lab.devices(THINGS, name="thing-{}", via="umts")
    trouble(lab, things, FAULTS, TROUBLE_S)
    lives = [asyncio.create_task(Thing(lab, n, one).live()) for n, one in enumerate(things)]
    await asyncio.sleep(TROUBLE_S)
    lab.settle(within="2min")
    await asyncio.sleep(CALM_S)
    for life in lives:
        life.cancel()
    for end in await asyncio.gather(*lives, return_exceptions=True):
        if isinstance(end, Exception):
            raise end


class Thing:
    """A device and what it does: visits of the broker, the last of which does not end."""

    def __init__(self, lab: Lab, number: int, device: Device) -> None:
        self._lab, self._chance, self._device = lab, lab.random, device
        self._is_twin = number == 1  # of the first, whose client id it uses
        self._client_id = "thing-0" if self._is_twin else device.name
        self._kept = self._chance.random() < 0.7
        self._calls: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """For ever, but for the twin."""
        lab, client = self._lab, self._client()
        for visit in range(VISITS):
            async with client:
                await self._greet(client)
                ends = (visit + 1) * TROUBLE_S / VISITS - self._chance.uniform(5, 15)
                while lab.now() < ends:
                    self._say_something(client)
                    await asyncio.sleep(self._chance.uniform(0.5, 4))
                if visit == VISITS - 1 and not self._is_twin:
                    await asyncio.Event().wait()
                if self._chance.random() < 0.5:  # for ever in an exchange, maybe, and so not before
                    self._later(client.unsubscribe("status/#"))
                    await asyncio.sleep(1)
            await asyncio.sleep(self._chance.uniform(1, 20))

    def _client(self) -> Client:
        chance = self._chance
        will = Will(
            f"status/{self._client_id}", self._lab.stamp(), qos=chance.randrange(3),
            retain=chance.random() < 0.5,
        )  # fmt: skip
        return self._device.client(
            client_id=self._client_id, user_name="ada", password="engine", will=will, drain=True,
            clean_session=not self._kept, keep_alive_s=10, ping_timeout="5s",
            backoff=Backoff(initial="1s", maximum="8s"), connect_timeout="10s",
        )  # fmt: skip

    async def _greet(self, client: Client) -> None:
        number = self._chance.randrange
        filters = ("status/#", f"to/+/{number(THINGS)}", f"to/+/{number(THINGS)}")
        for topic in (*filters, f"last/thing-{number(THINGS)}"):
            self._later(client.subscribe(topic, qos=number(3)))
        status = f"status/{self._client_id}"
        self._later(client.publish(status, self._lab.stamp(), qos=1, retain=True))
        await asyncio.sleep(1)

    def _say_something(self, client: Client) -> None:
        topic, payload, options = something(self._lab, self._client_id)
        self._later(client.publish(topic, payload, **options))

    def _later(self, call: object) -> None:
        async def made() -> None:
            with suppress(mqttlab.Error):
                await call  # type: ignore[misc]

        task = asyncio.create_task(made())
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
