"""Invariants of one's own: judged with the oracle's, in every place where those are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

import own_rules
from own_rules import idle, no_ping, short

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.trace import Kind


def status(result: mqttlab.Result) -> dict[str, tuple[str, int]]:
    own = ("NO-PING", "SHORT")
    return {v.invariant: (v.status, v.checked) for v in result.verdicts if v.invariant in own}


def test_they_are_judged_with_the_oracles(tmp_path: Path) -> None:
    result = mqttlab.run(idle, parameters={"wait": 65}, invariants=[short, no_ping])
    pings = sum(v.invariant == "NO-PING" for v in result.violations)
    assert pings >= 5
    assert status(result) == {"NO-PING": ("fail", pings + 2), "SHORT": ("fail", 1)}
    first = next(v for v in result.violations if v.invariant == "NO-PING")
    assert (first.statements, first.what) == (("MQTT-3.1.2-23",), f"a ping at {first.at_s:.0f} s")
    assert result.events["at"][first.events[0]] == first.at
    with pytest.raises(mqttlab.ViolationError, match="SHORT is violated 1 times"):
        result.check("SHORT")
    page = result.write(tmp_path).read_text()
    assert "<code>NO-PING</code> Nobody is ever idle.</h3>" in page
    assert "It took longer." in page
    [capsule] = tmp_path.glob("*.capsule.json")
    found = mqttlab.replay(capsule)
    assert found.reproduced
    assert found.again.broken == {"NO-PING": pings, "SHORT": 1}


def test_without_an_occasion_they_are_not_observable() -> None:
    result = mqttlab.run(idle, parameters={"wait": 2}, invariants=[short])
    assert status(result) == {"NO-PING": ("not_observable", 0), "SHORT": ("pass", 1)}
    [verdict] = [v for v in result.verdicts if v.invariant == "NO-PING"]
    assert verdict.why == "the run has no PINGREQ"
    assert result.passed


def test_one_that_is_local_judges_but_makes_no_capsule() -> None:
    @mqttlab.invariant("LOCAL")
    def local(result: mqttlab.Result) -> own_rules.Broken:
        yield 0, "as always"

    result = mqttlab.run(idle, parameters={"wait": 2}, invariants=[local])
    assert [v.invariant for v in result.violations] == ["LOCAL"]
    with pytest.raises(mqttlab.Error, match="nobody else finds the invariant local"):
        result.capsule()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: mqttlab.invariant("no-gap"), "'no-gap' must be in capitals"),
        (lambda: mqttlab.invariant("NO-GAP", needs=[9]), "needs=9"),
        (lambda: mqttlab.run(idle, invariants=[idle]), "is no invariant; decorate it"),
        (lambda: mqttlab.run(idle, invariants=[named("NO-PING")]), "two invariants are called"),
        (lambda: mqttlab.run(idle, invariants=[named("DUP-RULE")]), "one of this name already"),
        (lambda: mqttlab.run(idle, invariants=[named("FAR")]), "there is no event 1000000"),
    ],
)
def test_wrong_ones(wrong: Callable[[], object], words: str) -> None:
    with pytest.raises(mqttlab.UsageError, match=words):
        wrong()


def named(name: str) -> Callable[[mqttlab.Result], own_rules.Broken]:
    @mqttlab.invariant(name, needs=Kind.OPENED)
    def rule(result: mqttlab.Result) -> own_rules.Broken:
        yield 1_000_000, "far out"

    return rule


def test_what_one_raises_is_raised() -> None:
    @mqttlab.invariant("RAISES")
    def raises(result: mqttlab.Result) -> own_rules.Broken:
        raise LookupError(dataclasses.fields(result)[0].name)

    with pytest.raises(LookupError, match="scenario"):
        mqttlab.run(idle, parameters={"wait": 1}, invariants=[raises])
