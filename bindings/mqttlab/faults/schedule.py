"""Schedules of faults in TOML: a list of tables `[[fault]]` with the keys of a Fault.

[[fault]]
on = "meter-001"
when = { before = "PUBREC", way = "up", n = 3 }
what = { cut = "reset" }

[fault.then]
when = { at = "5s" }        # after the step before it
what = { outage = true }
for = "30s"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

from mqttlab.errors import UsageError
from mqttlab.faults.fault import Fault

__all__ = ["load"]


def load(faults: Sequence[Fault] | str | os.PathLike[str]) -> list[Fault]:
    """Faults as they are, or those of a TOML file.

    Errors: UsageError in one line that names file, place in the list, key and remedy.
    """
    if isinstance(faults, (str, os.PathLike)):
        return _read(Path(faults))
    steps = list(faults)
    for one in steps:
        if not isinstance(one, Fault):
            raise UsageError(f"faults: {one!r} is no Fault; write Fault(At('60s'), Cut(), 'desk')")
    return steps


def _read(path: Path) -> list[Fault]:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"faults: cannot read {str(path)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"faults: {path} is no TOML: {error}") from None
    if list(data) != ["fault"] or not isinstance(data["fault"], list):
        raise UsageError(f"faults: {path}: write a list of tables [[fault]], and nothing else")
    steps = []
    for number, one in enumerate(data["fault"], 1):
        where = f"{path}: fault {number}"
        steps.append(Fault.from_data(one, where))
        steps[-1].check_target(where)
    return steps
