"""A broker of others, unmodified, in virtual time: what conformance finds of it repeats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

PROFILE = Path(__file__).with_name("amqtt.toml")
# Seen on real sockets as well, where some other verdicts change from run to run.
BREAKS = {"publish.qos_3", "publish.topic_hash", "acknowledgements.pubrel_flags", "subscribe.empty"}


def verdicts(out: Path, hash_seed: int) -> dict[str, str]:
    subprocess.run(
        [sys.executable, "-m", "mqttlab.cli", "conformance", "--target", "sim", "--version",
         "3.1.1", "--profile", str(PROFILE), "--out", str(out)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)}, capture_output=True, timeout=60,
    )  # fmt: skip
    found = json.loads((out / "conformance.json").read_text())
    assert found["implementation"] == "amqtt"
    return {one["name"]: one["verdict"] for one in found["cases"]}


def test_amqtt_in_virtual_time_comes_to_the_same_verdicts_again(tmp_path: Path) -> None:
    first, again = (verdicts(tmp_path / str(seed), seed) for seed in (1, 2))
    assert first == again
    assert {name for name in BREAKS if first[name] == "fail"} == BREAKS
    assert sum(verdict == "pass" for verdict in first.values()) > len(first) / 2
    assert "error" not in first.values()
