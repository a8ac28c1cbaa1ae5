"""A client's options, checked and turned into the core's configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, get_args

from mqttlab import _core, properties, units
from mqttlab.errors import UsageError
from mqttlab.properties import PropertyOptions, UserProperties

__all__ = [
    "VERSIONS",
    "certificate_until_ns",
    "TRANSPORTS",
    "Backoff",
    "ClientOptions",
    "Scram",
    "Transport",
    "Will",
    "client_config",
    "payload_bytes",
    "qos_level",
    "transport_of",
]

Transport = Literal["tcp", "tls", "ws", "wss"]


@dataclass(frozen=True)
class Will:
    """The message that the broker publishes when the client goes without DISCONNECT."""

    topic: str
    payload: bytes | str = b""
    qos: int = 0
    retain: bool = False
    delay: float | str = 0
    """Will Delay Interval in whole seconds: the broker waits so long for the client (5.0)."""
    properties: PropertyOptions = field(default_factory=PropertyOptions)
    """As for Client.publish (5.0)."""


@dataclass(frozen=True)
class Scram:
    """Enhanced authentication of 5.0 by SCRAM-SHA-256: the password never crosses the wire."""

    user_name: str
    password: str


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
    transport: Transport  # default "tcp"; the others are TLS, WebSocket, and WebSocket in TLS
    # With TLS: the client has a certificate of the run's authority in the name of its client id.
    # A duration: until so long after the run's start, in whole seconds. Simulated networks only.
    certificate: bool | float | str
    version: str | int  # "3.1", "3.1.1" (default) or "5"
    clean_session: bool  # Clean Start in 5.0; default True
    keep_alive_s: int  # 0..65535, default 60; 0: none
    ping_timeout: float | str  # from PINGREQ to a sign of life, default "10s"
    connect_timeout: float | str  # from dial to CONNACK, default "30s"
    will: Will | None
    user_name: str | None
    password: str | None
    reconnect: bool  # default True
    backoff: Backoff
    window: int  # exchanges in flight, 1..65535, default 20
    test_packet_id_max: int  # for tests of packet ids that run out: the highest that it hands out
    queue_messages: int  # the offline queue's limit, default 1000
    queue_bytes: int | str  # the same in bytes, default "1MiB"
    max_packet_size: int | str  # bytes accepted from the broker, default "1MiB"
    # MQTT 5.0 only:
    session_expiry: float | str  # whole seconds, or "never"; default: 0 with clean_session, never
    receive_maximum: int  # exchanges that the broker may have open, 1..65535
    topic_alias_maximum: int  # aliases accepted from the broker, default 0
    send_topic_alias_maximum: int  # aliases used towards the broker, default 0
    request_response_information: bool
    request_problem_information: bool  # default True
    user_properties: UserProperties  # of CONNECT
    authentication: Scram | None


def client_config(name: str, options: ClientOptions, seed: int) -> _core.ClientConfig:
    """Checks `options` and makes the core's configuration.

    `name` is the default client id; `seed` is the run's, for what authentication draws.
    """
    config = _core.ClientConfig()
    config.client_id = name
    where = f"client of {name!r}"
    for key, value in options.items():
        if key not in _SETTERS:
            raise UsageError(f"{where}: unknown option {key!r}; known are {', '.join(_SETTERS)}")
        _SETTERS[key](config, value, f"{where}: {key}")
    if scram := _scram(options.get("authentication"), f"{where}: authentication"):
        config.set_scram(*scram, seed)
    if options.get("certificate", False) is not False and transport_of(options) not in _WITH_TLS:
        raise UsageError(f"{where}: certificate: it takes TLS; add transport='tls' or 'wss'")
    if config.version != VERSIONS["5"]:
        will = options.get("will")
        of_5 = [key for key in options if key in _ONLY_5]
        if isinstance(will, Will) and (will.delay or will.properties):
            of_5.append("the will's delay and properties")
        if of_5:
            raise UsageError(f"{where}: {', '.join(of_5)}: MQTT 5.0 only; add version=5")
    return config


def transport_of(options: ClientOptions) -> Transport:
    """What carries the client's bytes, of options that `client_config` has checked."""
    return options.get("transport", "tcp")


def certificate_until_ns(options: ClientOptions) -> int:
    """When the client's certificate ends, of options that `client_config` has checked; 0: none."""
    given = options.get("certificate", False)
    if isinstance(given, bool):
        return _FOR_EVER_NS if given else 0
    return units.duration_ns(given, "certificate")


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


def _set_will(config: _core.ClientConfig, will: object, where: str) -> None:
    if will is None:
        return
    if not isinstance(will, Will):
        raise UsageError(f"{where}: {will!r} is no mqttlab.Will; write mqttlab.Will(topic, ...)")
    payload = payload_bytes(will.payload, where)
    topic, level = units.text(will.topic, f"{where}, topic"), qos_level(will.qos, where)
    carried = properties.encode(will.properties, where)
    delay_s = properties.interval_s(will.delay, f"{where}, delay")
    retain = units.flag(will.retain, f"{where}, retain")
    config.set_will(topic, payload, level, retain, delay_s, carried)


def _set_backoff(config: _core.ClientConfig, given: object, where: str) -> None:
    if not isinstance(given, Backoff):
        raise UsageError(f"{where}: {given!r} is no mqttlab.Backoff")
    backoff = _core.Backoff()
    for name in ("initial", "maximum", "stable"):
        setattr(backoff, name, units.duration_ns(getattr(given, name), f"{where}, {name}"))
    backoff.factor = units.number(given.factor, f"{where}, factor", least=1.0)
    backoff.jitter = units.fraction(given.jitter, f"{where}, jitter")
    config.backoff = backoff


def _set_session_expiry(config: _core.ClientConfig, value: object, where: str) -> None:
    config.session_expiry_s = properties.session_expiry_s(value, where)


def _set_user_properties(config: _core.ClientConfig, value: object, where: str) -> None:
    config.properties = _core.Properties(properties.user_properties(value, where))


def _scram(given: object, where: str) -> tuple[str, str] | None:
    if given is None:
        return None
    if not isinstance(given, Scram):
        raise UsageError(f"{where}: {given!r} is no mqttlab.Scram(user_name, password)")
    user_name = units.text(given.user_name, f"{where}, user_name", least=1)
    return user_name, units.text(given.password, f"{where}, password")


def _check_transport(config: _core.ClientConfig, value: object, where: str) -> None:
    if value not in TRANSPORTS:
        raise UsageError(f"{where}: {value!r} is none of {', '.join(TRANSPORTS)}")


def _check_certificate(config: _core.ClientConfig, value: object, where: str) -> None:
    if isinstance(value, bool):
        return
    until_ns = units.duration_ns(value, where)
    if until_ns < _SECOND_NS or until_ns % _SECOND_NS:
        raise UsageError(f"{where}: {value!r} is no whole number of seconds, of 1 or more")


def _version(value: object, where: str) -> int:
    known = VERSIONS.get(str(value))
    if known is None or isinstance(value, bool):
        raise UsageError(f"{where}: {value!r} is none of {', '.join(VERSIONS)}")
    return known


def _setter(name: str, convert: Any, **bounds: int) -> Any:
    def set_field(config: _core.ClientConfig, value: object, where: str) -> None:
        setattr(config, name, convert(value, where, **bounds))

    return set_field


def _optional_text(value: object, where: str) -> str | None:
    return None if value is None else units.text(value, where)


_SECOND_NS = 10**9
_FOR_EVER_NS = 2**63 - 1
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)

_WITH_TLS = ("tls", "wss")
VERSIONS = {"3.1": 3, "3.1.1": 4, "5": 5, "5.0": 5}
"""Protocol levels by the names of the versions."""

_SETTERS: dict[str, Any] = {
    "version": _setter("version", _version),
    "client_id": _setter("client_id", units.text),
    "transport": _check_transport,  # see transport_of
    "certificate": _check_certificate,  # see certificate_until_ns
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
    "test_packet_id_max": _setter("test_packet_id_max", units.count, least=1, most=65_535),
    "queue_messages": _setter("queue_messages", units.count),
    "queue_bytes": _setter("queue_bytes", units.size),
    "max_packet_size": _setter("max_packet_size", units.size, most=268_435_460),
}
_ONLY_5: dict[str, Any] = {
    "session_expiry": _set_session_expiry,
    "receive_maximum": _setter("receive_maximum", units.count, least=1, most=65_535),
    "topic_alias_maximum": _setter("topic_alias_maximum", units.count, most=65_535),
    "send_topic_alias_maximum": _setter("send_topic_alias_maximum", units.count, most=65_535),
    "request_response_information": _setter("request_response_information", units.flag),
    "request_problem_information": _setter("request_problem_information", units.flag),
    "user_properties": _set_user_properties,
    "authentication": lambda config, value, where: None,  # see client_config
}
_SETTERS |= _ONLY_5
