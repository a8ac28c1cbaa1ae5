"""The broker's options, checked and turned into the core's configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from mqttlab import _core, properties, units
from mqttlab.client_options import qos_level
from mqttlab.errors import UsageError
from mqttlab.result import NotApplicable

__all__ = ["BrokerOptions", "Tokens", "beyond_reach", "broker_config", "disk_of", "scram_line"]

_Delay = float | str


@dataclass(frozen=True)
class Tokens:
    """Clients prove who they are by a JSON Web Token in place of the password.

    Its `sub` is the user that the ACL knows; the connection ends when the token does.
    """

    key: str | os.PathLike[str]
    """File with the public key in PEM, or for HS256 the secret."""
    algorithm: Literal["HS256", "RS256", "ES256", "EdDSA"]
    """The only one that is accepted, whatever a token says of itself."""
    issuer: str = ""
    """What `iss` must be; empty: anything."""
    audience: str = ""
    """What `aud` must name; empty: anything."""
    unix_time: float = 0
    """Seconds since 1970 at the start of the run, for `exp` and `nbf`."""


class BrokerOptions(TypedDict, total=False):
    """Options of the broker. Durations are seconds or texts such as "10s"."""

    max_connections: int
    max_packet_size: int | str  # bytes, fixed header included
    connect_timeout: float | str  # from accept to CONNECT
    keep_alive_factor: float  # 1.5 is the standard's (MQTT-3.1.2-24)
    window: int  # exchanges in flight to one session
    test_packet_id_max: int  # for tests of packet ids that run out: the highest that it hands out
    receive_window: int  # Receive Maximum: exchanges open from one client (5.0)
    queue_messages: int  # waiting for one session
    queue_bytes: int | str  # the same in bytes: topics, payloads, properties
    queue_qos0: bool  # keep QoS 0 messages for absent persistent sessions
    outbox_bytes: int | str  # per link; above it QoS 0 is dropped
    max_retained: int
    max_retained_bytes: int | str  # all of them: topics, properties, payloads; default "256MiB"
    max_subscriptions: int  # per session
    max_filter_levels: int  # of a topic filter; a deeper one is refused
    max_sessions: int  # then new client ids are refused with code 3 (5.0: 0x97)
    sys_interval: float | str  # $SYS topics are published so often; 0: not at all
    # Where its state outlives a crash of its process; simulated networks only:
    store: Literal["none", "disk"]  # default: none
    # What survives, when it has been acknowledged and then the machine ends ("torn"): all; all but
    # the last 200 ms (default); anything. As of `mqttlab broker --durability`.
    durability: Literal["sync", "batch", "none"]
    sync_time: float | str  # how long that disk takes to sync; default 0
    # What clients of MQTT 5.0 are told in CONNACK:
    server_keep_alive_s: int  # instead of their own
    max_session_expiry: float | str  # whole seconds; a longer interval is cut to it
    topic_alias_maximum: int  # aliases accepted from one client
    send_topic_alias_maximum: int  # aliases used towards one client
    maximum_qos: int
    retain_available: bool
    wildcard_available: bool
    shared_available: bool
    identifiers_available: bool
    reason_strings: bool  # name the statement that a client has broken; default True
    response_information: str  # for clients that ask for it
    redirect: Literal["use another server", "server moved"]  # every CONNECT is refused so
    server_reference: str  # the other server
    # Who may connect, and do what:
    passwords: str | os.PathLike[str]  # file of mosquitto_passwd; absent: everybody may connect
    scram: bool  # SCRAM-SHA-256, for those who have credentials for it in `passwords`
    tokens: Tokens
    # Clients over TLS must have a certificate of the run's authority, and their name in it is the
    # user that the ACL knows; the others need another proof. Simulated networks only.
    certificates: bool
    acl: str | os.PathLike[str]  # access control file in mosquitto's format
    anonymous: bool  # may clients without a user name connect? default: True without any proof
    # A slow identity system: how long its answers take ("never": they do not come), or how long
    # by kind of question: {"authenticate": "3s", "publish": "20ms", "subscribe": "never"}
    decision_delay: _Delay | Mapping[Literal["authenticate", "publish", "subscribe"], _Delay]


def broker_config(name: str, options: BrokerOptions) -> tuple[_core.BrokerConfig, dict[str, Any]]:
    """The core's configuration, and the access arguments of `_core.World.add_broker`."""
    config = _core.BrokerConfig()
    proofs = {key for key in _PROOFS & options.keys() if options.get(key) is not False}
    access: dict[str, Any] = {"anonymous": not proofs}
    for key, value in options.items():
        where = f"broker {name!r}: {key}"
        if key in _DISK:
            continue
        if key in _ACCESS:
            access[key] = _ACCESS[key](value, where)
        elif key == "max_session_expiry":
            config.max_session_expiry_s = properties.interval_s(value, where)
        elif key in _FIELDS:
            setattr(config, key, _FIELDS[key](value, where))
        else:
            known = ", ".join([*_FIELDS, "max_session_expiry", *_DISK, *_ACCESS])
            raise UsageError(f"broker {name!r}: unknown option {key!r}; known are {known}")
    return config, access


def disk_of(where: str, options: Mapping[str, Any]) -> tuple[str, int] | None:
    """Durability and time of a sync in ns of the disk that options ask for; None: there is none."""
    store, durability = options.get("store", "none"), options.get("durability", "batch")
    if store not in ("none", "disk"):
        raise UsageError(f"{where}: store: {store!r} is none of 'none', 'disk'")
    if durability not in ("sync", "batch", "none"):
        raise UsageError(f"{where}: durability: {durability!r} is none of 'sync', 'batch', 'none'")
    for key in ("durability", "sync_time"):
        if key in options and store == "none":
            raise UsageError(f"{where}: {key} is about a disk: add store='disk'")
    sync_ns = units.duration_ns(options.get("sync_time", 0), f"{where}: sync_time")
    return (durability, sync_ns) if store == "disk" else None


# Of a broker that is none of ours: what only says how much it takes on, or how it goes about it.
# All other options say how it behaves.
_LIMITS = {
    "max_connections", "max_packet_size", "connect_timeout", "window", "receive_window",
    "queue_messages", "queue_bytes", "queue_qos0", "outbox_bytes", "max_retained",
    "max_retained_bytes", "max_subscriptions", "max_filter_levels", "max_sessions", "sys_interval",
    "topic_alias_maximum", "send_topic_alias_maximum", "reason_strings",
}  # fmt: skip
_LOST_TO_LIMITS = (
    "Q1-NOLOSS", "Q2-ONCE", "Q2-HONEST", "SESS-QUEUE", "SUB-DURABLE", "WILL-IFF", "RET-CONVERGE",
    "RET-SET", "CONVERGE",
)  # fmt: skip


def beyond_reach(options: BrokerOptions) -> list[NotApplicable]:
    """What these options ask of a broker that cannot be given any."""
    missing = []
    for key, value in options.items():
        asked = f"the broker's option {key}={value!r}"
        if key in _LIMITS:
            why = "the target has limits of its own"
            missing.append(NotApplicable(asked, why, rests_on_it=_LOST_TO_LIMITS))
        elif (key, value) != ("anonymous", True):
            why = "the target behaves as it was set up; --target live takes options"
            missing.append(NotApplicable(asked, why, all=True))
    return missing


def scram_line(
    user_name: str, password: str, *, salt: bytes | None = None, iterations: int = 4096
) -> str:
    """A line of a password file with SCRAM-SHA-256 credentials; `salt` is random if absent.

    `iterations`: 4,096 (RFC 7677) to 1,000,000. Errors: UsageError.
    """
    where = "scram_line"
    name = units.text(user_name, f"{where}: user_name", least=1)
    if ":" in name or not name.isprintable():
        raise UsageError(f"{where}: user_name: {name!r} has a colon or an unprintable character")
    if salt is None:
        salt = os.urandom(16)
    elif not isinstance(salt, bytes) or not salt:
        raise UsageError(f"{where}: salt: {salt!r} is no bytes, or none; 16 random bytes will do")
    return _core.scram_line(
        name,
        units.text(password, f"{where}: password"),
        salt,
        units.count(iterations, f"{where}: iterations", least=4096, most=1_000_000),
    )


def _read(path: object, where: str) -> tuple[str, str]:
    """Content and name of a text file."""
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"{where}: {path!r} is no path")
    try:
        return Path(path).read_text(encoding="utf-8"), os.fspath(path)
    except OSError as error:
        raise UsageError(f"{where}: cannot read {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{where}: {str(path)!r} is no UTF-8 text") from None


def _tokens(given: object, where: str) -> _core.JwtConfig:
    if not isinstance(given, Tokens):
        raise UsageError(f"{where}: {given!r} is no mqttlab.Tokens(key, algorithm)")
    if given.algorithm not in _ALGORITHMS:
        known = ", ".join(_ALGORITHMS)
        raise UsageError(f"{where}, algorithm: {given.algorithm!r} is none of {known}")
    config = _core.JwtConfig()
    config.algorithm = _ALGORITHMS.index(given.algorithm)
    try:
        config.key = Path(given.key).read_bytes()
    except OSError as error:
        problem = f"cannot read {str(given.key)!r}: {error.strerror}"
        raise UsageError(f"{where}, key: {problem}") from None
    config.issuer = units.text(given.issuer, f"{where}, issuer")
    config.audience = units.text(given.audience, f"{where}, audience")
    config.unix_time = round(units.number(given.unix_time, f"{where}, unix_time", most=4e9) * 1e9)
    return config


_ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")  # in the core's order
_QUESTIONS = ("authenticate", "publish", "subscribe")


def _delays(given: object, where: str) -> tuple[int, int, int]:
    """Nanoseconds by kind of question; -1: never."""

    def one(value: object, where: str) -> int:
        return -1 if value == "never" else units.duration_ns(value, where)

    if not isinstance(given, Mapping):
        given = dict.fromkeys(_QUESTIONS, given)
    if unknown := [str(key) for key in given if key not in _QUESTIONS]:
        raise UsageError(f"{where}: {unknown[0]!r} is none of {', '.join(_QUESTIONS)}")
    first, second, third = (one(given.get(kind, 0), f"{where}, {kind}") for kind in _QUESTIONS)
    return first, second, third


_REDIRECTS = {"use another server": 0x9C, "server moved": 0x9D}


def _redirect(value: object, where: str) -> int:
    if not isinstance(value, str) or value not in _REDIRECTS:
        raise UsageError(f"{where}: {value!r} is none of {', '.join(map(repr, _REDIRECTS))}")
    return _REDIRECTS[value]


def _most_16_bit(value: object, where: str) -> int:
    return units.count(value, where, most=65_535)


def _window(value: object, where: str) -> int:
    return units.count(value, where, least=1, most=65_535)


def _factor(value: object, where: str) -> float:
    return units.number(value, where, least=1.0, most=1000.0)


def _packet_size(value: object, where: str) -> int:
    return units.size(value, where, most=268_435_460)


_FIELDS: dict[str, Callable[[object, str], Any]] = {
    "max_connections": units.count,
    "max_packet_size": _packet_size,
    "connect_timeout": units.duration_ns,
    "keep_alive_factor": _factor,
    "window": _window,
    "test_packet_id_max": _window,
    "receive_window": _window,
    "server_keep_alive_s": _most_16_bit,
    "topic_alias_maximum": _most_16_bit,
    "send_topic_alias_maximum": _most_16_bit,
    "maximum_qos": qos_level,
    "retain_available": units.flag,
    "wildcard_available": units.flag,
    "shared_available": units.flag,
    "identifiers_available": units.flag,
    "reason_strings": units.flag,
    "response_information": units.text,
    "redirect": _redirect,
    "server_reference": units.text,
    "queue_messages": units.count,
    "queue_bytes": units.size,
    "queue_qos0": units.flag,
    "outbox_bytes": units.size,
    "max_retained": units.count,
    "max_retained_bytes": units.size,
    "max_subscriptions": units.count,
    "max_filter_levels": units.count,
    "max_sessions": units.count,
    "sys_interval": units.duration_ns,
}

_DISK = ("store", "durability", "sync_time")
_PROOFS = {"passwords", "tokens", "certificates"}
_ACCESS: dict[str, Callable[[object, str], Any]] = {
    "passwords": _read,
    "acl": _read,
    "anonymous": units.flag,
    "scram": units.flag,
    "certificates": units.flag,
    "tokens": _tokens,
    "decision_delay": _delays,
}
