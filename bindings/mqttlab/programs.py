"""Programs that are not Python: where they are, and servers among them for as long as they are
needed.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

from mqttlab.errors import Error

__all__ = ["START_S", "installed", "listening", "path_of", "stop"]

START_S, _STOP_S = 10.0, 5.0


def path_of(name: str) -> str:
    """A program's path: where this interpreter keeps its scripts, or else on PATH."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which(name, path=scripts) or shutil.which(name)
    if not found:
        raise Error(f"{name} is neither in {scripts} nor on PATH; build again: .ci/setup")
    return found


def installed(name: str) -> str | None:
    """A program's path, where Debian has it, too, if it is for administrators."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def listening(
    host: str,
    port: int,
    processes: Sequence[subprocess.Popen[bytes]],
    logs: Sequence[Path],
    within_s: float = START_S,
) -> None:
    """Returns when a server takes connections there. Errors: Error, with what `logs` have, if one
    of `processes` ends first, or none does in time.
    """
    until = time.monotonic() + within_s
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            if any(p.poll() is not None for p in processes) or time.monotonic() > until:
                said = " ".join(log.read_text(errors="replace").strip() for log in logs)
                raise Error(
                    f"nothing listens at {host}:{port}; it said: {said or 'nothing'}"
                ) from None
            with contextlib.suppress(subprocess.TimeoutExpired):
                processes[0].wait(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks it to end; kills it if it has not in 5 s."""
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
