"""What a hunt has done so far, in memory and in its directory.

hunt.ndjson has a line for the hunt itself, and one for each seed as it ends. A last line that was
cut off is done again; so is a seed whose capsule is wanted and was not kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mqttlab import __version__
from mqttlab.capsule import SUFFIX, Capsule
from mqttlab.errors import Error, UsageError

__all__ = ["NAME", "Journal"]

NAME = "hunt.ndjson"


class Journal:
    """Of the runs of one scenario, with one set of everything but seeds."""

    def __init__(self, order: Capsule, directory: Path | None, wanted: Iterable[int]) -> None:
        """Reads what is there. Errors: UsageError if it is of another hunt, or not writable."""
        self.done: set[int] = set()
        self.found: dict[str, list[int]] = {}
        """Seeds by finding, as they ended."""
        self.first: dict[str, Capsule] = {}
        """Of the lowest seed of each."""
        self._order = order
        self._directory = directory
        self._wanted = frozenset(wanted)
        if directory is not None:
            self._begin(directory)

    def add(self, made: Capsule) -> None:
        """A run has ended."""
        if made.scenario.sha256 != self._order.scenario.sha256:
            raise Error(f"hunt: {made.scenario.file} has changed meanwhile; start again")
        made = replace(made, scenario=self._order.scenario)
        is_first = self._count(made.seed, names_of(made), made)
        line: dict[str, Any] = {"seed": made.seed, "fingerprint": made.fingerprint}
        if names_of(made):
            line["found"] = names_of(made)
        if is_first:
            line["capsule"] = made.to_data()
        self._write(line)

    def end(self) -> dict[str, Path]:
        """Writes a capsule for each finding into the directory; gives their paths."""
        if self._directory is None:
            return {}
        paths = {}
        for name, capsule in self.first.items():
            slug = re.sub(r"[^\w.-]+", "-", name)
            paths[name] = capsule.write(self._directory / f"{slug}{SUFFIX}")
        return paths

    def _count(self, seed: int, names: list[str], made: Capsule | None) -> bool:
        """Whether it is the first of something."""
        known = {name: capsule.seed for name, capsule in self.first.items()}
        first = [name for name in names if seed < known.get(name, seed + 1)]
        if first and made is None:
            return False
        self.done.add(seed)
        for name in names:
            self.found.setdefault(name, []).append(seed)
        for name in first:
            assert made is not None
            self.first[name] = made
        return bool(first)

    def _begin(self, directory: Path) -> None:
        head = {"hunt": 1, "mqttlab": __version__, "order": self._order.to_data()}
        path = directory / NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lines = path.read_text("utf-8").splitlines(True) if path.exists() else []
            whole = [json.loads(line) for line in lines if line.endswith("\n")]
        except OSError as error:
            raise UsageError(f"hunt: {str(path)!r}: {error.strerror}; name another DIR") from None
        except ValueError:
            raise UsageError(f"hunt: {str(path)!r} is no journal of a hunt") from None
        if not whole:
            path.write_text("")
            self._write(head)
            return
        if whole[0] != head:
            raise UsageError(f"hunt: {str(directory)!r} has another hunt: {_other(whole[0], head)}")
        path.write_text("".join(line for line in lines if line.endswith("\n")), "utf-8")
        for line in whole[1:]:
            if line["seed"] in self._wanted:
                made = Capsule.from_data(line["capsule"]) if "capsule" in line else None
                self._count(line["seed"], line.get("found", []), made)

    def _write(self, line: dict[str, Any]) -> None:
        if self._directory is not None:
            with (self._directory / NAME).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def names_of(made: Capsule) -> list[str]:
    """What went wrong: invariants, and the class of what was raised or the end of the process."""
    return [*made.broken, *([made.error.partition(":")[0]] if made.error else [])]


def _other(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """What differs, and the remedy."""
    then, now = theirs.get("order", {}), ours["order"]
    names = [name for name in {**now, **then} if then.get(name) != now.get(name)] or ["mqttlab"]
    if names[0] == "scenario" and then.get("scenario", {}).get("file") == now["scenario"]["file"]:
        names[0] = "the scenario's file"
    return f"{names[0]} differs; name another DIR"
