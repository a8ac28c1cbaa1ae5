"""The conformance report in headless Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import node
from test_page import run


def test_the_report_filters_scrolls_prints_and_is_readable_without_scripts(tmp_path: Path) -> None:
    node.program()
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed; apt-get install chromium")
    words = ["-m", "mqttlab.cli", "conformance", "--target", "sim", "--out", str(tmp_path)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True, timeout=60)
    said = run("report.cjs", str(tmp_path / "report.html"), str(tmp_path), "will-delayed-5-0")
    found = json.loads(said)
    assert found["rows"] > 400
    assert 0 < found["section"] < found["version"] < found["rows"]
    print(found)
    assert (tmp_path / "report.pdf").stat().st_size > 100_000
