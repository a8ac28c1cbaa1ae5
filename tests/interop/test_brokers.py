"""The independent brokers: their profiles say what `brokers.py` knows; none is installed here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from brokers import BROKERS
from mqttlab.conformance.cases import VERSIONS
from mqttlab.conformance.profiles import profiled
from mqttlab.conformance.target import Endpoint

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "results/conformance"
FINDINGS = sorted(RESULTS.glob("*/findings.md"))
STARTED = [p for p in sorted(HERE.glob("*.toml")) if "brokers.py" in p.read_text()]


@pytest.mark.parametrize("path", STARTED, ids=lambda path: path.stem)
def test_a_profile_starts_a_broker_of_its_version(path: Path) -> None:
    said = profiled(path)
    script, verb, name = said["start"][1:4]
    assert (script, verb, name) == ("{here}/brokers.py", "run", path.stem)
    assert BROKERS[name].version.split("-")[0] in said["name"]
    for url in said["endpoints"].values():
        address = url
        for number in range(1, 5):
            address = address.replace(f"{{port{number}}}", str(number))
        assert Endpoint.parse(address).host == "127.0.0.1"


def test_every_broker_has_a_profile() -> None:
    assert {path.stem for path in STARTED} == set(BROKERS)


def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    program = tmp_path / "node"
    env = {"XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path)}

    def said(*words: str) -> str:
        command = [sys.executable, str(HERE / "brokers.py"), *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert done.returncode == 3
        return done.stderr

    assert said("run", "aedes", "1", "2") == "aedes: node is missing: apt-get install nodejs\n"
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    line = said("run", "aedes", "1", "2")
    assert line == f"aedes 1.2.0 is not installed: python {HERE}/brokers.py install aedes\n"
    assert "aedes: npm ci" in said("install", "aedes")
    assert not list((tmp_path / "mqttlab/brokers").iterdir())


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.parent.name)
def test_the_findings_name_each_broken_statement_and_the_table_counts_them(path: Path) -> None:
    found = json.loads(path.with_name("conformance.json").read_text())
    named = set(re.findall(r"(?:MQTT|U)-[\d.]+-\d+", path.read_text()))
    broken = [row for row in found["statements"] if row["verdict"] in ("fail", "error")]
    assert {row["id"] for row in broken} - named == set()
    counts = [
        str(sum(row["version"] == v for row in broken)) if v in found["versions"] else ""
        for v in VERSIONS
    ]
    ended = sum(one["verdict"] == "error" for one in found["cases"])
    row = f"| {' | '.join(counts)} | {ended} | [report]({path.parent.name}/summary.md)"
    assert row in (RESULTS / "README.md").read_text()


def test_each_version_is_put_to_four_brokers_of_others() -> None:
    judged = [json.loads(path.with_name("conformance.json").read_text()) for path in FINDINGS]
    for version in VERSIONS:
        assert sum(version in found["versions"] for found in judged) >= 4
