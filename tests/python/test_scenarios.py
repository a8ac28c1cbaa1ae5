"""The scenarios keep their claims, at sizes that fit into CI; and what `lab.expect` makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import Lab, Result, UsageError, catalog, compare_runs
from mqttlab.expectations import Expectations
from mqttlab.parameters import Mark, mark_of
from mqttlab.result import Verdict
from mqttlab.scenarios import push_service

SMALL: dict[str, dict[str, Any]] = {
    "byte_salad": {"version": "5"},
    "crowded_cell": {"devices": 12, "lasting": "500ms"},
    "flap_on_resume": {"interval": "1s"},
    "heartbeat_matrix": {"version": "5"},
    "push_service": {"phones": 84, "hours": 3.0},
    "reconnect_storm": {"crowd": 60},
    "sensor_cell": {"lasting": "10s"},
    "sixty_five_thousand": {"messages": 1000, "ids": 15},
    "slow_consumer": {"takeovers": 200},
    "train_ride": {"riders": 1, "speed": 100.0},
}
"""Parameters of scenarios that would take long at their own size."""


def numbered() -> dict[str, Mark]:
    marks = {name: mark_of(catalog.load(name)) for name in catalog.installed()}
    return {name: mark for name, mark in marks.items() if mark and mark.number}


CLAIMS = [one for one in catalog.installed() if one != "field_trial"]


@pytest.fixture(scope="module")
def elsewhere(in_process: Callable[..., str]) -> dict[str, str]:
    """The fingerprint of each scenario, from one process that hashes otherwise."""
    code = f"""
import mqttlab
for name in {CLAIMS}:
    print(name, mqttlab.run(name, parameters={SMALL}.get(name, {{}})).fingerprint)
"""
    return dict(line.split() for line in in_process(code, hash_seed=1).splitlines())


@pytest.mark.parametrize("name", CLAIMS)
def test_a_scenario_keeps_its_claim(name: str, elsewhere: dict[str, str]) -> None:
    """And one seed is one run in every process."""
    result = mqttlab.run(name, parameters=SMALL.get(name, {}))
    result.check()
    result.check("SCENARIO")
    assert result.ending == "returned"
    assert any(one.wanted for one in result.expected)
    assert result.fingerprint == elsewhere[name]


def test_each_has_a_number_of_its_own_a_claim_and_the_bugs_it_stands_for() -> None:
    marks = numbered()
    numbers = sorted(str(mark.number) for mark in marks.values())
    assert len(set(numbers)) == len(numbers) > 0
    for name, mark in marks.items():
        claim = (catalog.load(name).__doc__ or "").partition("\n")[0]
        assert claim.endswith("."), name
        assert mark.bugs, name


def test_half_open_links_are_noticed_within_the_bounds_to_the_millisecond() -> None:
    """Client: keep alive + ping timeout; broker: 1.5 x keep alive; after the last they heard."""
    for keep_alive_s in (10, 60):
        result = mqttlab.run("tunnel", parameters={"keep_alive_s": keep_alive_s})
        found = {one.what: one.found for one in result.expected}
        assert abs(found["client gave up, s"] - 1.1 * keep_alive_s) < 1e-3
        assert abs(found["broker gave up, s"] - 1.5 * keep_alive_s) < 1e-3


def test_leaps_of_wall_clocks_move_no_packet() -> None:
    """CLOCK-INDEP: the same seed with and without."""
    plain, leaping = (
        mqttlab.run("clock_step", parameters={"steps": steps})
        for steps in ("none", "+1h,-1h,+49.7103d,-2h")
    )
    assert leaping.expected[0].found == 4
    compare_runs(plain, leaping, by="CLOCK-INDEP").check()


def test_push_service_makes_a_table_and_a_plot() -> None:
    parameters = {"phones": 42, "hours": 1.0}
    rows = push_service.table(mqttlab.run("push_service", parameters=parameters, radio=True))
    assert len(rows) == len(push_service.GROUPS) == 42
    by_group = {(row.profile, row.nat_s, row.keep_alive_s): row for row in rows}
    for profile, nat_s in (("umts", 300), ("lte", 900)):
        dear, best = by_group[profile, nat_s, 30], by_group[profile, nat_s, 240]
        assert dear.missed == best.missed == 0
        assert best.bytes_per_day < dear.bytes_per_day / 4
        assert best.joules_per_day is not None
        assert dear.joules_per_day is not None
        assert best.joules_per_day < dear.joules_per_day / 4
    assert push_service.plot(rows).count("NAT forgets after") == 3


def expecting(say: Callable[[Lab], None]) -> Result:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        async with lab.device("a").client() as client:
            await client.publish("x", b"1", qos=1)
        say(lab)

    return mqttlab.run(scenario, until="1min")


def test_what_a_scenario_counts_is_judged_and_told() -> None:
    def say(lab: Lab) -> None:
        lab.expect("apples", 3)
        lab.expect("pears", 2, 2)
        lab.expect("plums", np.float64(5), least=4, most=6)
        lab.expect.observed("DUP-RULE")

    result = expecting(say)
    rows = [(one.what, one.found, one.wanted, one.holds) for one in result.expected]
    assert rows == [
        ("apples", 3, "", True),
        ("pears", 2, "2", True),
        ("plums", 5, "4 or more, 6 or less", True),
    ]
    assert {type(one.holds) for one in result.expected} == {bool}  # run.json takes no NumPy's
    assert [(v.status, v.checked) for v in result.verdicts if v.invariant == "SCENARIO"] == [
        ("pass", 3)
    ]
    assert not any(v.invariant == "SCENARIO" for v in expecting(lambda lab: None).verdicts)


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (lambda lab: lab.expect("pears", 1, 2), "pears: 1, not 2"),
        (lambda lab: lab.expect("pears", 3, most=2), "pears: 3, not 2 or less"),
        (lambda lab: lab.expect.observed("WILL-IFF"), "WILL-IFF was not put to the test: no"),
        (lambda lab: lab.expect.broken("DUP-RULE", 2), "DUP-RULE is broken 0 times, not the 2"),
    ],
)
def test_what_is_not_met_is_a_violation(say: Callable[[Lab], None], words: str) -> None:
    result = expecting(say)
    assert not result.passed
    assert [one.invariant for one in result.violations] == ["SCENARIO"]
    assert result.violations[0].what.startswith(words)


def test_what_is_only_recommended_is_demanded_by_naming_it() -> None:
    departs = Verdict("KA-DETECT", "departs", 1, "once")
    for named in (False, True):
        expect = Expectations(lambda: 0)
        if named:
            expect.observed("KA-DETECT")
        verdicts, _ = expect.judge([departs], [])
        assert verdicts[0].status == ("fail" if named else "departs")


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (lambda lab: lab.expect("pears", "1"), "found='1' is no number"),
        (lambda lab: lab.expect("", 1), "what"),
        (lambda lab: lab.expect.observed("Q3-ONCE"), "unknown invariant 'Q3-ONCE'"),
        (lambda lab: lab.expect.broken("Q1-NOLOSS", 0), "must be 1 or more"),
    ],
)
def test_a_wrong_expectation_is_refused(say: Callable[[Lab], None], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        expecting(say)
    assert words in str(refused.value)


def test_what_raw_peers_break_on_purpose_is_no_finding() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        device = lab.device("a")
        await device.run(offend())
        lab.expect.broken("STREAM-OK", 1)

    async def offend() -> None:
        reader, writer = await asyncio.open_connection("broker", 1883)
        writer.write(b"\xf0\x00")
        await reader.read()

    result = mqttlab.run(scenario, until="1min")
    assert result.passed
    assert [v.why for v in result.verdicts if v.invariant == "STREAM-OK"] == ["but 1 on purpose"]
