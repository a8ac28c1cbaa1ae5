"""What MQTT 5.0 lets a message carry besides topic and payload, as written and as read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from mqttlab import _core, units
from mqttlab.errors import UsageError

__all__ = [
    "Properties",
    "PropertyOptions",
    "encode",
    "interval_s",
    "read",
    "session_expiry_s",
    "user_properties",
]

UserProperties = Mapping[str, str] | Sequence[tuple[str, str]]

_LONGEST_INTERVAL_S = 2**32 - 1  # as a Session Expiry Interval, one that never ends


class PropertyOptions(TypedDict, total=False):
    """Properties of a message that is published; clients of 3.1.1 cannot send or see them."""

    expiry: float | str  # Message Expiry Interval in whole seconds, or text such as "10min"
    content_type: str
    response_topic: str
    correlation_data: bytes | str
    payload_is_text: bool  # Payload Format Indicator
    user_properties: UserProperties  # in the order given; a name may come again


@dataclass(frozen=True, slots=True)
class Properties:
    """Properties of a message that has arrived."""

    expiry_s: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    payload_is_text: bool = False
    user_properties: tuple[tuple[str, str], ...] = ()
    subscription_ids: tuple[int, ...] = ()


def encode(options: Mapping[str, Any], where: str) -> _core.Properties | None:
    """Checks PropertyOptions; None if there are none. Errors: UsageError naming the option."""
    items: list[tuple[str, object]] = []
    for name, value in options.items():
        if name not in _WRITE:
            raise UsageError(f"{where}: unknown option {name!r}; known are {', '.join(_WRITE)}")
        if value is not None:
            items += _WRITE[name](value, f"{where}: {name}")
    return _core.Properties(items) if items else None


def read(items: Sequence[tuple[str, Any]]) -> Properties:
    """Those of a message that has arrived."""
    if not items:
        return _NONE
    one = dict(items)
    return Properties(
        one.get("message_expiry_interval"),
        _text(one.get("content_type")),
        _text(one.get("response_topic")),
        one.get("correlation_data"),
        one.get("payload_format_indicator") == 1,
        tuple((n.decode(), v.decode()) for name, (n, v) in _all(items, "user_property")),
        tuple(number for name, number in _all(items, "subscription_identifier")),
    )


def interval_s(value: object, where: str) -> int:
    """An interval of MQTT: whole seconds up to 4,294,967,295."""
    if isinstance(value, int) and not isinstance(value, bool):
        return units.count(value, where, most=_LONGEST_INTERVAL_S)
    nanoseconds = units.duration_ns(value, where)
    if nanoseconds % 10**9:
        raise UsageError(f"{where}: {value!r} is no whole number of seconds")
    return nanoseconds // 10**9


def session_expiry_s(value: object, where: str) -> int:
    """A Session Expiry Interval: whole seconds, or "never"."""
    return _LONGEST_INTERVAL_S if value == "never" else interval_s(value, where)


def user_properties(given: object, where: str) -> list[tuple[str, object]]:
    """Pairs of texts, from a mapping or a sequence of pairs."""
    pairs = list(given.items() if isinstance(given, Mapping) else _pairs(given, where))
    return [
        ("user_property", (_string(name, where), _string(value, where))) for name, value in pairs
    ]


def _pairs(given: object, where: str) -> Sequence[tuple[object, object]]:
    if (
        not isinstance(given, Sequence)
        or isinstance(given, (str, bytes))
        or any(not isinstance(one, tuple) or len(one) != 2 for one in given)
    ):
        raise UsageError(f"{where}: {given!r} is no mapping and no list of pairs ('name', 'value')")
    return given


def _string(value: object, where: str) -> bytes:
    encoded = units.text(value, where).encode()
    if len(encoded) > 65_535 or b"\0" in encoded:
        raise UsageError(f"{where}: a text of {len(encoded)} bytes; 65535 fit, without U+0000")
    return encoded


def _binary(value: object, where: str) -> bytes:
    if isinstance(value, str):
        return _string(value, where)
    if not isinstance(value, (bytes, bytearray, memoryview)) or len(value) > 65_535:
        raise UsageError(f"{where}: {value!r} is neither text nor up to 65535 bytes")
    return bytes(value)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _all(items: Sequence[tuple[str, Any]], wanted: str) -> list[tuple[str, Any]]:
    return [item for item in items if item[0] == wanted]


_WRITE: dict[str, Any] = {
    "expiry": lambda v, w: [("message_expiry_interval", interval_s(v, w))],
    "content_type": lambda v, w: [("content_type", _string(v, w))],
    "response_topic": lambda v, w: [("response_topic", _string(v, w))],
    "correlation_data": lambda v, w: [("correlation_data", _binary(v, w))],
    "payload_is_text": lambda v, w: [("payload_format_indicator", int(units.flag(v, w)))],
    "user_properties": user_properties,
}
_NONE = Properties()
