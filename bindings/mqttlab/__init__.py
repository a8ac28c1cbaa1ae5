"""mqttlab: a proving ground for MQTT. Broker and clients in simulated networks, in virtual time,
or on real sockets.

    async def scenario(lab: mqttlab.Lab) -> None: ...
    result = mqttlab.run(scenario, seed=7, until="10min")
    result.check("Q1-NOLOSS")

The simulator (ns-3) is loaded by the first run that is simulated; all else is usable without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mqttlab.errors import (
    ConnectionLostError,
    Error,
    NotApplicableError,
    PublishError,
    RefusedError,
    SubscribeError,
    UsageError,
    ViolationError,
)
from mqttlab.parameters import scenario
from mqttlab.reasons import Reason
from mqttlab.result import Result
from mqttlab.units import Duration

if TYPE_CHECKING:
    from mqttlab.broker_options import Tokens, scram_line
    from mqttlab.client import Client
    from mqttlab.client_options import Backoff, Scram, Will
    from mqttlab.energy import Radio, radios
    from mqttlab.hunting import Hunt, hunt
    from mqttlab.lab import Broker, Device, Fleet, Lab
    from mqttlab.links import Burst, Cycle, Link, Nat, Profile, profiles
    from mqttlab.messages import Message
    from mqttlab.own_invariants import invariant
    from mqttlab.pairs import Comparison, compare_runs
    from mqttlab.properties import Properties
    from mqttlab.replaying import replay
    from mqttlab.runner import run
    from mqttlab.subscriptions import Subscription

__version__ = "0.1.0"

__all__ = [
    "Backoff",
    "Broker",
    "Burst",
    "Client",
    "Comparison",
    "ConnectionLostError",
    "Cycle",
    "Device",
    "Duration",
    "Error",
    "Fleet",
    "Hunt",
    "Lab",
    "Link",
    "Message",
    "Nat",
    "NotApplicableError",
    "Profile",
    "Properties",
    "PublishError",
    "Radio",
    "Reason",
    "RefusedError",
    "Result",
    "Scram",
    "SubscribeError",
    "Subscription",
    "Tokens",
    "UsageError",
    "ViolationError",
    "Will",
    "compare_runs",
    "hunt",
    "invariant",
    "profiles",
    "radios",
    "replay",
    "run",
    "scenario",
    "scram_line",
]

_LATER = {  # loaded when first used: most commands need none of it
    name: module
    for module, names in {
        "broker_options": ("Tokens", "scram_line"),
        "client": ("Client",),
        "client_options": ("Backoff", "Scram", "Will"),
        "hunting": ("Hunt", "hunt"),
        "energy": ("Radio", "radios"),
        "lab": ("Broker", "Device", "Fleet", "Lab"),
        "links": ("Burst", "Cycle", "Link", "Nat", "Profile", "profiles"),
        "messages": ("Message",),
        "own_invariants": ("invariant",),
        "pairs": ("Comparison", "compare_runs"),
        "properties": ("Properties",),
        "replaying": ("replay",),
        "runner": ("run",),
        "subscriptions": ("Subscription",),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'mqttlab' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"mqttlab.{_LATER[name]}"), name)
    globals()[name] = value
    return value
