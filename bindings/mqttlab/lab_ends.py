"""What a lab does to the processes at the ends: simulated networks only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from mqttlab import units
from mqttlab.result import NotApplicable
from mqttlab.targets import UNTOLD

if TYPE_CHECKING:
    from mqttlab.broker import Broker
    from mqttlab.lab import Lab

__all__ = ["LabEnds", "step_of"]


def step_of(by: float | str, where: str) -> int:
    """Nanoseconds of a step forwards ("+1h", "90s", 90) or back ("-1h", -90)."""
    if isinstance(by, str) and by[:1] in ("+", "-"):
        size = units.duration_ns(by[1:], where)
        return -size if by[0] == "-" else size
    if isinstance(by, (int, float)) and by < 0:
        return -units.duration_ns(-by, where)
    return units.duration_ns(by, where)


_OURS = "the ends of simulated networks can do that; processes on real sockets are theirs"


class LabEnds:
    """The part of a Lab that is about processes and what happens at one instant."""

    has_guest_broker = False

    @property
    def is_foreign(self) -> bool:
        """True if the broker is none of ours."""
        target = cast("Lab", self).target
        return self.has_guest_broker or (target is not None and not target.own)

    async def guest_broker(
        self, name: str, serve: Callable[[str, int], Awaitable[object]]
    ) -> Broker:
        """Somebody else's broker in place of `lab.broker()`: a program in asyncio, unmodified, at
        the site of a simulated network. It serves TCP.

        `serve`: is given the host's name and MQTT's port, and returns when it listens there; what
        it raises, unchanged.
        """
        lab = cast("Lab", self)
        sim = self.ends("guest_broker()")
        if lab.broker_made is None:
            sim.leave_site(lab.world)
            self.has_guest_broker = True
        made = lab.broker(name)
        lab.not_applicable.append(UNTOLD)
        await serve(name, sim.ports["tcp"])
        return made

    def ends(self, what: str, why: str = _OURS) -> Any:
        """`_sim`, which does `what`; on real sockets the run ends as not applicable."""
        lab = cast("Lab", self)
        if lab.target is not None:
            lab.refuse(NotApplicable(what, why, all=True))
        from mqttlab import _sim  # only now: it loads ns-3

        return _sim

    def free_processes(self) -> None:
        """Those at either end run, and read as they like, whatever a scenario did to them."""
        lab = cast("Lab", self)
        if lab.target is not None:
            return
        if lab.broker_made is not None and not self.is_foreign:
            lab.broker_made.set_free()
        for device in lab.devices_made:
            if device.alive:
                device.set_free()

    def step_clock(self, by: float | str) -> None:
        """All wall clocks leap by so much ("+1h", "-30s"): the broker's, by which its store dates
        deadlines, those by which both ends judge certificates, and `time.time()` of programs.
        MQTT's own timers do not notice. Certificates are valid from a year before the run's
        beginning: where the clocks have leapt back further, TLS lets nobody in.
        """
        lab = cast("Lab", self)
        lab.check_live()
        lab.world.fault(0, f"clock step {by}", 0, False)
        self.leap(by)

    def leap(self, by: float | str) -> None:
        """The same, recorded by somebody else."""
        lab = cast("Lab", self)
        step_ns = step_of(by, "step_clock")
        self.ends("step_clock()").step_clock(lab.world, step_ns)
        lab.host.clock_step_ns += step_ns

    def shuffle_ties(self) -> None:
        """From now on, what arrives at the broker at one and the same nanosecond on different
        connections is taken in an order that the run's seed draws: two CONNECTs of one client id,
        say, or the end of an old connection and the CONNECT of a new one. Otherwise the order is
        the simulator's, always the same.
        """
        lab = cast("Lab", self)
        lab.check_live()
        self.ends("shuffle_ties()").shuffle_ties(lab.world)
