"""What the trials have in common: their size, what their things say, and what happens to these:
faults at times and at instants of the protocol, drawn from the run's seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from mqttlab import Device, Lab
from mqttlab.faults import (
    Arrived,
    At,
    Before,
    Blackhole,
    Cut,
    DelaySpike,
    Effect,
    Inside,
    Instant,
    Outage,
    Resent,
    Roam,
    Unread,
    Written,
)

__all__ = [
    "CALM_S", "FAULTS", "Known", "TESTED", "THINGS", "TROUBLE_S", "ended", "something", "trouble",
]  # fmt: skip

THINGS, FAULTS = 12, 24
TROUBLE_S, CALM_S = 240, 180

TESTED = """
    NO-FABRICATION Q0-ATMOST Q1-NOLOSS Q1-RESUME DUP-BOUND Q2-ONCE Q2-NO-REPUBLISH Q2-RESUME
    Q2-TOTAL Q2-HONEST DUP-RULE PID-UNIQUE PID-STABLE PID-RELEASE ACK-CAUSAL ORD-TOPIC ORD-RESEND
    ORD-ACK SP-TRUTH SESS-QUEUE SESS-DISCARD SUB-DURABLE ONE-CONN TAKEOVER-TERM WILL-IFF WILL-ONCE
    WILL-ORDER BIRTH-WINS RET-CONVERGE RET-SET RET-MONO RET-FLAG KA-ENFORCE KA-FAIR STREAM-OK
    AMPLIFY CONVERGE
"""
"""What the oracle has to judge in every trial, of what packets show."""

Known = Mapping[str, Mapping[str, str]]
"""Faults of a program: invariants to expressions that the oracle's sentences have, and the place
in its source of what does it. The first that is found counts."""

_HOWS = ("reset", "fin", "half-open", "silent")
_EXCHANGES = ("PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP")  # go both ways
_OTHERS = ("CONNECT", "CONNACK", "SUBSCRIBE", "SUBACK")


async def ended(lives: Sequence[asyncio.Task[None]]) -> None:
    """Ends programs that have lived for long enough; raises what one has failed of before."""
    for life in lives:
        life.cancel()
    for end in await asyncio.gather(*lives, return_exceptions=True):
        if isinstance(end, Exception):
            raise end


def something(lab: Lab, name: str) -> tuple[str, bytes, dict[str, Any]]:
    """Topic, payload and options of a message of thing `name`: to another one, or its last word."""
    chance = lab.random
    topic, retain = f"to/{name}/{chance.randrange(THINGS)}", False
    if chance.random() < 0.2:
        topic, retain = f"last/{name}", True
    payload = b"" if retain and chance.random() < 0.3 else lab.stamp()
    return topic, payload, {"qos": chance.randrange(3), "retain": retain}


def trouble(lab: Lab, devices: Sequence[Device], count: int, within_s: float) -> None:
    """Plans `count` faults on any of `devices`, half of them at instants of the protocol."""
    for number in range(count):
        device = lab.random.choice(devices)
        if number % 2:
            lab.at(_instant(lab), Cut(lab.random.choice(_HOWS)), on=device)
        else:
            what, lasts = _effect(lab)
            lab.at(At(lab.random.uniform(5, within_s)), what, on=device, **lasts)


def _instant(lab: Lab) -> Instant:
    """Of a connection, with exchanges under way in either direction more often than not."""
    if lab.random.random() < 0.2:
        return Resent(lab.random.randrange(3))
    packet = lab.random.choice(_EXCHANGES * 2 + _OTHERS)
    way: dict[str, Any] = {}
    if packet in _EXCHANGES:
        way["way"] = lab.random.choice(("up", "down"))
    n = lab.random.randint(1, 12 if packet in _EXCHANGES else 3)
    kind = lab.random.choice((Before, Inside, Written, Unread, Arrived))
    if kind is Inside:
        way["byte"] = lab.random.randint(1, 3)
    return kind(packet, n, **way)


def _effect(lab: Lab) -> tuple[Effect, dict[str, float]]:
    """What, and how long it lasts: shorter than TCP's patience, or longer than keep alive."""
    what = lab.random.choice((
        Cut(lab.random.choice(_HOWS)), Roam(lab.random.random() < 0.5), Outage(),
        Blackhole("up"), Blackhole("down"), DelaySpike(lab.random.uniform(0.5, 5)),
    ))  # fmt: skip
    lasting = not isinstance(what, (Cut, Roam))
    return what, {"for_": lab.random.uniform(1, 45)} if lasting else {}
