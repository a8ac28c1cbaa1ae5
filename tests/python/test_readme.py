"""What the README prints is what happens."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

from mqttlab.results import reference

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
README = (ROOT / "README.md").read_text()
SAID = " ".join(README.split())
COUNTS = ("nat_s", "keep_alive_s", "missed", "phones")
INDEX = (RESULTS / "README.md").read_text()


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_an_example_runs_as_printed(example: str, tmp_path: Path) -> None:
    script = tmp_path / "test_example.py"
    script.write_text(example)
    by = ["-m", "pytest", "--mqttlab-seeds=1"] if "async def test_" in example else []
    done = subprocess.run(
        [sys.executable, *by, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "passed" in done.stdout


def read(name: str) -> Any:
    return json.loads((RESULTS / name).read_text())


def in_words(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


@pytest.mark.parametrize("level", ["0", "1", "2"])
def test_the_field_trials_figures_are_the_reference_runs(level: str) -> None:
    """`mqttlab results --check` makes that run again."""
    figure = read("field_trial/run.json")["qos"][level]
    counts = ("published", "accepted", "delivered", "duplicates", "lost")
    cells = [f"{figure[key]:,}" for key in counts]
    cells.append(f"{figure['wire_bytes_per_message']['total']:,.0f}")
    cells += [in_words(figure["latency_s"][key]) for key in ("p50", "p99")]
    assert f"| {level} | {' | '.join(cells)} |" in README


def test_the_field_trials_size_is_the_reference_runs() -> None:
    run = read("field_trial/run.json")
    minutes = {10: "ten minutes"}[run["parameters"]["faults"] / 60]
    assert f"puts {run['devices']} devices on" in SAID
    assert f"for {minutes} of faults" in SAID
    assert run["passed"]


def test_what_conformance_exercises_is_in_its_documents() -> None:
    exercised: dict[str, set[str]] = {"3.1.1": set(), "5.0": set()}
    listed, seen = {}, []
    for place in ("simulated", "clients/simulated"):  # made again by `mqttlab results --check`
        document = read(f"conformance/{place}/conformance.json")
        for row in document["statements"]:
            exercised[row["version"]].update([row["key"]] if row["cases"] else [])
        counts = [document["versions"][version] for version in exercised]
        listed = {version: one["listed"] for version, one in zip(exercised, counts, strict=True)}
        seen.append(", ".join(str(one["seen_from_here"]) for one in counts))
        assert all(one["statements"]["fail"] == 0 for one in counts)
    old, new = (f"{len(exercised[one])} of the {listed[one]}" for one in exercised)
    assert f"exercise {old} statements of 3.1.1 and {new} of 5.0" in SAID
    assert f"all that a broker ({seen[0]}) or a client ({seen[1]}) can show" in SAID


def test_whom_conformance_has_judged_is_in_its_documents() -> None:
    others = [one for one in reference.load(RESULTS) if "--profile" in one.command]
    number = {10: "ten"}[len(others)]
    assert f"[{number} brokers of others]" in SAID
    wrong = {
        document["implementation"]: sum(
            one["statements"][verdict]
            for one in document["versions"].values()
            for verdict in ("fail", "error")
        )
        for document in (read(f"{one.name}/conformance.json") for one in others)
    }
    for name, words in (
        ("HiveMQ CE 2025.5", "HiveMQ CE breaks {}"),
        ("mosquitto 2.0.11", "mosquitto 2.0.11 {}"),
        ("ActiveMQ Artemis 2.40.0", "Artemis {}"),
    ):
        assert words.format(wrong[name]) in INDEX


def test_every_case_of_a_broker_turns_red_under_its_sabotage() -> None:
    assert "[all of a broker's do](results/conformance/proof/proof.md)" in SAID
    assert all(one["after"] == "fail" for one in read("conformance/proof/proof.json"))


def test_pictures_and_results_that_it_points_to_are_there() -> None:
    pointed = re.findall(r"\]\((results/[^)]*)\)", README)
    assert pointed
    assert [path for path in pointed if not (ROOT / path).exists()] == []


def test_the_brokers_cost_is_what_was_measured() -> None:
    table = read("bench_live/table.json")
    ratios = [row["cpu_ratio"] for row in table["rows"]]
    ours = next(
        one
        for one in table["footprints"]
        if (one["broker"], one["transport"]) == ("mqttlab", "tcp")
    )
    of_mb = [ours["program_bytes"], *(ours["resident_bytes"][count] for count in ("0", "1000"))]
    file, idle, busy = (f"{size / 1e6:.1f} MB" for size in of_mb)
    assert f"a file of {file}; it takes {idle} of memory, {busy} with 1,000 idle" in SAID
    assert f"{min(ratios):.2f} to {max(ratios):.2f} of mosquitto's" in SAID
    assert f"{min(ratios):.2f} to {max(ratios):.2f} of mosquitto's" in INDEX


def test_predictions_are_those_of_validation() -> None:
    rows = read("validation/simulated/validation.json")["published"]["deviations"]
    found = [f"{100 * (one['predicted'] / one['published'] - 1):+.2f}" for one in rows]
    assert f"{', '.join(found[:-1])} and {found[-1]} %" in SAID


def test_what_is_cut_is_counted() -> None:
    """`tests/mutants/run.py --cuts none` counts it again."""
    with (RESULTS / "cuts/counts.csv").open() as file:
        *exchanges, every = csv.DictReader(file)
    assert f"{len({one['exchange'] for one in exchanges})} exchanges of both versions" in SAID
    assert {one["version"] for one in exchanges} == {"3.1.1", "5.0"}
    kinds = {"3.1.1": 0, "5.0": 0}
    for one in exchanges:
        kinds[one["version"]] = max(kinds[one["version"]], int(one["sessions"]))
    assert f"on {({10: 'ten'})[sum(kinds.values())]} kinds of session" in SAID
    cut, stalled, twice = (int(every[name]) for name in ("cut", "stalled", "twice"))
    assert cut == stalled
    assert f"{cut:,} cuts, as many silences, and {twice:,} second cuts" in SAID


def test_the_tail_of_a_lossy_fleet_is_validations() -> None:
    found = read("validation/tail/tail.json")
    devices, one_way_ms, loss = found["parameters"].values()
    fleet = f"{devices} devices, {one_way_ms:g} ms one way, {loss * 100:g} % loss"
    ours, theirs = (in_words(one["p99_s"]) for one in found["profiles"].values())
    assert f"({fleet}: [p99 of an exchange at QoS 1](results/validation/tail/tail.json)" in SAID
    assert f"is {ours}; with ns-3's own TCP defaults {theirs})" in SAID


def test_the_indexs_figures_of_runs_are_those_of_their_files() -> None:
    run = read("field_trial/run.json")
    lost = [run["qos"][level]["lost"] for level in "12"]
    repeated = run["qos"]["2"]["duplicates"]
    assert f"QoS 1 lost {lost[0]}, QoS 2 lost {lost[1]} and repeated {repeated}, every due" in INDEX
    assert (run["wills_delivered"], run["wills_extra"]) == (run["wills_due"], 0)
    with (RESULTS / "push_service/table.csv").open() as file:
        rows = [{key: one[key] for key in ("profile", *COUNTS)} for one in csv.DictReader(file)]
    assert "the longest keep alive below its idle timeout is the best" in INDEX
    assert f"of {sum(int(one['phones']) for one in rows)} phones" in INDEX
    for one in rows:
        nat_s, keep_alive_s, missed = (int(one[name]) for name in COUNTS[:3])
        assert (keep_alive_s < nat_s) == (missed == 0), one


def test_figures_of_what_qos_costs_are_those_of_the_study() -> None:
    answers = (RESULTS / "overhead/answers.md").read_text()
    said = {
        r"\*\*([\d.]+ times the bytes)\.\*\*": "QoS 2 costs {} of QoS 0",
        r"\*\*(\d+ bytes) to a message of QoS 1": "TLS {} a message",
        r"\*\*From ([\d.]+ %) of the packets": "loss hurts from {} of the packets on;",
        r"\*\*(\d+ s), behind a NAT of 300 s": "behind a NAT of 300 s a keep alive of {} fits",
    }
    for pattern, words in said.items():
        figure = re.search(pattern, answers)
        assert figure, pattern
        for text in (INDEX, SAID):
            assert words.format(figure[1]) in text
