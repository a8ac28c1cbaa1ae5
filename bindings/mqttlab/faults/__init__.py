"""Faults as data: what is to happen (`Cut`, `Outage`, ...), and at which instant (`At`, `Before`,
...). `lab.at(when, what, on=...)` plans one, `lab.plan(...)` many; every one has to_data() and
from_data(), plain dictionaries for JSON and TOML. `lab.at(...)` returns a `Planned`, which may be
awaited, and called off with cancel().

In Python each effect is a call of its name as well. What lasts is a scope, `async with
lab.outage(meter):`, `lab.blackhole(meter, "up")`, `lab.slow_reader(meter)`; `lab.crash(whom)` and
`lab.pause(whom)` befall devices or, without any, the broker. What has no end happens at once:
`lab.cut(meter, "fin")`, `lab.rebind(meter)`, `lab.roam(meter)`, `lab.step_clock("+1h")`. For
effects of one's own, and for those as data, there are `lab.scope(effect, whom)` and
`lab.inject(effect, whom)`.

What is no fault, and breaks MQTT all the same:

- Order of simultaneous events: `lab.shuffle_ties()`, or `ShuffleTies()` as data, has the seed draw
  it. Without, it is the simulator's, the same with every seed.
- Packet ids that run out: `test_packet_id_max=` of `lab.broker(...)` and of `device.client(...)`.
- Two clients of one client id: `device.client(client_id="twin")` on two devices.
"""

from __future__ import annotations

from mqttlab.faults.effects import Cut, Effect, Outage
from mqttlab.faults.ends import ClockStep, Crash, Pause, ShuffleTies, SlowReader
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
    "ShuffleTies",
    "SlowClose",
    "Throttle",
    "Unread",
    "SlowReader",
    "Written",
]
