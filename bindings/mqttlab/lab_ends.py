"""What a lab does to the processes at the ends: simulated networks only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from mqttlab.result import NotApplicable

if TYPE_CHECKING:
    from mqttlab.lab import Lab

__all__ = ["LabEnds"]


_OURS = "the ends of simulated networks can do that; processes on real sockets are theirs"


class LabEnds:
    """The part of a Lab that is about processes and what happens at one instant."""

    def ends(self, what: str, why: str = _OURS) -> Any:
        """`_sim`, which does `what`; on real sockets the run ends as not applicable."""
        lab = cast("Lab", self)
        if lab.target is not None:
            lab.refuse(NotApplicable(what, why, all=True))
        from mqttlab import _sim  # only now: it loads ns-3

        return _sim

    def shuffle_ties(self) -> None:
        """From now on, what arrives at the broker at one and the same nanosecond on different
        connections is taken in an order that the run's seed draws: two CONNECTs of one client id,
        say, or the end of an old connection and the CONNECT of a new one. Otherwise the order is
        the simulator's, always the same.
        """
        lab = cast("Lab", self)
        lab.check_live()
        self.ends("shuffle_ties()").shuffle_ties(lab.world)
