"""Faults as scopes and as data: planned, happening at their instant, told in trace and result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import mqttlab
from mqttlab import trace
from mqttlab.faults import At, Before, Cut, Fault, Inside, Outage, Resent


def events(result: mqttlab.Result, kind: str) -> list[tuple[float, str]]:
    """(seconds, text) of the events of a kind, in order."""
    rows = result.events[result.events["kind"] == trace.Kind[kind.upper()]]
    return [(row["at"] / 1e9, result.texts[row["text"]]) for row in rows]


def meter(during: Callable[[mqttlab.Lab, mqttlab.Device], Any]) -> Any:
    """A scenario of one device with a client, which does `during`."""

    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter", via=lab.link(delay="20ms"))
        async with device.client():
            await during(lab, device)

    return scenario


async def cut_twice(lab: mqttlab.Lab, device: mqttlab.Device) -> None:
    planned = lab.at("5s", Cut("reset"), on=device, then=Fault(At("2s"), Outage(), for_="3s"))
    assert planned.times == ()
    await planned
    assert lab.now() == 5
    assert planned.times == (5.0,)
    await planned.then
    assert lab.now() == 7
    await asyncio.sleep(10)


def test_a_fault_happens_at_its_time_and_so_does_what_follows_it() -> None:
    result = mqttlab.run(meter(cut_twice), until="1min")
    assert events(result, "fault") == [(5, "cut reset at 5 s"), (7, "outage at 2 s")]
    assert events(result, "fault_over") == [(10, "outage at 2 s")]
    assert [at for at, _ in events(result, "link_down")] == [7]
    assert [at for at, _ in events(result, "link_up")] == [10]
    cut, outage = result.faults[0], result.faults[0].then
    assert outage is not None
    assert (cut.at, cut.to, outage.at) == ((5 * 10**9,), ("meter",), (7 * 10**9,))
    assert cut.fault["then"] == outage.fault == {
        "when": {"at": "2s"}, "what": {"outage": True}, "for": "3s",
    }  # fmt: skip


CAUSES = {
    "reset": {("CLIENT", "RESET"), ("BROKER", "RESET")},
    "fin": {("CLIENT", "FIN"), ("BROKER", "FIN")},
    "half-open": {("CLIENT", "RESET")},
    "silent": set(),
}


@pytest.mark.parametrize("how", CAUSES)
@pytest.mark.parametrize("transport", ["tcp", "wss"])
def test_who_hears_of_a_cut(how: Any, transport: Any) -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter", via=lab.link(delay="20ms"))
        async with device.client(transport=transport):
            await asyncio.sleep(1)
            await lab.at("5s", Cut(how), on=device)
            await asyncio.sleep(0.01)

    rows = mqttlab.run(scenario, until="6s").events
    closed = rows[(rows["kind"] == trace.Kind.CLOSED) & (rows["at"] == 5 * 10**9)]
    seen = {(trace.End(row["end"]).name, trace.CloseCause(row["code"]).name) for row in closed}
    torn = (
        how == "fin" and transport == "wss"
    )  # TLS was not told of an end: it is as bad as a reset
    assert seen == CAUSES["reset" if torn else how]


def test_data_comes_back_as_it_was() -> None:
    steps = [
        Fault(At("60s"), Outage(), ("a", "b"), "5s"),
        Fault(Before("PUBREC", 3, way="up"), Cut("half-open"), "a", then=Fault(Resent(2), Cut())),
        Fault(Inside("CONNACK", byte=2, connection=4), Cut(), "a"),
    ]
    assert [Fault.from_data(step.to_data()) for step in steps] == steps
    assert steps[1].to_data() == {
        "when": {"before": "PUBREC", "n": 3, "way": "up"},
        "what": {"cut": "half-open"},
        "on": "a",
        "then": {"when": {"resent": 2}, "what": {"cut": "reset"}},
    }
