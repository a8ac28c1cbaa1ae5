"""What programs in virtual time see of the machine around them: its clocks and its chance."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["EPOCH_S", "surroundings"]

EPOCH_S = 1_767_225_600
"""Time 0 in seconds since 1970: the beginning of 2026, as the world's certificates see it."""

_SECOND_NS = 1_000_000_000


@contextmanager
def surroundings(
    seed: int, now: Callable[[], int] | None, leapt: Callable[[], int] = lambda: 0
) -> Iterator[None]:
    """Inside, and in this thread, `time` tells virtual time, and `random`, `secrets`, `uuid` and
    `os.urandom` repeat from run to run. Names that a module has imported from `time` before are
    what they were, and `datetime` reads the machine's clock: it is C.

    `now`: nanoseconds since the start of the run. None: time is the real one, and of all these the
    module `random` alone repeats. `leapt`: by how many the wall clock is ahead of that.
    """
    state = random.getstate()
    random.seed(f"mqttlab/random/{seed}")
    patches = [] if now is None else _patches(seed, now, leapt)
    before = [getattr(module, name) for module, name, _ in patches]
    for (module, name, ours), theirs in zip(patches, before, strict=True):
        setattr(module, name, _here(ours, theirs) if callable(ours) else ours)
    try:
        yield
    finally:
        for (module, name, _), theirs in zip(patches, before, strict=True):
            setattr(module, name, theirs)
        random.setstate(state)


def _patches(
    seed: int, now: Callable[[], int], leapt: Callable[[], int]
) -> list[tuple[Any, str, Any]]:
    """Modules, names in them, and what is to be there."""
    chance = random.Random(f"mqttlab/urandom/{seed}")
    clocks: dict[str, Callable[..., Any]] = {
        "time": lambda: EPOCH_S + (now() + leapt()) / _SECOND_NS,
        "time_ns": lambda: EPOCH_S * _SECOND_NS + now() + leapt(),
    }
    for name in ("monotonic", "perf_counter"):
        clocks[name] = lambda: now() / _SECOND_NS
        clocks[f"{name}_ns"] = now
    for name in ("localtime", "gmtime", "ctime"):
        theirs = getattr(time, name)
        clocks[name] = lambda at=None, of=theirs: of(clocks["time"]() if at is None else at)
    strftime = time.strftime
    clocks["strftime"] = lambda text, at=None: strftime(text, at or clocks["localtime"]())
    node = chance.getrandbits(48)
    return [
        *((time, name, clock) for name, clock in clocks.items()),
        (os, "urandom", chance.randbytes),
        (random, "_urandom", chance.randbytes),  # of SystemRandom, and so of secrets
        (uuid, "getnode", lambda: node),
        (uuid, "_generate_time_safe", None),  # else uuid1() is C, and the machine's
        (uuid, "_last_timestamp", None),
    ]


def _here(ours: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    """Ours in this thread, theirs in every other one."""
    thread = threading.get_ident()

    def choose(*args: Any) -> Any:
        return (ours if threading.get_ident() == thread else theirs)(*args)

    return choose
