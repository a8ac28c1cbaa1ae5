"""Schedules of faults: at instants of the protocol, in chains, from TOML, and wrong ones."""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mqttlab
from mqttlab import cli
from mqttlab.faults import (
    Arrived,
    At,
    Before,
    Bytes,
    Cut,
    Effect,
    Fault,
    Fired,
    Inside,
    Instant,
    Outage,
    Resent,
    Unread,
    Written,
)
from mqttlab.runner import watching
from test_faults import events


async def exchange(lab: mqttlab.Lab) -> None:
    """One message, to the client itself, over what comes in between."""
    lab.broker()
    device = lab.device("meter", via=lab.link(delay="20ms"))
    async with device.client(clean_session=False) as client:
        await client.subscribe("t", qos=2)
        await client.publish("t", b"hello", qos=2)
        async for message in client.messages:
            assert message.payload == b"hello"
            break
        await asyncio.sleep(60)


CHAIN = Fault(
    Before("PUBREC", way="down"),
    Cut("reset"),
    "meter",
    then=Fault(
        Resent(0),
        Cut("half-open"),
        then=Fault(
            Arrived("CONNECT"),
            Cut("fin"),
            then=Fault(Inside("CONNACK", byte=3), Outage(), for_="10s"),
        ),
    ),
)


def test_one_fault_after_another() -> None:
    results = [mqttlab.run(exchange, until="5min", faults=[CHAIN]) for _ in range(2)]
    assert results[0].fingerprint == results[1].fingerprint
    assert [words for _, words in events(results[0], "fault")] == [
        "cut reset before PUBREC down #1",
        "cut half-open after 0 resent packets",
        "cut fin with CONNECT #1 arrived and acted on",
        "outage inside CONNACK #1 at byte 3",
    ]
    assert results[0].passed
    info = results[0].faults[0]
    happened = []
    while info is not None:
        happened += info.at
        info = info.then
    assert happened == sorted(happened)
    assert len(happened) == 4


WHENS: list[Instant] = [
    Bytes(30),
    Before("PUBLISH", way="down"),
    Inside("SUBACK", byte=1),
    Written("PUBREL", way="up"),
    Unread("PUBACK", way="down"),
    Unread("PUBCOMP", way="down"),
    Arrived("CONNACK"),
]


@pytest.mark.parametrize("when", WHENS, ids=str)
def test_each_instant_from_python(when: Instant) -> None:
    result = mqttlab.run(exchange, until="5min", faults=[Fault(when, Cut(), "meter")])
    wanted = [] if "PUBACK" in str(when) else [f"cut reset {when}"]
    assert [words for _, words in events(result, "fault")] == wanted
    assert result.passed
    connections = result.events["connection"].max()
    assert connections == 1 + len(wanted)


def test_several_devices_and_one_that_comes_later() -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        planned = lab.at(Arrived("CONNECT"), Cut(), on=["b", lab.device("a")])
        for name in ("a", "b"):
            device = lab.device(name) if name == "b" else lab.devices_made[0]
            async with device.client():
                await asyncio.sleep(5)
        assert len(planned.times) == 2

    result = mqttlab.run(scenario, until="1min")
    assert result.faults[0].to == ("a", "b")


def test_what_follows_on_a_device_of_its_own_follows_once() -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        a, b, _ = (lab.device(name) for name in "abc")
        after = Fault(At("1s"), Outage(), "c", for_="1s", then=Fault(At("1s"), Cut()))
        lab.at("2s", Cut(), on=[a, b], then=after)
        await asyncio.sleep(10)

    cut = mqttlab.run(scenario, until="20s").faults[0]
    assert cut.then is not None
    assert cut.then.then is not None
    assert (cut.to, cut.then.to, cut.then.then.to) == (("a", "b"), ("c",), ("c",))


def test_a_scope_that_cannot_begin_leaves_nothing_behind() -> None:
    @dataclass(frozen=True)
    class ForA(Outage):
        def begin(self, lab: mqttlab.Lab, device: mqttlab.Device | None, fired: Fired) -> None:
            assert device is not None
            if device.name != "a":
                raise mqttlab.UsageError("not here")
            super().begin(lab, device, fired)

    del Effect.known[ForA.name]

    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        devices = [lab.device(name) for name in "ab"]
        with pytest.raises(mqttlab.UsageError, match="not here"):
            async with lab.scope(ForA(), devices, "here"):
                pass
        async with devices[0].client(), asyncio.timeout(5):
            pass

    result = mqttlab.run(scenario, until="20s")
    assert [kind for kind in ("link_down", "link_up") for _ in events(result, kind)] == [
        "link_down",
        "link_up",
    ]


def test_settled_means_that_nothing_happens_any_more() -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter")
        lab.at("1s", Outage(), on=device)
        never = lab.at("20s", Cut(), on=device)
        lab.at(Before("PINGREQ"), Cut(), on=device)
        async with device.client(keep_alive_s=30):
            await asyncio.sleep(10)
            lab.settle()
            await asyncio.sleep(50)
        assert never.times == ()

    result = mqttlab.run(scenario, until="2min")
    assert [len(info.at) for info in result.faults] == [1, 0, 0]
    assert [round(at, 2) for at, _ in events(result, "fault_over")] == [10]


TOML = """
[[fault]]
on = "meter"
when = { before = "PUBREC", way = "down" }
what = { cut = "reset" }

[fault.then]
when = { at = "2s" }
what = { outage = true }
for = "3s"

[[fault]]
on = "meter"
when = { resent = 40 }
what = { cut = "fin" }
"""


def test_a_schedule_in_toml(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "bad day.toml"
    path.write_text(TOML)
    result = mqttlab.run(exchange, until="5min", faults=path)
    assert len(events(result, "fault")) == 2
    assert [Fault.from_data(info.fault).to_data() for info in result.faults] == [
        info.fault for info in result.faults
    ]
    scenario = tmp_path / "exchange.py"
    scenario.write_text(
        "import mqttlab\nfrom test_faults_plans import exchange as _exchange\n"
        "@mqttlab.scenario(until='5min')\n"
        "async def exchange(lab):\n    await _exchange(lab)\n"
    )
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", str(scenario), "--faults", str(path), "--out", str(tmp_path / "out")])
    assert ended.value.code == cli.OK
    shown = capsys.readouterr().out
    never = "cut fin after 40 resent packets on meter"
    assert f"never happened: {never}\n" in shown
    told = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))["faults"]
    assert told[0][0]["at_s"] == [result.faults[0].at[0] / 1e9]
    assert [step["to"] for step in told[0]] == [["meter"], ["meter"]]
    assert told[1] == [{"what": never, "at_s": [], "to": [], "missing": []}]


NOBODY = """
[[fault]]
on = "meter"
when = { resent = 40 }
what = { cut = "fin" }

[fault.then]
on = ["meter", "nobody"]
when = { at = "2s" }
what = { cut = "fin" }
"""


def test_a_step_of_a_schedule_for_a_device_that_never_was_is_a_finding(
    tmp_path: Path, capsys: Any
) -> None:
    (path := tmp_path / "typo.toml").write_text(NOBODY)
    command = ["run", f"{__file__}:exchange", "--until", "1min", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--faults", str(path)])
    assert ended.value.code == cli.FINDINGS
    shown = " ".join(capsys.readouterr().out.split())
    assert "SCENARIO violated. 1 finding" in shown
    assert "A fault is for a device that never was: nobody." in shown
    words = "cut fin at 2 s on meter, nobody: the run never had a device 'nobody'"
    assert words in shown
    [capsule] = (tmp_path / "out").glob("*.capsule.json")
    found = mqttlab.replay(capsule)
    assert (found.reproduced, found.again.broken) == (True, {"SCENARIO": 1})


def test_what_a_scenario_plans_for_nobody_or_a_run_does_not_come_to_is_told_only() -> None:
    async def plans(lab: mqttlab.Lab) -> None:
        lab.at("1s", Cut(), on="nobody")
        await exchange(lab)

    result = mqttlab.run(plans, until="1min")
    assert (result.passed, result.faults[0].missing) == (True, ("nobody",))

    async def raises(lab: mqttlab.Lab) -> None:
        raise ValueError("as asked")

    made: list[mqttlab.Result] = []
    with watching(lambda result, error: made.append(result)), pytest.raises(ValueError, match="as"):
        mqttlab.run(raises, until="1min", faults=[Fault(At(1), Cut(), "nobody")])
    assert (made[0].violations, made[0].faults[0].missing) == ((), ("nobody",))


def step(when: str = "at = '1s'", what: str = "cut = 'fin'", more: str = "on = 'a'") -> str:
    return f"[[fault]]\n{more}\nwhen = {{{when}}}\nwhat = {{{what}}}\n"


WRONG_TOML = {
    "x = 1": "write a list of tables [[fault]], and nothing else",
    "[[fault]": "is no TOML",
    "[[fault]]\nwhen = {at = '1s'}": "fault 1: what is missing; write what = ",
    "[[fault]]\nwhat = {cut = 'fin'}": "fault 1: when is missing; write when = ",
    "[[fault]]\nwhen = 'now'\nwhat = {cut = 'fin'}": "fault 1, when: 'now' is no table",
    step() + step(more=""): "fault 2: to which device?",
    step(what="cut = 'hard'"): "fault 1, what: cut: 'hard'",
    step(what="boom = 1"): "fault 1, what: one effect is wanted",
    step(when="at = '1 moon'"): "fault 1, when: at: unknown",
    step(when="before = 'PUBLISH'"): "PUBLISH goes both ways",
    step(when="before = 'PINGREQ', m = 2"): "unknown key 'm' of before",
    step(when="inside = 'PINGREQ'"): "byte is missing",
    step(more="on = 'a'\nfor = '1s'"): "a cut has no end",
    step(more="on = 'a'\nhow = 'x'"): "unknown key 'how'",
    step(more="on = 4"): "fault 1: on=4 is no name",
}


@pytest.mark.parametrize("text", WRONG_TOML, ids=WRONG_TOML.values())
def test_bad_schedules_are_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(mqttlab.UsageError) as error:
        mqttlab.run(exchange, until="1s", faults=path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    assert WRONG_TOML[text] in str(error.value)


WRONG = [
    (lambda lab, device: lab.at("1s", Outage()), "to which device"),
    (lambda lab, device: lab.at("1s", "cut", on=device), "what='cut' is no effect"),
    (lambda lab, device: lab.at("1s", Cut(), on=device, for_="2s"), "a cut has no end"),
    (lambda lab, device: lab.at("1s", Cut(), on=[]), "on is empty"),
    (lambda lab, device: lab.at("1s", Cut(), on=5), "on=5 is no device"),
    (lambda lab, device: lab.at("1 moon", Cut(), on=device), "unknown unit 'moon'"),
    (lambda lab, device: lab.at("0.5s", Cut(), on=device), "is over: it is 1 s already"),
    (lambda lab, device: lab.at("2s", Cut(), on=device, then=Cut()), "is no Fault"),
    (lambda lab, device: lab.plan([Cut()]), "is no Fault"),
    (lambda lab, device: lab.plan("/no/such.toml"), "cannot read '/no/such.toml'"),
    (lambda lab, device: Before("PUBRECK"), "'PUBRECK' is no control packet"),
    (lambda lab, device: Before("CONNACK", way="up"), "no CONNACK goes up"),
    (lambda lab, device: Before("PUBREC", way="left"), "'left' is neither"),
    (lambda lab, device: Before("CONNACK", 0), "n: must be 1 or more, got 0"),
    (lambda lab, device: Before("CONNACK", connection=0), "connection: must be 1 or more"),
    (lambda lab, device: Inside("CONNACK", byte=0), "byte: must be 1 or more"),
    (lambda lab, device: Resent(-1), "resent: must be 0 or more"),
    (lambda lab, device: Bytes(0), "bytes: must be 1 or more"),
    (lambda lab, device: Cut("hard"), "cut: 'hard' is none of"),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_faults_are_one_line(call: Any, message: str) -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter")
        await asyncio.sleep(1)
        call(lab, device)

    with pytest.raises(mqttlab.UsageError) as error:
        mqttlab.run(scenario, until="5s")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_known_by_name_can_be_made() -> None:
    kinds: list[type] = [*Effect.known.values(), *Instant.known.values()]
    assert [kind.__name__ for kind in kinds if inspect.isabstract(kind)] == []


def test_what_an_effect_raises_ends_the_run() -> None:
    class Trip(Effect):
        def begin(self, lab: mqttlab.Lab, device: Any, fired: Any) -> None:
            raise RuntimeError(f"tripped at {fired.at_ns}")

    try:
        with pytest.raises(RuntimeError, match="tripped at"):
            mqttlab.run(exchange, until="5s", faults=[Fault(Arrived("CONNECT"), Trip(), "meter")])
    finally:
        del Effect.known[Trip.name]


def test_on_real_sockets_only_times_can_be_told() -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter")
        async with device.client():
            await lab.at("0.3s", Cut(), on=device)

    result = mqttlab.run(scenario, until="5s", target="live")
    assert len(events(result, "fault")) == 1
    step = Fault(At("1s"), Cut(), "meter", then=Fault(Before("CONNACK"), Cut()))
    result = mqttlab.run(scenario, until="5s", target="live", faults=[step])
    assert result.ending == "not_applicable"
    assert result.not_applicable[0].what == "cut reset before CONNACK #1"
