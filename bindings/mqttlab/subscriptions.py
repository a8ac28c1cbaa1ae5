"""Topic filters with their options, as a scenario writes them and as the core takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mqttlab import units
from mqttlab.client_options import qos_level
from mqttlab.errors import UsageError

__all__ = ["PLAIN", "Subscription", "Wanted", "several", "wanted"]

Wanted = tuple[str, int, bool, bool, int]  # the fields of a Subscription as _core takes them
PLAIN = (False, False, 0)  # options that every version knows: none

_RETAIN_HANDLING = ("at subscribe", "if new", "never")  # MQTT 5.0, 3.8.3.1


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic filter with its options; all but filter and QoS are MQTT 5.0's."""

    filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: Literal["at subscribe", "if new", "never"] = "at subscribe"


def several(topics: object, where: str) -> Sequence[object]:
    """One filter or a sequence of them as a sequence of one or more."""
    if isinstance(topics, (str, Subscription)):
        return [topics]
    if not isinstance(topics, Sequence) or isinstance(topics, (bytes, bytearray, memoryview)):
        raise UsageError(f"{where}: {topics!r} is neither a filter nor a list of filters")
    if not topics:
        raise UsageError(f"{where}: names no filter; give one or more")
    return topics


def wanted(one: object, qos: int, where: str) -> Wanted:
    """A filter, a pair of filter and QoS, or a Subscription."""
    if isinstance(one, str):
        one = Subscription(one, qos)
    elif isinstance(one, tuple) and len(one) == 2:
        one = Subscription(*one)
    if not isinstance(one, Subscription):
        raise UsageError(f"{where}: {one!r} is no filter and no pair such as ('site/#', 1)")
    if one.retain_handling not in _RETAIN_HANDLING:
        known = ", ".join(map(repr, _RETAIN_HANDLING))
        raise UsageError(f"{where}: retain_handling {one.retain_handling!r} is none of {known}")
    return (
        units.text(one.filter, where),
        qos_level(one.qos, where),
        units.flag(one.no_local, f"{where}: no_local"),
        units.flag(one.retain_as_published, f"{where}: retain_as_published"),
        _RETAIN_HANDLING.index(one.retain_handling),
    )
