"""One seed is one run: in another process, under another hash seed, in another build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab

ROOT = Path(__file__).resolve().parents[2]
SANITIZED = ROOT / "build" / "asan" / "package"
SCRIPT = """
import sys, mqttlab
parameters = {"devices": 30, "transport": sys.argv[2]}
print(mqttlab.run("field_trial", seed=int(sys.argv[1]), parameters=parameters).fingerprint)
ours = [module for name, module in sys.modules.items() if name.split(".")[0] == "mqttlab"]
print(*(module.__file__ for module in ours), sep="\\n")
"""


def fingerprint(seed: int, transport: str, package: Path | None = None, **environment: str) -> str:
    """Of a small field trial in a process of its own, by `package` if one is given."""
    options: list[str] = []
    if package:
        # Without `site`: the import hook of an editable installation goes before PYTHONPATH.
        options = ["-S", "-P"]
        environment["PYTHONPATH"] = os.pathsep.join([str(package), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, *options, "-c", SCRIPT, str(seed), transport],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer, *modules = done.stdout.splitlines()
    if package:
        assert [module for module in modules if not Path(module).is_relative_to(package)] == []
    return answer


def here(transport: str) -> str:
    """Of the same trial in this process."""
    parameters = {"devices": 30, "transport": transport}
    return mqttlab.run("field_trial", seed=5, parameters=parameters).fingerprint


@pytest.fixture(scope="module", params=["tcp", "mixed"])
def run(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A transport and the trial's fingerprint."""
    return request.param, here(request.param)


def test_twice_in_one_process(run: tuple[str, str]) -> None:
    transport, expected = run
    assert here(transport) == expected


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_in_other_processes_and_under_other_hash_seeds(
    run: tuple[str, str], hash_seed: str
) -> None:
    transport, expected = run
    assert fingerprint(5, transport, PYTHONHASHSEED=hash_seed) == expected


def test_another_seed_is_another_run(run: tuple[str, str]) -> None:
    transport, expected = run
    assert fingerprint(6, transport) != expected


def test_in_the_sanitizer_build(run: tuple[str, str]) -> None:
    transport, expected = run
    if not (SANITIZED / "mqttlab").exists():
        pytest.skip(f"no package in {SANITIZED}: tests/run builds it in its step `builds`")
    libraries = [
        subprocess.run(
            ["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    sanitized = fingerprint(
        5,
        transport,
        package=SANITIZED,
        LD_PRELOAD=" ".join(libraries),
        ASAN_OPTIONS="detect_leaks=0",  # the interpreter keeps what it has until the end
    )
    assert sanitized == expected
