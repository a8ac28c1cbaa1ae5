"""What happens to the devices of a trial: faults at times and at instants of the protocol, drawn
from the run's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
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

__all__ = ["trouble"]

_HOWS = ("reset", "fin", "half-open", "silent")
_EXCHANGES = ("PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP")  # go both ways
_OTHERS = ("CONNECT", "CONNACK", "SUBSCRIBE", "SUBACK")


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
