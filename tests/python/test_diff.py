"""What changed between two runs: verdicts, figures and what their seeds can show, events."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rude import rude

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import exits
from mqttlab.diff import command
from mqttlab.errors import UsageError
from mqttlab.overhead.estimate import Estimate

ROOT = Path(__file__).resolve().parents[2]


def said(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(command.main, [*map(str, words)], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output


def found(*words: str | Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(said(*words, "--json")[1])
    return document


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small field trials: a, the same again, and b with another seed."""
    folder = tmp_path_factory.mktemp("runs")
    small = {"devices": 5, "faults": "40s", "settle": "60s"}
    for name, seed in (("a", 7), ("same", 7), ("b", 8)):
        mqttlab.run("field_trial", seed=seed, parameters=small).write(folder / name)
    return folder


def test_a_run_equals_itself_but_for_wall_time(runs: Path) -> None:
    code, text = said(runs / "a", runs / "same")
    assert code == exits.OK, text
    assert text.splitlines()[-1] == "equal"


def test_it_is_said_first_that_other_software_made_a_run(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "same", tmp_path / "same")
    path = tmp_path / "same/run.json"
    then = json.loads(path.read_text())
    path.write_text(json.dumps({**then, "versions": {**then["versions"], "ns3": "3.99"}}))
    code, text = said(runs / "a", path)
    assert code == exits.OK
    assert [text.splitlines()[3].split()[:3], text.splitlines()[4].split()] == [
        ["made", "by", "A"], ["versions.ns3", then["versions"]["ns3"], "3.99"],
    ]  # fmt: skip
    assert text.splitlines()[-1] == "equal"
    assert [one["b"] for one in found(runs / "a", path)["versions"]] == ["3.99"]


def test_runs_of_two_seeds_differ_and_their_first_event_is_found_by_making_them_again(
    runs: Path,
) -> None:
    code, text = said(runs / "a", runs / "b")
    assert code == exits.FINDINGS
    assert "of one seed each: what another would give is not known" in text
    assert "first event that differs, after" in text
    document = found(runs / "a", runs / "b")
    assert {"place": "seed", "a": 7, "b": 8} in document["about"]
    assert document["figures"]
    traces = []
    for seed in (7, 8):
        path = runs / f"{seed}.ndjson"
        mqttlab.run("field_trial", seed=seed, parameters={"devices": 5, "faults": "40s",
                    "settle": "60s"}, ndjson=path)  # fmt: skip
        traces.append(path.read_text().splitlines()[1:])
    equal = document["first_event"]["equal"]
    assert traces[0][:equal] == traces[1][:equal]
    assert traces[0][equal] != traces[1][equal]
    by_traces = found(runs / "7.ndjson", runs / "8.ndjson")
    assert by_traces["first_event"] == document["first_event"]
    assert said(runs / "7.ndjson", runs / "7.ndjson")[0] == exits.OK


def test_without_making_again_it_is_said_what_leaves_a_trace(runs: Path) -> None:
    document = found(runs / "a", runs / "b", "--no-again")
    assert document["first_event"] is None
    assert "has no trace; let both leave one: mqttlab run ... --ndjson" in document["no_event"]


def test_a_run_of_other_code_is_not_made_again_in_its_place(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "b", tmp_path / "other")
    path = tmp_path / "other/run.json"
    then = json.loads(path.read_text())
    path.write_text(json.dumps({**then, "fingerprint": "0" * 32}))
    document = found(runs / "a", path)
    assert "other/run.json: made again it is another run, fingerprint " in document["no_event"]


def test_a_trace_beside_a_run_is_its_own_or_is_not_read(runs: Path, tmp_path: Path) -> None:
    small = {"devices": 5, "faults": "40s", "settle": "60s"}
    for name, seed in (("a", 7), ("b", 8)):
        shutil.copytree(runs / name, tmp_path / name)
        mqttlab.run("field_trial", seed=seed, parameters=small, ndjson=tmp_path / f"{seed}.ndjson")
    for name, trace in (("a", "7"), ("b", "8")):
        shutil.copy(tmp_path / f"{trace}.ndjson", tmp_path / name / "trace.ndjson")
    assert found(tmp_path / "a", tmp_path / "b", "--no-again")["first_event"] is not None
    shutil.copy(tmp_path / "7.ndjson", tmp_path / "b/trace.ndjson")
    document = found(tmp_path / "a", tmp_path / "b", "--no-again")
    assert "b/run.json: has no trace" in document["no_event"]


def test_heads_that_differ_are_no_event(tmp_path: Path) -> None:
    event = '{"at": 0, "kind": "opened", "actor": "meter", "end": "client", "connection": 1}\n'
    for name, version in (("a", 1), ("b", 2)):
        head = f'{{"kind": "trace", "version": {version}}}\n'
        (tmp_path / f"{name}.ndjson").write_text(head + event)
    (tmp_path / "none.ndjson").write_text(event)
    document = found(tmp_path / "a.ndjson", tmp_path / "b.ndjson")
    assert document["first_event"] is None
    assert document["figures"] == [{"place": "version", "a": 1, "b": 2}]
    assert not document["equal"]
    told = said(tmp_path / "a.ndjson", tmp_path / "none.ndjson")[1]
    assert 'A  {"kind": "trace", "version": 1}' in told
    assert "B  0.000000000 s  meter, client's end: opened" in told


def test_an_event_is_told_with_time_device_and_packet(tmp_path: Path) -> None:
    events = [
        {"at": 0, "kind": "opened", "actor": "meter", "end": "client", "connection": 1},
        {"at": 1_500_000_000, "kind": "written", "actor": "meter", "end": "client",
         "packet": "PUBLISH", "connection": 1, "flags": 3, "packet_id": 9, "bytes": 20,
         "text": "a/b"},
    ]  # fmt: skip
    later = [events[0], {**events[1], "at": 1_500_000_001, "flags": 10}]
    for name, each in (("a", events), ("b", later), ("short", events[:1])):
        lines = [{"kind": "trace", "version": 1}, *each]
        (tmp_path / f"{name}.ndjson").write_text("".join(json.dumps(n) + "\n" for n in lines))
    event = found(tmp_path / "a.ndjson", tmp_path / "b.ndjson")["first_event"]
    told = "meter, client's end: PUBLISH written, connection 1"
    assert event == {
        "equal": 1,
        "last": "0.000000000 s  meter, client's end: opened, connection 1",
        "a": f"1.500000000 s  {told}, QoS 1, RETAIN, id 9, 20 B, 'a/b'",
        "b": f"1.500000001 s  {told}, QoS 1, DUP, id 9, 20 B, 'a/b'",
    }
    assert "B  has ended" in said(tmp_path / "a.ndjson", tmp_path / "short.ndjson")[1]
    heard = [events[0], {**events[1], "kind": "arrived", "end": "broker", "actor": "hub"}]
    lines = [{"kind": "trace", "version": 1}, *heard]
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(n) + "\n" for n in lines))
    event = found(tmp_path / "a.ndjson", tmp_path / "b.ndjson")["first_event"]
    assert "  meter, hub's end: PUBLISH arrived, connection 1, " in event["a"]


def test_verdicts_come_first(tmp_path: Path) -> None:
    """Of a run that keeps the rules, and one that does not."""
    for name, polite in (("good", True), ("bad", False)):
        mqttlab.run(rude, seed=3, parameters={"polite": polite}).write(tmp_path / name)
    document = found(tmp_path / "good", tmp_path / "bad")
    changed = {one["place"]: (one["a"], one["b"]) for one in document["verdicts"]}
    assert changed["verdicts[DUP-RULE].status"] == ("pass", "fail")
    assert changed["passed"] == (True, False)
    assert any(place.startswith("violations[DUP-RULE") for place in changed)
    assert {"place": "parameters.polite", "a": True, "b": False} in document["about"]
    assert "good/run.json: scenario rude is not installed" in document["no_event"]


def test_capsules_are_compared_and_their_runs_made_again(tmp_path: Path) -> None:
    for name, loss in (("a", 0.05), ("b", 0.3)):
        mqttlab.run(rude, seed=3, parameters={"loss": loss}).write(tmp_path / name)
    capsules = [next((tmp_path / name).glob("*.capsule.json")) for name in "ab"]
    assert "or make them again: --again" in found(*capsules)["no_event"]  # nobody knows how long
    document = found(*capsules, "--again")
    assert {"place": "parameters.loss", "a": 0.05, "b": 0.3} in document["about"]
    assert document["first_event"]["equal"] > 0
    # The report of a run that failed has its capsule beside it.
    assert found(tmp_path / "a", tmp_path / "b")["first_event"] == document["first_event"]


def study(bytes_: tuple[float, float], seconds: tuple[float, float]) -> dict[str, Any]:
    row = {"link": "umts", "loss": 0.02, "qos": 1}
    figures = {
        name: {"mean": mean, "ci95": ci95}
        for name, (mean, ci95) in (("bytes", bytes_), ("delivered_p50_s", seconds))
    }
    return {"command": "mqttlab overhead", "seeds": [1, 2], "rows": [{**row, **figures}]}


def test_means_differ_if_the_interval_of_their_difference_leaves_out_0(tmp_path: Path) -> None:
    for name, document in (
        ("a.json", study((500.0, 0.0), (0.2, 0.05))),
        ("b.json", study((512.0, 0.0), (0.26, 0.04))),
        ("c.json", study((512.0, 0.0), (0.27, 0.04))),  # intervals overlap by 0.02
    ):
        (tmp_path / name).write_text(json.dumps(document))
    code, text = said(tmp_path / "a.json", tmp_path / "b.json")
    assert code == exits.FINDINGS
    assert "rows[umts, loss 0.02, qos 1].bytes" in text
    assert "500  512  +2.4 %" in text
    assert "1 figures: no difference that the seeds can show" in text
    assert "delivered" not in text
    _, text = said(tmp_path / "a.json", tmp_path / "c.json")
    assert "0.2 ± 0.05  0.27 ± 0.04  +35 ± 32 %" in text
    assert "no difference" not in text
    assert "1 differences of means tested, 0 of them seed by seed, each at 5 %" in text


def test_means_over_equal_seeds_are_compared_seed_by_seed(tmp_path: Path) -> None:
    """What seeds have in common goes out of the difference, and 0 with it out of the interval."""

    def write(name: str, seeds: list[int], by_seed: list[float]) -> Path:
        one = Estimate.of(by_seed)
        document = study((500.0, 0.0), (one.mean, one.half_width))
        document["rows"][0]["delivered_p50_s"]["by_seed"] = by_seed
        (tmp_path / name).write_text(json.dumps({**document, "seeds": seeds}))
        return tmp_path / name

    a = write("a.json", [1, 2, 3], [0.1, 0.2, 0.6])
    paired = found(a, write("b.json", [1, 2, 3], [0.11, 0.22, 0.61]))["figures"][0]
    assert (paired["paired"], paired["shown"]) == (True, False)
    assert paired["difference_ci95"] == pytest.approx(4.303 * 0.01 / 3, rel=1e-3)
    assert "1 of them seed by seed" in said(a, tmp_path / "b.json")[1]
    (surely,) = found(a, write("c.json", [1, 2, 3], [0.12, 0.22, 0.61]))["figures"]
    assert (surely["paired"], surely["shown"]) == (True, True)
    (others,) = found(a, write("d.json", [4, 5, 6], [0.12, 0.22, 0.61]))["figures"]
    assert (others["paired"], others["shown"]) == (False, False)


def test_by_pairs_neither_rounded_means_nor_noise_are_shown(tmp_path: Path) -> None:
    """Means are written with six digits, and what each seed gave with all."""
    cases = {
        "rounded": (0.123457, [0.12345651, 0.12345649], False),  # on both sides of a digit
        "noise": (0.123456, [0.12345649000000001] * 2, False),
        "surely": (0.123456, [0.12345651, 0.12345651], True),
    }
    documents = {"a": (0.123456, [0.12345649] * 2), **{n: c[:2] for n, c in cases.items()}}
    for name, (mean, by_seed) in documents.items():
        document = study((500.0, 0.0), (mean, Estimate.of(by_seed).half_width))
        document["rows"][0]["delivered_p50_s"]["by_seed"] = by_seed
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    for name, (*_, is_shown) in cases.items():
        (one,) = found(tmp_path / "a.json", tmp_path / f"{name}.json")["figures"]
        assert (one["paired"], one["shown"]) == (True, is_shown), name


@pytest.mark.parametrize(
    ("changed", "said_of_it"),
    [
        ({"by_seed": 5}, "by_seed = 5; write a list of numbers"),
        ({"by_seed": [0.1, None]}, r"by_seed = \[0\.1, None\]; write a list of numbers"),
        ({"by_seed": [0.1, "0.2"]}, r"by_seed = \[0\.1, '0\.2'\]; write a list"),
        ({"by_seed": [0.1, 0.2, 0.3]}, "by_seed has 3 numbers; write those of 2 seeds"),
        ({"by_seed": []}, "by_seed has 0 numbers; write those of 2 seeds"),
        ({"mean": "fast"}, "mean = 'fast'; write a number, or null"),
        ({"ci95": [1]}, r"ci95 = \[1\]; write a number, or null"),
    ],
)
def test_an_estimate_that_is_none_is_named_by_side_and_place(
    changed: dict[str, Any], said_of_it: str, tmp_path: Path
) -> None:
    good = study((500.0, 0.0), (0.2, 0.05))
    bad = json.loads(json.dumps(good))
    good["rows"][0]["delivered_p50_s"]["by_seed"] = [0.1, 0.3]
    bad["rows"][0]["delivered_p50_s"] |= changed
    for name, document in (("good", good), ("bad", bad)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    for words, side in ((("good", "bad"), "B"), (("bad", "good"), "A")):
        place = rf"^diff: {side}: rows\[.*\]\.delivered_p50_s\.{said_of_it}"
        with pytest.raises(UsageError, match=place):
            said(*(tmp_path / f"{name}.json" for name in words))


def test_a_table_of_keep_alives_is_read_with_the_other_and_alone(tmp_path: Path) -> None:
    there = ROOT / "results/overhead"
    for name in ("both", "alone"):
        (tmp_path / name).mkdir()
        text = (there / "keep_alive.csv").read_text()
        lines = text.splitlines()
        cells = lines[1].split(",")
        cells[lines[0].split(",").index("missed")] = "0.75"
        lines[1] = ",".join(cells)
        (tmp_path / name / "keep_alive.csv").write_text("\n".join(lines))
    shutil.copy(there / "overhead.csv", tmp_path / "both")
    for here, other in ((tmp_path / "both", there), (tmp_path / "alone", there / "keep_alive.csv")):
        (one,) = found(other, here)["figures"]
        assert one["place"].startswith("keep_alives[lte, nat_s 300, keep_alive_s 30")
        assert (one["place"].endswith(".missed"), one["b"]) == (True, 0.75)


def test_a_table_is_read_as_the_document_beside_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results/overhead", tmp_path / "study")
    (tmp_path / "study/overhead.json").write_text('{"seeds": [], "rows": []}')
    assert said(ROOT / "results/overhead", tmp_path / "study")[0] == exits.OK
    path = tmp_path / "study/overhead.csv"
    header, row, *rest = path.read_text().splitlines()
    cells = row.split(",")
    cells[header.split(",").index("bytes")] = "1e6"
    path.write_text("\n".join([header, ",".join(cells), *rest]))
    changed = found(ROOT / "results/overhead", tmp_path / "study")
    assert [one["b"] for one in changed["figures"]] == [1e6]
    assert changed["figures"][0]["place"].endswith("qos 0].bytes")
    assert changed["figures"][0]["shown"]
    path.write_text("\n".join([header, row, row + ",7"]))
    with pytest.raises(UsageError, match=r"row 2 has not as many cells as the head"):
        said(path, path)
    with pytest.raises(UsageError, match=r"keep_alive_none.csv': No such file"):
        said(tmp_path / "keep_alive_none.csv", path)


def test_conformance_reports_differ_by_verdict() -> None:
    folder = ROOT / "results/conformance"
    code, text = said(folder / "mqttlab", folder / "mosquitto")
    assert code == exits.FINDINGS
    document = found(folder / "mqttlab", folder / "mosquitto")
    changed = {one["place"]: (one["a"], one["b"]) for one in document["verdicts"]}
    assert changed["statements[3:MQTT-2.2.2-2, 3.1.1].verdict"] == ("pass", "fail")
    assert "more; --json has all" in text
    counted = {one["place"] for one in document["figures"]}
    assert "versions.3.1.1.statements.fail" in counted
    assert said(folder / "mosquitto", folder / "mosquitto")[0] == exits.OK


def test_bad_input_is_one_line(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    (tmp_path / "y.json").write_text("{}")
    (tmp_path / "qos.csv").write_text("qos,delivered\n0,5\n")
    (tmp_path / "z.json").write_text("[]")
    for words, error in (
        ((tmp_path / "nowhere", runs / "a"), "cannot read '.*nowhere': No such file"),
        ((tmp_path / "x.ndjson", runs / "a"), r"cannot read '.*x\.ndjson': No such file"),
        ((tmp_path, runs / "a"), r"has none of run\.json, conformance\.json"),
        ((tmp_path / "x.json", runs / "a"), "is no JSON: "),
        ((tmp_path / "y.json", runs / "a"), r"is none of run\.json, .*, a capsule or a trace"),
        ((tmp_path / "qos.csv", runs / "a"), r"is none of run\.json, .*, a capsule or a trace"),
        ((tmp_path / "z.json", runs / "a"), "is no object of JSON"),
        ((ROOT / "results/conformance/mqttlab", runs / "a"), "is of kind conformance, .* kind run"),
    ):
        with pytest.raises(UsageError, match=error) as caught:
            said(*words)
        assert "\n" not in str(caught.value)
