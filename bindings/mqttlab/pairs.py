"""Two runs that must come to the same: the invariants that need a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mqttlab import _core
from mqttlab.errors import UsageError, ViolationError
from mqttlab.result import Result, Verdict, Violation

__all__ = ["Comparison", "compare_runs"]

_BY = ("FRAME-EQUIV", "CLOCK-INDEP")


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common."""

    verdict: Verdict
    """`checked`: packets and messages that were equal, up to the first that was not."""
    violations: tuple[Violation, ...]
    """At the most one; its instant and events are those of the second run."""

    @property
    def passed(self) -> bool:
        """True if the runs are equal, and there was something to compare."""
        return self.verdict.status == "pass"

    def check(self) -> None:
        """Raises ViolationError unless the runs are equal, and there was something to compare."""
        if not self.passed:
            why = self.violations[0].what if self.violations else self.verdict.why
            raise ViolationError(f"{self.verdict.invariant}: {why}")


def compare_runs(
    first: Result, second: Result, by: Literal["FRAME-EQUIV", "CLOCK-INDEP"] = "FRAME-EQUIV"
) -> Comparison:
    """Compares the traces of two runs.

    FRAME-EQUIV: each way of each of a device's connections has the same packets in the same order,
    and each application got the same messages, whatever the instants. CLOCK-INDEP: all packets are
    the same, to the nanosecond. Packets are compared by type, flags, code, packet id, topic,
    payload and size. Errors: UsageError for another name.
    """
    if by not in _BY:
        raise UsageError(f"compare_runs: by={by!r} is none of {', '.join(_BY)}")
    verdicts, violations = _core.compare(_tables(first), _tables(second), by == "FRAME-EQUIV")
    return Comparison(
        Verdict(*verdicts[0]),
        tuple(Violation.of(row) for row in violations),
    )


def _tables(run: Result) -> tuple[bytes, list[bytes], list[str]]:
    return run.events.tobytes(), [text.encode() for text in run.texts], list(run.actors)
