"""What the README prints is what happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.figures import Analysis, figures

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
REFERENCE = ROOT / "results" / "field_trial" / "run.json"


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


def test_the_reference_run_repeats_to_the_last_figure() -> None:
    """All of it but wall time and versions; the README's figures are taken from it."""
    reference = json.loads(REFERENCE.read_text())
    result = mqttlab.run("field_trial", seed=reference["seed"])
    found = json.loads(json.dumps(figures(Analysis(result))))
    for of_one_machine in ("wall_s", "versions", "command"):
        reference.pop(of_one_machine, None)
        found.pop(of_one_machine, None)
    again = "mqttlab run field_trial --seed 7 --out results/field_trial"
    for key in sorted({*reference, *found}):
        assert reference.get(key) == found.get(key), (
            f"{REFERENCE.relative_to(ROOT)}: {key} has changed; if that is meant: {again}"
        )


def test_its_figures_are_the_reference_runs() -> None:
    reference = json.loads(REFERENCE.read_text())
    qos = reference["qos"]
    for level in "012":
        row = re.search(rf"^\| {level} \|(.*)\|$", README, re.MULTILINE)
        assert row, f"README.md has no row for QoS {level}"
        numbers = [cell.strip().replace(",", "") for cell in row[1].split("|")]
        figure = qos[level]
        expected = [figure[key] for key in ("published", "accepted", "delivered", "duplicates")]
        assert numbers[:4] == [str(number) for number in expected], f"README.md, QoS {level}"


def test_the_brokers_cost_is_what_was_measured() -> None:
    table = json.loads((ROOT / "results/bench_live/table.json").read_text())
    ratios = [row["cpu_ratio"] for row in table["rows"]]
    ours = next(
        one
        for one in table["footprints"]
        if (one["broker"], one["transport"]) == ("mqttlab", "tcp")
    )
    of_mb = [ours["program_bytes"], *(ours["resident_bytes"][count] for count in ("0", "1000"))]
    file, idle, busy = (f"{size / 1e6:.1f} MB" for size in of_mb)
    said = " ".join(README.split())
    assert f"a file of {file}; it takes {idle} of memory, {busy} with 1,000 idle" in said
    assert f"{min(ratios):.2f} to {max(ratios):.2f} of mosquitto's" in said
    index = (ROOT / "results/README.md").read_text()
    assert f"{min(ratios):.2f} to {max(ratios):.2f} of mosquitto's" in index
