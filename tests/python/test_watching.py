"""Runs that nobody records, that nobody judges, or that a strict oracle judges."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import _core, cli
from mqttlab.bench_watching import most_memory_bytes
from mqttlab.expectations import SCENARIO
from mqttlab.scenarios.support import Raw, Seen
from own_rules import short

DEVICES = 1000
NOISE_BYTES = 4 << 20  # of a process: what one more arena or a longer list of free blocks takes


@mqttlab.scenario(until="5min")
async def one_reading(lab: mqttlab.Lab, *, wanted: int = 1, observed: bool = False) -> None:
    """A reading at QoS 1 reaches a desk."""
    await lab.broker()
    async with lab.device("desk").client(clean_session=False) as desk:
        await desk.subscribe("#", qos=1)
        await desk.publish("a", lab.stamp(), qos=1)
        message = await anext(desk.messages)
        await asyncio.sleep(1)  # for its PUBACK
        lab.expect("readings", int(message.topic == "a"), wanted)
    if observed:
        lab.expect.observed("Q1-NOLOSS")


@mqttlab.scenario(until="1min")
async def counts_in_its_trace(lab: mqttlab.Lab) -> None:
    """What it has seen so far."""
    await lab.broker()
    lab.expect("connections", Seen(lab).count(mqttlab.trace.Kind.OPENED), 0)


def statuses(result: mqttlab.Result) -> dict[str, str]:
    return {verdict.invariant: verdict.status for verdict in result.verdicts}


@pytest.mark.parametrize("left_out", ["trace", "oracle"])
def test_what_nobody_judges_has_not_passed(left_out: str, tmp_path: Path) -> None:
    result = mqttlab.run(one_reading, **{left_out: False})  # type: ignore[arg-type]
    assert not result.passed
    assert "not judged" in repr(result)
    assert statuses(result) == {
        **dict.fromkeys(_core.invariants(), "not_applicable"), SCENARIO: "pass"
    }  # fmt: skip
    with pytest.raises(mqttlab.ViolationError, match=rf"Q1-NOLOSS was .*{left_out}=False"):
        result.check("Q1-NOLOSS")
    page = result.write(tmp_path).read_text()
    assert "Not judged." in page
    assert f"--no-{left_out}" in page
    told = json.loads((tmp_path / "run.json").read_text())
    assert (told["passed"], told["events"]) == (False, len(result.events))
    assert f"{left_out}=False" in told["unjudged"]


def test_without_a_trace_the_run_is_the_same_and_leaves_no_event() -> None:
    seen = mqttlab.run(one_reading)
    unseen = mqttlab.run(one_reading, trace=False)
    assert (len(unseen.events), unseen.fingerprint, len(unseen.connects)) == (0, "", 0)
    assert unseen.gauges == seen.gauges
    assert unseen.gauges["messages_sent"] == 1
    assert unseen.virtual_s == seen.virtual_s
    assert unseen.simulator_events == seen.simulator_events
    with pytest.raises(mqttlab.Error, match="without a trace nothing tells"):
        unseen.capsule()


def test_without_the_oracle_the_trace_is_the_same() -> None:
    judged, unjudged = mqttlab.run(one_reading), mqttlab.run(one_reading, oracle=False)
    assert judged.passed
    assert unjudged.fingerprint == judged.fingerprint
    assert unjudged.capsule().fingerprint == judged.fingerprint


def test_what_a_scenario_counts_itself_still_counts() -> None:
    result = mqttlab.run(one_reading, parameters={"wanted": 2}, oracle=False)
    assert [one.what for one in result.violations] == ["readings: 1, not 2"]
    assert statuses(result)[SCENARIO] == "fail"


def test_a_scenario_that_wants_the_oracle_says_so() -> None:
    result = mqttlab.run(one_reading, parameters={"observed": True}, oracle=False)
    [verdict] = [one for one in result.verdicts if one.invariant == SCENARIO]
    assert verdict.status == "not_applicable"
    assert "(oracle=False), by which this scenario wants Q1-NOLOSS judged" in verdict.why
    assert result.violations == ()


def test_a_scenario_that_counts_in_its_trace_says_so() -> None:
    with pytest.raises(mqttlab.UsageError, match="counts in its trace, and this run keeps none"):
        mqttlab.run(counts_in_its_trace, trace=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trace": 1}, "trace: 1 is neither"),
        ({"trace": False, "strict": True}, "trace=False leaves it out"),
        ({"oracle": False, "strict": True}, "oracle=False leaves it out"),
        ({"trace": False, "ndjson": "trace.ndjson"}, "trace=False keeps none"),
        ({"trace": False, "invariants": [short]}, "SHORT"),
    ],
)
def test_what_contradicts_itself_is_refused_before_the_run(
    options: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mqttlab.UsageError, match=words):
        mqttlab.run(one_reading, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "code", "words"),
    [
        ("--no-trace", cli.NOT_APPLICABLE, "Not judged. The run kept no trace"),
        ("--no-oracle", cli.NOT_APPLICABLE, "Not judged. The run had no oracle"),
        ("--strict", cli.OK, "No violation."),
    ],
)
def test_the_command_line_has_them(
    option: str, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["run", f"{__file__}:one_reading", option, "--out", str(tmp_path)])
    assert left.value.code == code
    said = capsys.readouterr().out
    assert words in said
    assert option in (tmp_path / "report.html").read_text()
    assert ("fingerprint" in said) == (option != "--no-trace")


def test_a_strict_run_judges_what_the_standard_leaves_open() -> None:
    assert statuses(mqttlab.run(one_reading))["APP-Q1"] == "not_observable"
    strict = mqttlab.run(one_reading, strict=True)
    assert statuses(strict)["APP-Q1"] == "pass"
    assert strict.passed


@mqttlab.scenario(until="1min")
async def says_it_twice(lab: mqttlab.Lab) -> None:
    """A peer sends its PUBLISH again without need, which 3.1.1 does not forbid."""
    await lab.broker()
    await lab.device("peer").run(publish_twice())


async def publish_twice() -> None:
    peer = await Raw.open(4)
    await peer.connect(client_id="peer")
    for dup in (False, True):
        peer.send("PUBLISH", topic="a", payload=b"1", qos=1, packet_id=1, dup=dup)
    for _ in range(2):
        await peer.get("PUBACK")
    peer.send("DISCONNECT")


def test_a_strict_run_demands_what_is_only_recommended(tmp_path: Path) -> None:
    lenient, strict = mqttlab.run(says_it_twice), mqttlab.run(says_it_twice, strict=True)
    assert lenient.passed
    assert statuses(lenient)["DUP-BOUND"] == "departs"
    assert [one.invariant for one in strict.violations] == ["DUP-BOUND"]
    assert strict.fingerprint == lenient.fingerprint
    found = mqttlab.replay(strict.capsule().write(tmp_path))
    assert (found.reproduced, found.again.broken) == (True, {"DUP-BOUND": 1})


@mqttlab.scenario(until="10min")
async def thousand_meters(lab: mqttlab.Lab) -> None:
    """A thousand devices publish every five seconds."""
    await lab.broker()
    meters = lab.devices(DEVICES, name="meter-{:04d}")
    lab.fleet(meters, topic="site/{name}/kwh", qos=1, interval="5s", start_within="5s")
    async with lab.device("desk").client(drain=True) as desk:
        await desk.subscribe("site/#", qos=1)
        await asyncio.sleep(60)


def test_a_full_trace_ends_the_run_in_order(tmp_path: Path) -> None:
    limit = 2**20
    result = mqttlab.run(thousand_meters, trace_limit=limit)
    assert (result.ending, result.interrupted) == ("trace_full", True)
    assert limit < result.trace_bytes < 8 * limit, "a second of the network is seen in whole"
    assert 0 < result.virtual_s < 60
    assert result.violations == ()
    assert statuses(result)["STREAM-OK"] == "pass"
    assert "Trace full" in result.write(tmp_path).read_text()
    assert mqttlab.run(one_reading, trace_limit="1MiB").ending == "returned"


def test_its_memory_is_what_it_says_it_is() -> None:
    """At a thousand devices, and not only a small part of it."""
    unseen, seen = (memory_of(traced) for traced in (False, True))
    assert seen["events"] > 100 * DEVICES
    most = seen["trace_bytes"]
    assert most < 100 * seen["events"] + 2**20, "the figure in mqttlab.run"
    taken = seen["memory_bytes"] - unseen["memory_bytes"]
    assert most / 4 < taken <= most + NOISE_BYTES


def memory_of(traced: bool) -> dict[str, int]:
    """Of a run in a process of its own."""
    words = [sys.executable, __file__, *(["trace"] if traced else [])]
    made = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(made.stdout)
    return found


if __name__ == "__main__":
    run = mqttlab.run(thousand_meters, trace=len(sys.argv) > 1, oracle=False)
    print(json.dumps({"events": len(run.events), "trace_bytes": run.trace_bytes,
                      "memory_bytes": most_memory_bytes()}))  # fmt: skip
