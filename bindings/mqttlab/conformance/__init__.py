"""Conformance: every normative statement of MQTT, by cases that any broker can be put to.

A case is a coroutine that takes a Trial and reads like its rule; `scenarios/conformance` has them.
"""

from mqttlab.conformance.cases import Case, Statement, case, load, statements
from mqttlab.conformance.client_trial import ClientTrial
from mqttlab.conformance.hearsay import heard_twice, misheard, unheard
from mqttlab.conformance.peer import Peer
from mqttlab.conformance.sabotage import (
    CLOSE,
    Later,
    Link,
    change,
    closes_after,
    delay,
    drop,
    ends,
    instead,
    invent,
    keep_open,
    late,
    message,
    patch,
    repeat,
    subscribed,
    swap,
)
from mqttlab.conformance.scope import only
from mqttlab.conformance.served import Served
from mqttlab.conformance.trial import Trial
from mqttlab.conformance.verdicts import (
    Failed,
    NotClaimed,
    NotObservable,
    NotTested,
    Verdict,
    check,
    not_claimed,
    not_observable,
)
from mqttlab.conformance.wire import Packet

__all__ = [
    "CLOSE",
    "Case",
    "ClientTrial",
    "Failed",
    "Later",
    "Link",
    "NotClaimed",
    "NotObservable",
    "NotTested",
    "Packet",
    "Peer",
    "Served",
    "Statement",
    "Trial",
    "Verdict",
    "case",
    "change",
    "check",
    "closes_after",
    "delay",
    "drop",
    "ends",
    "heard_twice",
    "instead",
    "invent",
    "keep_open",
    "late",
    "load",
    "message",
    "misheard",
    "not_claimed",
    "not_observable",
    "only",
    "patch",
    "repeat",
    "statements",
    "subscribed",
    "swap",
    "unheard",
]
