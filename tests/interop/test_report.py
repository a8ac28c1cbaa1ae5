"""The reports in headless Chromium: of conformance, and of a run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
import node
from rude import rude
from test_page import run


@pytest.fixture(autouse=True)
def _browser() -> None:
    node.program()
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed; apt-get install chromium")


def test_the_report_filters_scrolls_prints_and_is_readable_without_scripts(tmp_path: Path) -> None:
    words = ["-m", "mqttlab.cli", "conformance", "--target", "sim", "--out", str(tmp_path)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True, timeout=60)
    said = run("report.cjs", str(tmp_path / "report.html"), str(tmp_path), "will-delayed-5-0")
    found = json.loads(said)
    assert found["rows"] > 400
    assert 0 < found["section"] < found["version"] < found["rows"]
    print(found)
    assert (tmp_path / "report.pdf").stat().st_size > 100_000


def test_a_violations_arrows_are_between_their_lanes(tmp_path: Path) -> None:
    page = mqttlab.run(rude, seed=1).write(tmp_path)
    found = json.loads(run("ladder.cjs", str(page), str(tmp_path)))
    assert found["lanes"] == 2
    assert found["arrows"] >= 5
    assert found["notes"] >= 2
    assert (tmp_path / "ladder-dark.png").stat().st_size > 10_000
