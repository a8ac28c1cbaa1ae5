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

__all__ = ["elsewhere", "leave", "made"]

_USAGE = 2


def made(order: Capsule, beside: Sequence[Path] = ()) -> Capsule:
    """The run of `order`, made in a new process. If that dies, the capsule says of what.

    Errors: UsageError if scenario or parameters are wrong.
    """
    module = [sys.executable, "-m", "mqttlab.isolated"]
    folders = [str(one.resolve()) for one in beside]
    return elsewhere(order, lambda order, made: [*module, *folders, order, made])


def elsewhere(order: Capsule, command: Callable[[str, str], list[str]]) -> Capsule:
    """The capsule that a command leaves. `command`: its words, of the paths of ORDER and MADE."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}{SUFFIX}" for name in ("order", "made")]
        order.write(paths[0])
        done = subprocess.run(
            command(*map(str, paths)), capture_output=True, text=True, errors="replace"
        )
        if paths[1].is_file():
            return Capsule.read(paths[1])
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or [""]
    if done.returncode == _USAGE:
        raise UsageError(said[-1].removeprefix("mqttlab: "))
    if done.returncode == -signal.SIGINT:
        raise KeyboardInterrupt
    how = f"left with {done.returncode}"
    if done.returncode < 0:
        how = f"killed by {signal.Signals(-done.returncode).name}"
    return replace(
        order, fingerprint="", broken={}, violations=(), error=f"process {how}: {said[-1].strip()}"
    )


def leave(capsule: Capsule, path: str) -> None:
    """Whole, or not at all: a process that dies while it writes has made no run."""
    capsule.write(f"{path}.part").rename(path)


def _main(beside: Sequence[str], order: str, path: str) -> int:
    from mqttlab.replay import again

    try:
        capsule, _, _ = again(Capsule.read(order), [Path(one) for one in beside])
    except Error as error:
        print(f"mqttlab: {error}", file=sys.stderr)
        return _USAGE
    leave(capsule, path)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:-2], *sys.argv[-2:]))
