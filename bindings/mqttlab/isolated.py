"""A run in a process of its own, so that one that takes its process down costs no other.

`python -m mqttlab.isolated ORDER MADE` makes the run of the capsule ORDER and leaves its capsule
in MADE; what it cannot run it says in one line.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mqttlab.capsule import SUFFIX, Capsule
from mqttlab.errors import Error, UsageError

__all__ = ["elsewhere", "end_all", "leave", "made"]

_USAGE = 2


def made(order: Capsule, beside: Sequence[Path] = (), limit_s: float | None = None) -> Capsule:
    """The run of `order`, made in a new process. If that dies, the capsule says of what.

    `limit_s`: of wall time; what takes longer is killed, and counts as dead.

    Errors: UsageError if scenario or parameters are wrong.
    """
    module = [sys.executable, "-m", "mqttlab.isolated"]
    folders = [str(one.resolve()) for one in beside]
    return elsewhere(order, lambda order, made: [*module, *folders, order, made], limit_s)


def elsewhere(
    order: Capsule, command: Callable[[str, str], list[str]], limit_s: float | None = None
) -> Capsule:
    """The capsule that a command leaves. `command`: its words, of the paths of ORDER and MADE."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}{SUFFIX}" for name in ("order", "made")]
        order.write(paths[0])
        code, said = _run(command(*map(str, paths)), limit_s)
        if paths[1].is_file():
            return Capsule.read(paths[1])
    if code == _USAGE:
        raise UsageError(said.removeprefix("mqttlab: "))
    if code is None:
        how = f"still ran after {limit_s:g} s"
    else:
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"left with {code}"
    return replace(order, fingerprint="", broken={}, violations=(), error=f"process {how}: {said}")


_running: set[subprocess.Popen[str]] = set()


def end_all() -> None:
    """Ends the processes of all runs that are being made, as after Ctrl-C."""
    for process in list(_running):
        process.kill()


def _run(words: list[str], limit_s: float | None) -> tuple[int | None, str]:
    """A process's exit code and the last line that it said; None: it did not end in time.

    A terminal's Ctrl-C is not for it.
    """
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    _running.add(process)
    try:
        with process:
            try:
                said = process.communicate(timeout=limit_s)[0]
            except subprocess.TimeoutExpired:
                return None, "killed"
            finally:
                process.kill()
    finally:
        _running.discard(process)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return process.returncode, lines[-1] if lines else ""


def leave(capsule: Capsule, path: str) -> None:
    """Whole, or not at all: a process that dies while it writes has made no run."""
    capsule.write(f"{path}.part").rename(path)


def _main(beside: Sequence[str], order: str, path: str) -> int:
    from mqttlab.replaying import again

    try:
        capsule, _, _ = again(Capsule.read(order), [Path(one) for one in beside])
    except Error as error:
        print(f"mqttlab: {error}", file=sys.stderr)
        return _USAGE
    leave(capsule, path)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:-2], *sys.argv[-2:]))
