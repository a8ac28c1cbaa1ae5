"""What a run leaves in a directory, from results written by hand."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from handmade import BROKER, VIOLATION, Handmade
from mqttlab import _core, report
from mqttlab.errors import UsageError
from mqttlab.figures import Analysis, figures
from mqttlab.report.charts import MOST_POINTS, survival
from mqttlab.report.headline import headline
from mqttlab.report.invariants import MEANING
from mqttlab.report.svg import linear, logarithmic, ticks
from mqttlab.result import FaultInfo, Result, Verdict
from mqttlab.trace import CloseCause, Death, Kind

SCHEMA = json.loads((Path(report.__file__).parent / "run.schema.json").read_text("utf-8"))


FAULTS = (
    FaultInfo({}, tuple(10**9 * at for at in range(1, 6)), ("desk",) * 5, "cut reset at 1 s",
              then=FaultInfo({}, (), (), "outage at 9 s")),
    FaultInfo({}, (), (), "pause of <metre>", ("<metre>",)),
)  # fmt: skip


def small_run(**changes: object) -> Result:
    """One publisher whose link goes down and who dies, two subscribers, a phase."""
    run = Handmade()
    meter, desk, wall = run.device("meter"), run.device("desk"), run.device("wall", "office")
    persistent, clean = run.open(0.0, desk, clean=False), run.open(0.0, wall)
    run.subscribe(0.5, persistent, "site/#")
    run.subscribe(0.5, clean, "site/#")
    outward = run.open(1.0, meter, will="last words")
    for qos in (0, 1, 2):
        name = f"message {qos}"
        run.call(2.0 + qos, meter, name, qos)
        run.publish(2.0 + qos, outward, name, qos, up=True)
        for inward in (persistent, clean):
            run.publish(2.3 + qos, inward, name, qos, up=False)
            run.deliver(2.5 + qos, run.owner[inward], name, qos)
    run.call(6.0, meter, "lost", 0)
    run.add(7.0, Kind.LINK_DOWN, meter)
    run.add(8.0, Kind.DIED, meter, code=Death.SILENT)
    run.close(8.0, outward, CloseCause.LOCAL, CloseCause.TIMEOUT)
    run.add(10.0, Kind.PHASE, BROKER, text=run.text("settle"))
    return run.result(**changes)


def written(result: Result, directory: Path) -> tuple[dict, str]:
    page = report.write(result, directory)
    return json.loads((directory / "run.json").read_text()), page.read_text("utf-8")


def test_run_json_follows_its_schema(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for index, result in enumerate(
        (small_run(), small_run(violations=(VIOLATION,), faults=FAULTS), Handmade().result())
    ):
        found, _ = written(result, tmp_path / str(index))
        jsonschema.validate(found, SCHEMA)


def test_the_page_tells_what_was_planned_and_what_came_of_it(tmp_path: Path) -> None:
    found, page = written(small_run(faults=FAULTS), tmp_path)
    assert [[step["at_s"] for step in steps] for steps in found["faults"]] == [
        [[1.0, 2.0, 3.0, 4.0, 5.0], []],
        [[]],
    ]
    rows = re.findall(r"<tr( class=\"alarm\")?><td>(.*?)</td><td>(.*?)</td></tr>", page)
    assert [(bool(alarm), what) for alarm, what, _ in rows] == [
        (False, "cut reset at 1 s"),
        (True, "then outage at 9 s"),
        (True, "pause of &lt;metre&gt;"),
    ]
    assert rows[0][2] == "1.000 s, desk; 2.000 s, desk; 3.000 s, desk; 2 more"
    assert rows[1][2] == "never"
    assert "there is no device &lt;metre&gt;" in rows[2][2]
    assert "What was done on purpose" not in written(small_run(), tmp_path)[1]


def test_every_field_of_the_schema_says_what_it_means() -> None:
    obvious = {
        "scenario", "seed", "versions", "simulator_events", "links", "violations", "invariant",
        "status", "at_s", "what", "events", "name", "devices", "published", "accepted", "counters",
    }  # fmt: skip
    for block in (SCHEMA, *SCHEMA["$defs"].values()):
        for name, field in block.get("properties", {}).items():
            plain = name in obvious or "$ref" in field or name in ("written", "arrived")
            assert plain or "description" in field, name


def test_the_page_needs_nothing_from_elsewhere_and_no_script(tmp_path: Path) -> None:
    _, page = written(small_run(), tmp_path)
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["'](?!#)""", page)
    assert not re.search(r"url\(|@import|https?://", page)


def test_every_drawing_is_well_formed_and_labelled(tmp_path: Path) -> None:
    _, page = written(small_run(), tmp_path)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) >= 5
    for drawing in drawings:
        ET.fromstring(drawing)
        assert "aria-label" in drawing or "aria-hidden" in drawing
        assert "nan" not in drawing
        assert "inf" not in drawing


def test_what_comes_from_a_run_is_escaped(tmp_path: Path) -> None:
    _, page = written(small_run(violations=(VIOLATION,), scenario="<i>x</i>"), tmp_path)
    assert "<b>lost</b>" not in page
    assert "<i>x</i>" not in page
    assert "&lt;b&gt;lost&lt;/b&gt; &amp; gone" in page


def test_an_interrupted_run_is_labelled(tmp_path: Path) -> None:
    found, page = written(small_run(interrupted=True, ending="interrupted"), tmp_path)
    assert found["interrupted"]
    assert "interrupted run, partial results" in page
    assert "partial results" not in written(small_run(), tmp_path)[1]


def test_the_same_run_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        report.write(small_run(), tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == [
        "latency.csv", "links.csv", "messages.csv", "packets.csv", "qos.csv", "report.html",
        "run.json", "verdicts.csv",
    ]  # fmt: skip
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_messages_csv_has_a_row_for_each_message_and_subscriber(tmp_path: Path) -> None:
    report.write(small_run(), tmp_path)
    with (tmp_path / "messages.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["subscriber"], row["qos"]) for row in rows] == [
        (name, qos) for name in ("desk", "wall") for qos in "0120"
    ]
    assert rows[1]["published_s"] == "3.000000"
    assert rows[1]["delivered_s"] == "3.500000"
    assert rows[3]["delivered_s"] == ""
    assert rows[3]["reason"] == "publisher died before it was sent"


def test_verdicts_csv_says_what_each_rests_on(tmp_path: Path) -> None:
    quota = Verdict("QUOTA-CONSERVE", "pass", 3, "", "MUST", "internal", "Flow")
    report.write(small_run(verdicts=(quota, Verdict("OWN", "pass", 1, ""))), tmp_path)
    with (tmp_path / "verdicts.csv").open(newline="") as file:
        rows = {row["invariant"]: row for row in csv.DictReader(file)}
    columns = ("strength", "needs", "statements")
    of_quota, own = ([rows[name][c] for c in columns] for name in ("QUOTA-CONSERVE", "OWN"))
    assert of_quota == ["MUST", "internal", "MQTT-4.9.0-1 MQTT-4.9.0-2"]
    assert own == ["", "", ""]


def test_the_page_says_how_to_run_it_again(tmp_path: Path) -> None:
    _, page = written(small_run(seed=41, parameters={"count": 3, "trace": None}), tmp_path)
    assert "mqttlab run handmade --seed 41 --until 60s --set count=3<" in page
    page = report.write(small_run(), tmp_path, command="mqttlab run x.py").read_text("utf-8")
    assert "<code>mqttlab run x.py</code>" in page


def undescribed(schema: Any, place: str = "") -> list[str]:
    """Properties, anywhere in a schema, that say nothing of themselves."""
    if isinstance(schema, list):
        return [name for one in schema for name in undescribed(one, place)]
    if not isinstance(schema, dict):
        return []
    properties = schema.get("properties", {})
    silent = [f"{place}/{name}" for name, one in properties.items() if "description" not in one]
    return silent + [
        name for key, one in schema.items() for name in undescribed(one, f"{place}/{key}")
    ]


def test_every_field_of_run_json_is_described() -> None:
    assert (
        undescribed(json.loads((Path(report.__file__).parent / "run.schema.json").read_text()))
        == []
    )


def test_the_headline_names_only_levels_that_were_used() -> None:
    found = figures(Analysis(small_run()))
    found["qos"]["2"]["published"] = found["qos"]["0"]["published"] = found["wills_due"] = 0
    found["qos"]["0"]["lost"] = 0
    assert headline(found).sentence == "QoS 1 lost 0 of 1."
    found["qos"]["1"]["published"] = 0
    assert headline(found).sentence == "Nothing was published."


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*file.*name another"):
        report.write(small_run(), tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "status", "title"),
    [
        ({}, "pass", "No violation. 1 invariant holds."),
        ({"interrupted": True}, "partial", "Interrupted, no violation so far."),
        ({"violations": (VIOLATION,), "interrupted": True}, "fail", "Q1-NOLOSS violated."),
        ({"verdicts": (Verdict("DUP-RULE", "fail", 1, ""),)}, "fail", "DUP-RULE violated."),
    ],
)
def test_the_headline_is_the_verdict(changes: dict, status: str, title: str) -> None:
    said = headline(figures(Analysis(small_run(**changes))))
    assert (said.status, said.title) == (status, title)


def test_the_headline_says_so_when_a_loss_has_no_reason() -> None:
    found = figures(Analysis(small_run()))
    assert "each with a named reason" in headline(found).sentence
    for count, said in ((1, "1 loss is unexplained."), (2, "2 losses are unexplained.")):
        found["qos"]["0"]["lost_by_reason"] = {"unexplained": count}
        assert headline(found).sentence.endswith(said)


def test_the_headline_tells_of_wills_where_a_lasting_session_listened() -> None:
    found = figures(Analysis(small_run())) | {"wills_due": 1, "wills_delivered": 1}
    assert "; 1 of 1 due will came; " in headline(found).sentence
    found |= {"wills_due": 1_200, "wills_delivered": 0}
    assert "; 0 of 1,200 due wills came; " in headline(found).sentence
    assert "due will" not in headline(found | {"subscriber": None, "qos": None}).sentence


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({}, ""),
        ({"subscriber's session ended": 3}, " (subscriber's session ended)"),
        ({"cut before it": 2, "cut behind it": 1}, " (2 of them: cut before it)"),
        ({"unexplained": 2, "cut before it": 1}, " (1 of them: cut before it)"),
        ({"unexplained": 3}, ""),
        ({"its queue was full (bytes)": 3}, " (its queue was full: bytes)"),
    ],
)
def test_the_headline_says_why_messages_above_qos_0_were_lost(reasons: dict, said: str) -> None:
    found = figures(Analysis(small_run()))
    for level in "12":
        found["qos"][level] |= {"lost": sum(reasons.values()), "lost_by_reason": reasons}
    lost = f"lost {sum(reasons.values())} of 1{said}"
    assert f"QoS 1 {lost}; QoS 2 {lost} and repeated 0;" in headline(found).sentence


def test_survival_curves_are_exact_at_both_ends_and_short() -> None:
    latency = np.sort(np.random.default_rng(1).exponential(1.0, 50_000))
    points = survival(latency)
    assert len(points) <= MOST_POINTS
    assert points[0] == (latency[0], 1.0)
    assert points[-1] == (latency[-1], 1 / 50_000)
    for seconds, share in points:
        assert share == pytest.approx((latency >= seconds).mean())


def test_scales_and_ticks() -> None:
    assert linear(0, 10, 100, 200)(5) == 150
    assert logarithmic(1, 100, 0, 10)(10) == pytest.approx(5)
    assert ticks(7.2, 4) == [0, 2, 4, 6]
    assert ticks(0) == [0.0]


def test_every_invariant_is_explained_to_the_reader() -> None:
    assert set(MEANING) == {*_core.invariants(), "SCENARIO"}
