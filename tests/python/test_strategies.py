"""Hypothesis strategies: what they draw is valid, reaches what matters, and shrinks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import mqttlab
from mqttlab import _core, strategies
from mqttlab.capsule import decoded, encoded
from mqttlab.faults import (
    At,
    Before,
    ClockStep,
    Crash,
    Cut,
    Effect,
    Fault,
    Instant,
    Outage,
    Pause,
    Segments,
    SlowReader,
)
from mqttlab.faults.instants import OfPacket

SCHEDULES = strategies.faults(devices=["a", "b"], within="1min", longest="5s")
CHAINS = strategies.faults(devices=["a"], within="1min", longest="5s", chains=True)


def least(strategy: st.SearchStrategy[Any], wanted: Callable[[Any], bool]) -> Any:
    return find(strategy, wanted, settings=settings(database=None, derandomize=True))


@given(strategies.topics(), strategies.filters(shared=True))
def test_topics_and_filters_are_valid(topic: str, topic_filter: str) -> None:
    assert _core.valid_topic_name(topic)
    assert _core.valid_topic_filter(topic_filter)


def test_filters_reach_wildcards_and_matches() -> None:
    assert least(strategies.filters(), lambda f: "+" in f and f.endswith("#")) == "+/#"
    pair = least(st.tuples(strategies.filters(shared=True), strategies.topics()),
                 lambda pair: _core.matches(*pair) and len(pair[1]) > 1)  # fmt: skip
    assert pair == ("#", "00")


@pytest.mark.parametrize("version", [4, 5])
def test_packets_are_valid_and_of_all_kinds(version: int) -> None:
    seen = set()

    @settings(max_examples=300, derandomize=True)  # chance may leave a kind out of a hundred
    @given(strategies.packets(version))
    def check(packet: bytes) -> None:
        found = _core.decode(packet, True, version)
        assert "violation" not in found, found
        seen.add(found["type"])

    check()
    assert seen == {"PINGREQ", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
                    "UNSUBSCRIBE", "DISCONNECT"}  # fmt: skip


@given(SCHEDULES | CHAINS)
def test_schedules_are_whole_and_survive_a_capsule(faults: list[Fault]) -> None:
    assert len(faults) <= 4
    for number, fault in enumerate(faults, 1):
        fault.check_target(f"fault {number}")
        assert len(fault.steps) <= 2
    for step in (step for fault in faults for step in fault.steps):
        assert (step.for_ns is not None) == step.what.lasts
        assert step.for_ns is None or 0 < step.for_ns <= 5 * 10**9
        assert not isinstance(step.when, At) or step.when.at_ns <= 60 * 10**9
    kept = {"faults": faults, "others": [b"\xff", ("a", 1.5, None), {"dict": [True]}]}
    assert decoded(encoded(kept)) == kept


def test_schedules_shrink_to_the_least_that_fails() -> None:
    lasting = least(SCHEDULES, lambda faults: any(isinstance(f.what, Outage) for f in faults))
    assert lasting == [Fault(At("0ms"), Outage(), "a", "1ms")]
    at_a_packet = least(SCHEDULES, lambda faults: any(not isinstance(f.when, At) for f in faults))
    assert at_a_packet == [Fault(Before("PUBLISH", way="up"), Cut("reset"), "a")]
    chained = least(CHAINS, lambda faults: any(fault.then for fault in faults))
    assert chained == [Fault(At("0ms"), Cut(), "a", then=Fault(At("0ms"), Cut()))]


@pytest.mark.parametrize("ends", [False, True])
def test_every_effect_can_be_planned_for_a_client_and_its_rules_hold(ends: bool) -> None:
    effects: set[Effect] = set()
    drawn = settings(max_examples=300, derandomize=True)
    drawn(given(strategies.effects(ends=ends, stores=ends))(lambda effect: effects.add(effect)))()
    of_ends = {Crash, Pause, SlowReader, ClockStep}
    assert of_ends & {type(effect) for effect in effects} == (of_ends if ends else set())
    crashed = {effect.of for effect in effects if isinstance(effect, Crash)}
    assert crashed == ({"broker", "device"} if ends else set())
    torn = {effect.of for effect in effects if isinstance(effect, Crash) and effect.store == "torn"}
    assert torn == crashed
    failures = (mqttlab.ConnectionLostError, mqttlab.PublishError) if ends else ()

    disk: Any = {"store": "disk"} if ends else {}

    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker(**disk)
        meter = lab.device("meter", via=lab.link(delay="20ms"), **disk)
        async with meter.client(clean_session=False, reconnect=True) as client:
            for number, effect in enumerate(sorted(effects, key=str)):
                lab.at(5 + 10 * number, effect, meter, "5s" if effect.lasts else None)
            while lab.now() < 10 * len(effects):
                with suppress(*failures):
                    await client.publish("t", lab.stamp(), qos=1)
                await asyncio.sleep(1)

    result = mqttlab.run(scenario, until="1h")
    assert len(effects) >= (35 if ends else 20)
    assert all(len(fault.at) == 1 for fault in result.faults)
    result.check()


def test_every_instant_can_be_planned_and_of_each_kind_some_come() -> None:
    instants: set[Instant] = set()
    drawn = settings(max_examples=300, derandomize=True)
    drawn(given(strategies.instants())(lambda instant: instants.add(instant)))()
    packets = {instant.packet for instant in instants if isinstance(instant, OfPacket)}
    assert packets > {"CONNECT", "CONNACK", "SUBSCRIBE", "SUBACK", "PUBREL"}

    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        meter = lab.device("meter", via=lab.link(delay="20ms"))
        for instant in sorted(instants, key=str):
            lab.at(instant, Segments(1), "meter", "10ms")
        async with meter.client(clean_session=False) as client:
            await client.subscribe("t", qos=2)
            for number in range(20):
                if number % 8 == 2:
                    lab.at(Before("PUBREC", way="down"), Cut(), "meter")
                await client.publish("t", lab.stamp(), qos=number % 3)
                await asyncio.sleep(1)

    result = mqttlab.run(scenario, until="1h")
    result.check()
    came = {next(iter(fault.fault["when"])) for fault in result.faults if fault.at}
    assert came == set(Instant.known) - {"at"}
    of = {fault.fault["when"].get("connection") for fault in result.faults if fault.at}
    assert {None, 1, 2} <= of


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: strategies.faults(devices="meter", within=1), "'meter' must be a list"),
        (lambda: strategies.faults(devices=["meter"], within="1 fortnight"), "fortnight"),
        (lambda: strategies.faults(devices=["meter"], within=1, most=0), "most"),
        (lambda: strategies.packets(3), "version=3"),
        (lambda: strategies.topics(levels=0), "levels"),
    ],
)
def test_wrong_arguments(wrong: object, words: str) -> None:
    with pytest.raises(mqttlab.UsageError, match=words):
        wrong()  # type: ignore[operator]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "mqttlab.strategies")
    with pytest.raises(ImportError, match="pip install hypothesis"):
        __import__("mqttlab.strategies")
