"""Faults as data: what is to happen (`Cut`, `Outage`, ...), and at which instant (`At`, `Before`,
...). `lab.at(when, what, on=...)` plans one, `lab.plan(...)` many; every one has to_data() and
from_data(), plain dictionaries for JSON and TOML.
"""

from __future__ import annotations

from mqttlab.faults.effects import Cut, Effect, Outage
from mqttlab.faults.ends import ClockStep, Crash, Pause, SlowReader
from mqttlab.faults.fault import Fault
from mqttlab.faults.instants import (
    Arrived,
    At,
    Before,
    Bytes,
    Fired,
    Inside,
    Instant,
    Resent,
    Unread,
    Written,
)
from mqttlab.faults.path import (
    Blackhole,
    Coalesce,
    Corrupt,
    DelaySpike,
    Duplicate,
    Partition,
    Rebind,
    Reorder,
    Roam,
    Segments,
    ShortWrites,
    SlowClose,
    Throttle,
)
from mqttlab.faults.planned import Planned

__all__ = [
    "Arrived",
    "At",
    "Before",
    "Blackhole",
    "Bytes",
    "ClockStep",
    "Coalesce",
    "Corrupt",
    "Crash",
    "Cut",
    "DelaySpike",
    "Duplicate",
    "Effect",
    "Fault",
    "Fired",
    "Inside",
    "Instant",
    "Outage",
    "Partition",
    "Pause",
    "Planned",
    "Rebind",
    "Reorder",
    "Resent",
    "Roam",
    "Segments",
    "ShortWrites",
    "SlowClose",
    "Throttle",
    "Unread",
    "SlowReader",
    "Written",
]
