"""What a lab does on purpose: faults as scopes and as data, and their end."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from mqttlab.broker import Broker
from mqttlab.errors import UsageError
from mqttlab.faults import (
    At,
    Crash,
    Cut,
    Effect,
    Fault,
    Fired,
    Instant,
    Outage,
    Pause,
    Planned,
    SlowReader,
)
from mqttlab.faults.instants import OfConnection
from mqttlab.faults.schedule import load
from mqttlab.lab_path import LabPath
from mqttlab.process import Death, Fate
from mqttlab.result import FaultInfo, NotApplicable

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = ["FaultyLab", "devices_of"]

Befallen: TypeAlias = "Device | Iterable[Device] | Broker | None"
"""The devices; None or the broker: the broker."""

_BROKER = 0  # its index in the trace: it is the first there


@dataclass(eq=False)
class _Running:
    """An effect that has begun and lasts."""

    what: Effect
    device: Device | None
    fired: Fired
    words: str
    """In the trace; empty: it is not recorded."""

    @property
    def actor(self) -> int:
        """Whom it befalls, in the trace."""
        return self.device.actor if self.device else _BROKER


class FaultyLab(LabPath):
    """The part of a Lab that breaks things."""

    def __init__(self) -> None:
        self._holds: dict[int, int] = {}  # actor -> how many hold its link down
        self._running: list[_Running] = []
        self._planned: list[Planned] = []
        self._to_come: list[tuple[str, Planned]] = []  # for devices that are not there yet
        self._calm = False  # the run has settled: nothing that was planned happens

    # As data.

    def at(
        self,
        when: Instant | float | str,
        what: Effect,
        on: Device | str | Iterable[Device | str] | None = None,
        for_: float | str | None = None,
        then: Fault | None = None,
    ) -> Planned:
        """Plans a fault: `what` is done to each of `on`, once, when its instant comes.

        `when`: an instant; a number or text is a time of the run, as At(...). `on`, `for_`, `then`:
        see Fault. A fault that never happens is listed in Result.faults; settle() disarms it.

        Errors: UsageError for wrong values, and a time that is over.
        """
        instant = when if isinstance(when, Instant) else At(when)
        return self.plan([Fault(instant, what, _names(on), for_, then)])[0]

    def plan(self, faults: Sequence[Fault] | str | os.PathLike[str]) -> list[Planned]:
        """Plans faults, or those of a TOML file (see mqttlab.faults.schedule). Errors: as at()."""
        lab = self._lab
        lab.check_live()
        steps = load(faults)
        for number, fault in enumerate(steps, 1):
            where = f"fault {number}" if len(steps) > 1 else "fault"
            fault.check_target(where)
            for step in fault.steps:
                if isinstance(step.when, OfConnection) and lab.target is not None:
                    why = "instants of the protocol are told in simulated networks"
                    lab.refuse(NotApplicable(str(step), why, all=True))
            if isinstance(fault.when, At) and fault.when.at_ns < lab.world.now():
                raise UsageError(f"{where}: {fault.when} is over: it is {lab.now():g} s already")
        planned = [Planned(fault, lab.loop.create_future) for fault in steps]
        self._planned += planned
        self.check_planned()
        for one in planned:
            self._arm(one, None, 0)
        return planned

    def check_planned(self) -> None:
        """Errors: UsageError if something is planned for the broker that it cannot do."""
        for planned in self._planned:
            self._check(planned, None)

    def _check(self, planned: Planned, device: Device | None) -> None:
        planned.fault.what.check(self._lab, device)
        if planned.then is not None:
            self._check(planned.then, None if planned.then.fault.names else device)

    def fault_infos(self) -> tuple[FaultInfo, ...]:
        """As in Result.faults."""
        devices = {device.name for device in self._lab.devices_made}
        return tuple(one.info(devices) for one in self._planned)

    def aimed_at_nobody(self, planned: Iterable[Planned]) -> list[str]:
        """Which of these faults, or steps that follow, are for devices there never were."""
        devices = {device.name for device in self._lab.devices_made}
        return [
            f"{step.words}: the run never had a device {name!r}"
            for one in planned
            for step in one.info(devices).steps
            for name in step.missing
        ]

    def arm_for(self, device: Device) -> None:
        """A device has been made: what was planned for its name is armed."""
        due = [planned for name, planned in self._to_come if name == device.name]
        self._to_come = [one for one in self._to_come if one[0] != device.name]
        for planned in due:
            self._arm_on(planned, device, 0)

    def _arm(self, planned: Planned, before: Device | None, since_ns: int) -> None:
        """`before`: whom the step before it befell, at `since_ns`."""
        names = planned.fault.names
        if not names:
            self._arm_on(planned, before, since_ns)
        known = {device.name: device for device in self._lab.devices_made}
        for name in names:
            if name in known:
                self._arm_on(planned, known[name], since_ns)
            else:
                self._to_come.append((name, planned))

    def _arm_on(self, planned: Planned, device: Device | None, since_ns: int) -> None:
        lab, when = self._lab, planned.fault.when
        self._check(planned, device)
        if isinstance(when, At):
            at_ns = since_ns + when.at_ns
            if at_ns >= lab.world.now():
                lab.world.at(at_ns, partial(self._happen, planned, device, Fired(at_ns)))
            return
        assert device is not None
        assert isinstance(when, OfConnection)
        lab.world.when(
            device.actor,
            when.trigger,
            *when.arguments(),
            lambda connection: self._happen(planned, device, Fired(lab.world.now(), connection)),
        )

    def _happen(self, planned: Planned, device: Device | None, fired: Fired) -> None:
        """The instant has come. Inside the world's event."""
        lab, fault = self._lab, planned.fault
        if self._calm or planned.cancelled or not lab.live:
            return
        running = self._begin(fault.what, device, fired, str(fault))
        now = lab.world.now()
        if fault.for_ns is not None:
            lab.world.at(now + fault.for_ns, partial(self._end, running))
        if planned.then is not None and not (planned.then.fault.names and planned.times):
            self._arm(planned.then, device, now)
        broker = lab.broker_made.name if lab.broker_made else ""
        if planned.happened(now, device.name if device else broker):
            lab.world.interrupt()

    def _begin(self, what: Effect, device: Device | None, fired: Fired, words: str) -> _Running:
        running = _Running(what, device, fired, words)
        if words:
            self._lab.world.fault(running.actor, words, fired.connection, False)
        what.begin(self._lab, device, fired)
        if what.lasts:
            self._running.append(running)
        return running

    def _end(self, running: _Running) -> None:
        """Once: settle() may have ended it."""
        if running not in self._running or not self._lab.live:
            return
        self._running.remove(running)
        running.what.end(self._lab, running.device, running.fired)
        if running.words:
            self._lab.world.fault(running.actor, running.words, running.fired.connection, True)

    # As scopes.

    @asynccontextmanager
    async def scope(
        self, what: Effect, whom: Befallen = None, where: str | None = None
    ) -> AsyncIterator[None]:
        """Inside this scope an effect that lasts is done to each of the devices, or to the broker.

        `whom`: None or the broker: an effect that befalls that. `where`: what errors begin with;
        None: the effect's name.

        Errors: UsageError for what has no end, and an effect that is not for these.
        """
        befallen = self._befallen(what, whom, where)
        if not what.lasts:
            raise UsageError(f"scope: a {what.name} has no end; write lab.inject(...)")
        words = "" if what.told_by_world else str(what)
        fired = Fired(self._lab.world.now())
        running: list[_Running] = []
        try:
            for device in befallen:
                running.append(self._begin(what, device, fired, words))
            yield
        finally:
            for one in running:
                self._end(one)

    def inject(self, what: Effect, whom: Befallen = None, where: str | None = None) -> None:
        """Does it to each of the devices, or to the broker, now; what lasts ends when the run
        settles. Arguments, errors: see scope().
        """
        for device in self._befallen(what, whom, where):
            self._begin(what, device, Fired(self._lab.world.now()), str(what))

    def _befallen(self, what: Effect, whom: Befallen, where: str | None) -> list[Device | None]:
        self._lab.check_live()
        where = where or what.name
        befallen: list[Device | None] = [None]
        if whom is not None and not isinstance(whom, Broker):
            befallen = [*devices_of(whom, where)]
        elif not what.befalls_broker:
            raise UsageError(f"{where}: to which device? Give what lab.device(...) returned")
        if what.is_for_all and len(befallen) > 1:
            raise UsageError(f"{where}: it is for all, and would happen {len(befallen)} times")
        for device in befallen:
            what.check(self._lab, device)
        return befallen

    def cut(
        self,
        devices: Device | Iterable[Device],
        how: Literal["reset", "fin", "half-open", "silent"] = "reset",
    ) -> None:
        """Cuts all connections of the devices, now. See mqttlab.faults.Cut."""
        self.inject(Cut(how), devices)

    def outage(self, devices: Device | Iterable[Device]) -> AbstractAsyncContextManager[None]:
        """Inside this scope the devices' links are down; scopes may overlap."""
        return self.scope(Outage(), devices)

    def crash(
        self, whom: Befallen = None, store: Fate | None = None, *, how: Death = "fin"
    ) -> AbstractAsyncContextManager[None]:
        """Inside this scope the processes of the broker, or of the devices, are down; they start
        again at the end of the instant that ends it. See mqttlab.faults.Crash.
        """
        return self.scope(Crash(store, _end_of(whom), how), whom)

    def pause(self, whom: Befallen = None) -> AbstractAsyncContextManager[None]:
        """Inside this scope they stand still; they go on at the end of the instant that ends it."""
        return self.scope(Pause(_end_of(whom)), whom)

    def slow_reader(
        self, devices: Device | Iterable[Device], rate: float = 0
    ) -> AbstractAsyncContextManager[None]:
        """Inside this scope the devices' applications take so many messages a second, 0: none."""
        return self.scope(SlowReader(rate), devices)

    def hold_link_down(self, device: Device) -> None:
        """One more fault holds the device's link down."""
        self._holds[device.actor] = self._holds.get(device.actor, 0) + 1
        if self._holds[device.actor] == 1 and device.alive:
            self._lab.world.set_link(device.actor, False)

    def lift_link(self, device: Device) -> None:
        """One less."""
        self._holds[device.actor] -= 1
        if self._holds[device.actor] == 0 and device.alive:
            self._lab.world.set_link(device.actor, True)

    def end_faults(self) -> None:
        """Ends all that lasts, in the order of devices, and disarms what has not happened; also
        what a scenario itself has done to processes.
        """
        self._calm = True
        if self._planned:
            self._lab.world.disarm()
        for running in sorted(self._running, key=lambda one: one.actor):
            self._end(running)
        self._lab.free_processes()

    @property
    def _lab(self) -> Lab:
        return cast("Lab", self)


def _end_of(whom: Befallen) -> Literal["broker", "device"]:
    return "broker" if whom is None or isinstance(whom, Broker) else "device"


def devices_of(given: object, where: str) -> list[Device]:
    """A device or several as a list."""
    from mqttlab.lab import Device

    if isinstance(given, Device):
        return [given]
    devices: list[Device] = []
    for one in [given] if isinstance(given, str) or not isinstance(given, Iterable) else given:
        if not isinstance(one, Device):
            raise UsageError(f"{where}: {one!r} is no device; give what lab.device(...) returned")
        devices.append(one)
    return devices


def _names(on: Device | str | Iterable[Device | str] | None) -> str | tuple[str, ...] | None:
    if on is None or isinstance(on, str):
        return on
    from mqttlab.lab import Device

    if isinstance(on, Device):
        return on.name
    if not isinstance(on, Iterable):
        raise UsageError(f"at: on={on!r} is no device; give what lab.device(...) returned")
    names = tuple(one.name if isinstance(one, Device) else one for one in on)
    if not names:
        raise UsageError("at: on is empty; give a device")
    return names
