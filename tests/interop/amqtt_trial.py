"""Claim: amqtt, as it comes from PyPI, serves our clients while their links break at every instant:
what the oracle finds are amqtt's own faults, by name, and nothing else.

It runs unmodified at the site of the simulated network. Twelve clients of 3.1.1 publish and read at
every QoS, with clean and lasting sessions, wills and retained messages; they subscribe again and
unsubscribe, leave and come back; two of them use one client id. Then the faults end.
"""

from __future__ import annotations

import asyncio
import sysconfig
import traceback
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import amqtt

import mqttlab
from amqtt_broker import serve
from mqttlab import (
    Backoff,
    Client,
    ConnectionLostError,
    Device,
    Lab,
    PublishError,
    SubscribeError,
    Will,
)
from trouble import CALM_S, FAULTS, THINGS, TROUBLE_S, Known, ended, something, trouble
from trouble import TESTED as TESTED_BY_ALL

VISITS = 3

AMQTT, OURS = (Path(module.__file__).parent for module in (amqtt, mqttlab))
STANDARD, SITE = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))

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
WAITED = "_publish_session_retained_messages sends what had to wait with RETAIN 1"
CLEAN = "_initialize_client_session goes on with a session that began with clean session 1"
SHARED = "older and newer connection of a client id share one session"
NEVER_ENDS = "what is never answered stays open"
REPLACED = f"{SHARED}: in inflight_in a message takes the place of another of its packet id"
ONLY_STORED = (
    f"{SHARED}: _handle_disconnect of the older one marks it as disconnected, so that "
    "_run_broadcast only stores what the newer one is due"
)
LEFT_OPEN = "_delete_session of a clean session leaves its connection"
SILENT = "handle_read_timeout of the broker does nothing"
KNOWN: Known = {
    "NO-FABRICATION": {
        "which is not the lower of published and granted QoS": "_run_broadcast sends with the QoS "
        "of the subscription, or of the will",
        "that no publisher had sent while a subscription of this client matched it": "_get_handler "
        f"finds the newer connection for subscriptions of the older one's session; {WILLS}",
    },
    "Q0-ATMOST": {
        "a QoS 0 message .* more often than it was accepted": f"{SHARED}: _retry_deliveries of the "
        "newer one takes up a QoS 2 message that the older one's flow passes on as well",
    },
    "RET-FLAG": {
        "with RETAIN 1 although it is not sent for a new subscription": WAITED,
        "the retained message of topic 'status/.* for its new subscription with RETAIN 0": WILLS,
    },
    "RET-SET": {"that no new subscription asked for": ALL_RETAINED},
    "RET-CONVERGE": {
        "that is not the last one accepted on it": f"{WAITED}; {ALL_RETAINED}",
        "although the topic's retained message had been cleared": WAITED,
    },
    "RET-MONO": {"a value of topic .* older than one sent before": LATE},
    "Q1-RESUME": {r"without sending PUBLISH .* \(QoS 1, .* again": GIVES_UP},
    "Q2-RESUME": {
        r"without sending PUBLISH .* \(QoS 2, .* again": GIVES_UP,
        "without sending PUBREL .* again": GIVES_UP,
    },
    "Q1-NOLOSS": {
        "the broker sent it and the exchange is over": GIVES_UP,
        "the broker never sent it, and logged no reason": ONLY_STORED,
    },
    "Q2-ONCE": {
        "the broker sent it and the exchange is over": GIVES_UP,
        "the broker never sent it, and logged no reason": ONLY_STORED,
        "as a new exchange although it was accepted once": ALL_RETAINED,
    },
    "Q2-HONEST": {"acknowledged a QoS 2 message .* sent it to no session there is": REPLACED},
    "SESS-QUEUE": {
        r"had lost \d+ messages that it was due": "add_subscription keeps the QoS of an older "
        "subscription to the filter",
    },
    "SESS-DISCARD": {
        "topic 'status/thing-0' that only an older session": f"{WILLS}, which so is sent too "
        f"often; {LEFT_OPEN}, whose will comes late",
        "that only an older session .* was due": f"{CLEAN}: its subscriptions, and what it was due",
    },
    "SP-TRUTH": {
        "session present 1; no session can have been continued": CLEAN,
        "session present 0; it must still have a session": f"{CLEAN}, and _session_monitor takes "
        "one away that goes on",
    },
    "ACK-CAUSAL": {
        "wrote PUBREC .* which answers nothing": f"{CLEAN}: _retry_deliveries writes PUBREC for "
        "what that had received",
    },
    "KA-FAIR": {
        "for no reason to be seen": f"{CLEAN}: _session_monitor ends it, connected or not, at the "
        "next second",
    },
    "EPOCH": {"does not route since an older connection .* ended": ONLY_STORED},
    "SUB-DURABLE": {
        "does not route: none of the last": f"{ONLY_STORED}; {REPLACED}",
        "accepted only after it had answered UNSUBSCRIBE": f"{WILLS}, which so is sent too often",
    },
    "ORD-TOPIC": {"after one that was accepted later": LATE},
    "ORD-RESEND": {
        "began PUBLISH .* before it had sent .* again": GIVES_UP,
        "sent PUBLISH .* again .* before .* which it had first sent earlier": GIVES_UP,
    },
    "ORD-ACK": {
        "wrote PUBREL .* before that of": f"{GIVES_UP}: then handle_pubrec answers nothing",
    },
    "DUP-RULE": {
        "with DUP 1 .* although it had never tried to send it": "_retry_deliveries repeats, with "
        "DUP 1, a will that mqtt_publish has given to the older connection's writer alone, which "
        "was closed",
    },
    "Q2-TOTAL": {
        "wrote no PUBCOMP for the PUBREL": "handle_pubrel answers nothing for an id that it does "
        "not know",
    },
    "CONVERGE": {
        "^client .* PUBLISH .* has waited for PUBCOMP": NEVER_ENDS,
        "^the broker, .* PUBLISH .* has waited for PUBCOMP": NEVER_ENDS,
    },
    "ONE-CONN": {
        "closed only at .* the older one": LEFT_OPEN,
        "never closed the older one": LEFT_OPEN,
    },
    "KA-ENFORCE": {
        "and closed the connection only then": SILENT,
        "and had not closed the connection": SILENT,
    },
    "WILL-IFF": {
        "the will of a connection that had ended with DISCONNECT": WILLS,
        "although the connection ended with DISCONNECT": WILLS,
        "was published at .* while the connection lived": WILLS,
        "the will of .* never reached .* the broker never sent it": WILLS,
        "the will of .* never reached .* the broker sent it and the exchange is over": GIVES_UP,
    },
    "WILL-ONCE": {"a will, more often than it was due": WILLS},
    "WILL-ORDER": {"after a message that this client published on a later connection": WILLS},
}
"""What amqtt 0.12.1 breaks, by sentences of the oracle, and where."""

SEEDS = (8, 15, 31, 34, 46, 50, 147)
"""Together they show all of that."""

OWN_SEEDS = (1,)
"""Played with our broker in its place."""

TESTED = f"{TESTED_BY_ALL} KA-SEND KA-DETECT CONNECT-BOUND BACKOFF"
"""What the oracle has to judge in it."""


def bears_with_amqtt(loop: Any, context: dict[str, Any]) -> None:
    """Handler of an event loop: amqtt leaves tasks behind that have failed; others' end the run."""
    places = [_place(error) for error in _chain(context.get("exception"))]
    of_anybody = [one for one in places if one is not None]
    if not of_anybody or any(AMQTT not in one.parents for one in of_anybody):
        loop.default_exception_handler(context)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _place(error: BaseException) -> Path | None:
    """The innermost file that is not the standard library's; None: there is no other.

    What compiled code refuses has no frame there, but is an error of ours.
    """
    if isinstance(error, mqttlab.Error):
        return OURS / "_core"
    files = [Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)]
    others = [one for one in files if STANDARD not in one.parents or SITE in one.parents]
    return others[-1] if others else None


@mqttlab.scenario(until="1h")
async def amqtt_trial(lab: Lab) -> int:
    """Our clients publish, read, come and go at amqtt while their links break."""
    await lab.guest_broker("broker", serve)
    lab.loop.set_exception_handler(bears_with_amqtt)
    return await visits(lab)


@mqttlab.scenario(until="1h")
async def own_trial(lab: Lab) -> int:
    """The same at our broker."""
    lab.broker("broker")
    return await visits(lab)


async def visits(lab: Lab) -> int:
    """Of all things at a broker; how many of their calls have not ended."""
    devices = lab.devices(THINGS, name="thing-{}", via="umts")
    trouble(lab, devices, FAULTS, TROUBLE_S)
    things = [Thing(lab, number, one) for number, one in enumerate(devices)]
    lives = [asyncio.create_task(one.live()) for one in things]
    await asyncio.sleep(TROUBLE_S)
    lab.settle(within="2min")
    await asyncio.sleep(CALM_S)
    open_calls = sum(one.open_calls for one in things)
    await ended(lives)
    return open_calls


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

    @property
    def open_calls(self) -> int:
        """That have not ended and still could; the twin's session may last, but not go on."""
        return 0 if self._is_twin else len(self._calls)

    def _later(self, call: Awaitable[object]) -> None:
        async def made() -> None:
            try:
                await call
            except (ConnectionLostError, PublishError, SubscribeError) as error:
                if getattr(error, "reason", None) or getattr(error, "reasons", ()):
                    raise  # the broker's answer, which no fault of a link gives

        task = asyncio.create_task(made())
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
