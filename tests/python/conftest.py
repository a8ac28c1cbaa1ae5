"""What the Python tests share: how to run a snippet in another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest


def pytest_configure() -> None:
    """Tests interrupt themselves; a shell's background job would ignore that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def in_process() -> Callable[..., str]:
    """Runs Python code in a process of its own; gives what it printed.

    `hash_seed` is its PYTHONHASHSEED: nothing that mqttlab prints may depend on it.
    """

    def run(code: str, hash_seed: int = 0) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
