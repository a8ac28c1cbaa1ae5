"""A broker of others in virtual time: conformance finds what it found on real sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

PROFILE = Path(__file__).with_name("amqtt.toml")
LIVE = PROFILE.parents[2] / "results/conformance/amqtt/conformance.json"


def verdicts(path: Path) -> dict[str, str]:
    """Of each case that does not take hours, which real sockets do not wait."""
    cases = json.loads(path.read_text())["cases"]
    return {one["name"]: one["verdict"] for one in cases if "long_times" not in one["name"]}


def in_virtual_time(out: Path, hash_seed: int) -> dict[str, str]:
    subprocess.run(
        [sys.executable, "-m", "mqttlab.cli", "conformance", "--target", "sim",
         "--profile", str(PROFILE), "--out", str(out)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)}, capture_output=True, timeout=60,
    )  # fmt: skip
    return verdicts(out / "conformance.json")


def test_amqtt_in_virtual_time_comes_to_the_verdicts_of_real_sockets(tmp_path: Path) -> None:
    live = verdicts(LIVE)
    for seed in (1, 2):
        assert in_virtual_time(tmp_path / str(seed), seed) == live
    assert sum(verdict == "pass" for verdict in live.values()) > len(live) / 2
    assert "error" not in live.values()
