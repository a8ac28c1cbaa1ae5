"""The broker's options, checked and turned into the core's configuration."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from mqttlab import _sim, units
from mqttlab.errors import UsageError

__all__ = ["BrokerOptions", "broker_config"]


class BrokerOptions(TypedDict, total=False):
    """Options of the broker. Durations are seconds or texts such as "10s"."""

    max_connections: int
    max_packet_size: int | str  # bytes, fixed header included
    connect_timeout: float | str  # from accept to CONNECT
    keep_alive_factor: float  # 1.5 is the standard's (MQTT-3.1.2-24)
    window: int  # exchanges in flight to one session
    receive_window: int  # QoS 2 exchanges open from one session
    queue_messages: int  # waiting for one session
    queue_bytes: int | str  # the same in bytes of topic and payload
    queue_qos0: bool  # keep QoS 0 messages for absent persistent sessions
    outbox_bytes: int | str  # per link; above it QoS 0 is dropped
    max_retained: int
    max_subscriptions: int  # per session
    max_filter_levels: int  # of a topic filter; a deeper one is refused
    max_sessions: int  # then new client ids are refused with return code 3
    sys_interval: float | str  # $SYS topics are published so often; 0: not at all
    passwords: str | os.PathLike[str]  # file of mosquitto_passwd; absent: everybody may connect
    acl: str | os.PathLike[str]  # access control file in mosquitto's format
    anonymous: bool  # may clients without a user name connect? default: True without passwords


def broker_config(name: str, options: BrokerOptions) -> tuple[_sim.BrokerConfig, dict[str, Any]]:
    """The core's configuration, and the access arguments of `_sim.World.add_broker`."""
    config = _sim.BrokerConfig()
    access: dict[str, Any] = {"anonymous": "passwords" not in options}
    for key, value in options.items():
        where = f"broker {name!r}: {key}"
        if key in _ACCESS:
            access[key] = _ACCESS[key](value, where)
        elif key in _FIELDS:
            setattr(config, key, _FIELDS[key](value, where))
        else:
            known = ", ".join([*_FIELDS, *_ACCESS])
            raise UsageError(f"broker {name!r}: unknown option {key!r}; known are {known}")
    return config, access


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
    "receive_window": _window,
    "queue_messages": units.count,
    "queue_bytes": units.size,
    "queue_qos0": units.flag,
    "outbox_bytes": units.size,
    "max_retained": units.count,
    "max_subscriptions": units.count,
    "max_filter_levels": units.count,
    "max_sessions": units.count,
    "sys_interval": units.duration_ns,
}

_ACCESS: dict[str, Callable[[object, str], Any]] = {
    "passwords": _read,
    "acl": _read,
    "anonymous": units.flag,
}
