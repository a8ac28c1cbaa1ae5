"""What a scenario expects of its own run: that its situation arose, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mqttlab import units
from mqttlab.errors import UsageError
from mqttlab.result import Expectation, Verdict, Violation

__all__ = ["SCENARIO", "Expectations"]

SCENARIO = "SCENARIO"
"""Name of the verdict beside the oracle's; a scenario that expects nothing has none."""


@dataclass
class Expectations:
    """`lab.expect`: counts that a run has to reach, and invariants that it has to put to the test.

    Each is told in the summary and in run.json; one that is not met is a violation of SCENARIO.
    """

    now: Callable[[], int]
    rows: list[Expectation] = field(default_factory=list)
    to_observe: list[str] = field(default_factory=list)
    offences: dict[str, int] = field(default_factory=dict)
    amiss: list[str] = field(default_factory=list)
    """What else is wrong with what the run was asked to do, in words."""

    def __call__(
        self,
        what: str,
        found: float,
        wanted: float | None = None,
        *,
        least: float | None = None,
        most: float | None = None,
    ) -> None:
        """`what` was counted or measured: it is to be `wanted`, or at `least`, or at `most`.

        Without any of them it is only told. Errors: UsageError.
        """
        where = f"expect: {units.text(what, 'expect: what', least=1)}"
        for name, value in (("found", found), ("wanted", wanted), ("least", least), ("most", most)):
            if isinstance(value, str) or (value is None and name == "found"):
                raise UsageError(f"{where}: {name}={value!r} is no number")
        bounds = [f"{wanted:.10g}"] if wanted is not None else []
        bounds += [f"{least:.10g} or more"] if least is not None else []
        bounds += [f"{most:.10g} or less"] if most is not None else []
        holds = bool(  # of NumPy's numbers, too
            (wanted is None or found == wanted)
            and (least is None or found >= least)
            and (most is None or found <= most)
        )
        self.rows.append(Expectation(what, float(found), ", ".join(bounds), holds, self.now()))

    def observed(self, *invariants: str) -> None:
        """At the end of the run the oracle must have had occasion to check these.

        One that is only recommended is demanded by naming it, as in Result.check().
        """
        self.to_observe += [units.text(one, "expect: observed", least=1) for one in invariants]

    def broken(self, invariant: str, times: int) -> None:
        """The scenario's own raw peers break this so often, on purpose: so many are no finding."""
        where = f"expect: broken {units.text(invariant, 'expect: broken', least=1)}"
        self.offences[invariant] = units.count(times, where, least=1)

    def judge(
        self, verdicts: Sequence[Verdict], violations: Sequence[Violation]
    ) -> tuple[list[Verdict], list[Violation]]:
        """What the oracle has found, less what is on purpose, and the scenario's own verdict.

        Errors: UsageError if it names an invariant that the oracle does not know.
        """
        known = {verdict.invariant: verdict for verdict in verdicts}
        asked = (*self.to_observe, *self.offences)
        for name in asked:
            if name not in known:
                raise UsageError(f"expect: unknown invariant {name!r}; known: {', '.join(known)}")
        kept, found = list(violations), self._missed()
        checked = sum(row.wanted != "" for row in self.rows) + len(asked) + len(self.amiss)
        if why := next((known[n].why for n in asked if known[n].status == "not_applicable"), ""):
            status = "fail" if found else "not_applicable"
            needs = f"{why}, by which this scenario wants {', '.join(dict.fromkeys(asked))} judged"
            return [*verdicts, Verdict(SCENARIO, status, checked, needs)], [*kept, *found]
        for name, times in self.offences.items():
            count = sum(one.invariant == name for one in kept)
            if count == times:
                kept = [one for one in kept if one.invariant != name]
                known[name] = replace(known[name], status="pass", why=f"but {times} on purpose")
            else:
                what = f"{name} is broken {count} times, not the {times} times that are on purpose"
                found.append(Violation(SCENARIO, (), self.now(), what, ()))
        for name in self.to_observe:
            if known[name].status == "departs":
                known[name] = replace(known[name], status="fail", why="")
            elif known[name].status == "not_observable":
                what = f"{name} was not put to the test: {known[name].why}"
                found.append(Violation(SCENARIO, (), self.now(), what, ()))
        own = [Verdict(SCENARIO, "fail" if found else "pass", checked, "")] if checked else []
        return [*known.values(), *own], [*kept, *found]

    def _missed(self) -> list[Violation]:
        return [
            Violation(SCENARIO, (), row.at, f"{row.what}: {row.found:.10g}, not {row.wanted}", ())
            for row in self.rows
            if not row.holds
        ] + [Violation(SCENARIO, (), self.now(), what, ()) for what in self.amiss]
