"""A client's options, checked and turned into the core's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from mqttlab import _sim, units
from mqttlab.errors import UsageError

__all__ = [
    "Backoff",
    "ClientOptions",
    "Will",
    "client_config",
    "payload_bytes",
    "qos_level",
]


@dataclass(frozen=True)
class Will:
    """The message that the broker publishes when the client goes without DISCONNECT."""

    topic: str
    payload: bytes | str = b""
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True)
class Backoff:
    """Wait before dialling again: initial * factor^n, at most `maximum`, less a random part.

    `jitter`: the random part's largest share. Counting starts anew once a link was up for `stable`.
    """

    initial: float | str = "1s"
    maximum: float | str = "60s"
    factor: float = 2.0
    jitter: float | str = 0.5
    stable: float | str = "10s"


class ClientOptions(TypedDict, total=False):
    """Options of a client. Durations are seconds or texts such as "10s"."""

    client_id: str  # the device's name if absent
    clean_session: bool  # default True
    keep_alive_s: int  # 0..65535, default 60; 0: none
    ping_timeout: float | str  # from PINGREQ to PINGRESP, default "10s"
    connect_timeout: float | str  # from dial to CONNACK, default "30s"
    will: Will | None
    user_name: str | None
    password: str | None
    reconnect: bool  # default True
    backoff: Backoff
    window: int  # exchanges in flight, 1..65535, default 20
    queue_messages: int  # the offline queue's limit, default 1000
    queue_bytes: int | str  # the same in bytes, default "1MiB"
    max_packet_size: int | str  # bytes accepted from the broker, default "1MiB"


def client_config(name: str, options: ClientOptions) -> _sim.ClientConfig:
    """Checks `options` and makes the core's configuration; `name` is the default client id."""
    config = _sim.ClientConfig()
    config.client_id = name
    where = f"client of {name!r}"
    for key, value in options.items():
        if key not in _SETTERS:
            raise UsageError(f"{where}: unknown option {key!r}; known are {', '.join(_SETTERS)}")
        _SETTERS[key](config, value, f"{where}: {key}")
    return config


def payload_bytes(value: object, where: str) -> bytes:
    """A payload, from bytes or from text as UTF-8."""
    if isinstance(value, str):
        return units.text(value, f"{where}: payload").encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise UsageError(f"{where}: payload {value!r} is neither bytes nor text")


def qos_level(value: object, where: str) -> int:
    """0, 1 or 2, and nothing else."""
    if not isinstance(value, int) or isinstance(value, bool) or value not in (0, 1, 2):
        raise UsageError(f"{where}: QoS is 0, 1 or 2, got {value!r}")
    return int(value)


def _set_will(config: _sim.ClientConfig, will: object, where: str) -> None:
    if will is None:
        return
    if not isinstance(will, Will):
        raise UsageError(f"{where}: {will!r} is no mqttlab.Will; write mqttlab.Will(topic, ...)")
    payload = payload_bytes(will.payload, where)
    topic, level = units.text(will.topic, f"{where}, topic"), qos_level(will.qos, where)
    config.set_will(topic, payload, level, units.flag(will.retain, f"{where}, retain"))


def _set_backoff(config: _sim.ClientConfig, given: object, where: str) -> None:
    if not isinstance(given, Backoff):
        raise UsageError(f"{where}: {given!r} is no mqttlab.Backoff")
    backoff = _sim.Backoff()
    for name in ("initial", "maximum", "stable"):
        setattr(backoff, name, units.duration_ns(getattr(given, name), f"{where}, {name}"))
    backoff.factor = units.number(given.factor, f"{where}, factor", least=1.0)
    backoff.jitter = units.fraction(given.jitter, f"{where}, jitter")
    config.backoff = backoff


def _setter(name: str, convert: Any, **bounds: int) -> Any:
    def set_field(config: _sim.ClientConfig, value: object, where: str) -> None:
        setattr(config, name, convert(value, where, **bounds))

    return set_field


def _optional_text(value: object, where: str) -> str | None:
    return None if value is None else units.text(value, where)


_SETTERS: dict[str, Any] = {
    "client_id": _setter("client_id", units.text),
    "clean_session": _setter("clean_session", units.flag),
    "keep_alive_s": _setter("keep_alive_s", units.count, most=65_535),
    "ping_timeout": _setter("ping_timeout", units.duration_ns),
    "connect_timeout": _setter("connect_timeout", units.duration_ns),
    "will": _set_will,
    "user_name": _setter("user_name", _optional_text),
    "password": _setter("password", _optional_text),
    "reconnect": _setter("reconnect", units.flag),
    "backoff": _set_backoff,
    "window": _setter("window", units.count, least=1, most=65_535),
    "queue_messages": _setter("queue_messages", units.count),
    "queue_bytes": _setter("queue_bytes", units.size),
    "max_packet_size": _setter("max_packet_size", units.size, most=268_435_460),
}
