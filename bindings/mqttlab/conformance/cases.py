"""Cases: how they are written down, and where they are found."""

from __future__ import annotations

import csv
import functools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib import metadata, resources
from typing import TypeVar

from mqttlab.conformance.sabotage import Recipe
from mqttlab.errors import UsageError

__all__ = [
    "GROUP",
    "NAMES",
    "VERSIONS",
    "Case",
    "Statement",
    "case",
    "key_of",
    "load",
    "statements",
]

GROUP = "mqttlab.conformance"
VERSIONS = {"3.1.1": 4, "5.0": 5}
"""Protocol levels by the names of versions."""
NAMES = {level: name for name, level in VERSIONS.items()}
_LEVELS = {"3.1.1": "3", "5.0": "5"}

Run = Callable[..., Awaitable[None]]
Function = TypeVar("Function", bound=Run)


def key_of(level: int, id: str) -> str:
    """ "3:MQTT-3.1.2-24": a statement of a version, by its id."""
    return f"{_LEVELS[NAMES[level]]}:{id}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One normative statement of one version, in our words."""

    version: str  # "3.1.1" or "5.0"
    id: str
    number: str  # "same", "differs", "one version": of the other version's statement of this id
    binds: str
    observable: str
    requirement: str

    @property
    def key(self) -> str:
        """ "3:MQTT-3.1.2-24"."""
        return key_of(VERSIONS[self.version], self.id)

    @property
    def section(self) -> str:
        """Of the standard: "3.1.2"."""
        return self.id.split("-")[1]

    def seen_from(self, end: str) -> bool:
        """Can it be observed by a peer of a "server" or a "client"?"""
        return f"{end}-blackbox" in self.observable


@functools.cache
def statements() -> dict[str, Statement]:
    """All rows by key."""
    text = resources.files(__package__).joinpath("statements.tsv").read_text("utf-8")
    table = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    rows = (Statement(**row) for row in table)
    return {row.key: row for row in rows}


@dataclass(frozen=True)
class Case:
    """One check of one duty."""

    name: str  # "connect.second_connect"
    keys: tuple[str, ...]  # of the statements that it judges
    expect: str
    why: str
    run: Run
    sabotage: Recipe
    strength: str = "MUST"
    alone: bool = False  # it would disturb others, or they it
    end: str = "server"  # which end it judges
    recommended: tuple[str, ...] = ()  # versions in which a MUST of others is a SHOULD
    takes_s: float = 0.0  # of waiting that its rule asks for; real time has a minute
    occasion: Recipe | None = None  # makes a target that gives none one that does, for the proof

    @property
    def versions(self) -> tuple[int, ...]:
        """The protocol levels that it runs under."""
        return tuple(level for level in VERSIONS.values() if self.ids(level))

    def strength_in(self, version: str) -> str:
        """What a version makes of it: "MUST", "SHOULD", "MAY"."""
        return "SHOULD" if version in self.recommended else self.strength

    def ids(self, version: int) -> tuple[str, ...]:
        """The ids of its statements of a version."""
        return tuple(key.partition(":")[2] for key in self.keys_in(version))

    def keys_in(self, version: int) -> tuple[str, ...]:
        """The keys of its statements of a version."""
        mark = key_of(version, "")
        return tuple(key for key in self.keys if key.startswith(mark))

    @property
    def section(self) -> str:
        """Of its first statement."""
        return statements()[self.keys[0]].section


_found: dict[tuple[str, str], Case] = {}  # by end and name


def case(
    *ids: str,
    expect: str,
    sabotage: Recipe,
    why: str = "",
    strength: str = "MUST",
    alone: bool = False,
    end: str = "server",
    name: str = "",
    recommended: tuple[str, ...] = (),
    takes_s: float = 0.0,
    occasion: Recipe | None = None,
) -> Callable[[Function], Function]:
    """Makes a coroutine that takes a Trial the check of these statements.

    An id alone is the statement of both versions if they share its number and meaning, else
    that of the only version that has it; "3:..." and "5:..." name one. `expect` says what the
    target should do; `why`, what that is taken from where the statement alone does not say.
    `takes_s`: that long a wait; where that takes as long, the case is not observable.
    `occasion`: where a target gives none, a rewrite of what it sends that does, as a sabotage is;
    it is for the proof alone.
    """
    keys = tuple(key for one in ids for key in _keys(one))

    def mark(function: Function) -> Function:
        module = function.__module__.rpartition(".")[2]
        full = name if "." in name else f"{module}.{name or function.__name__}"
        if (end, full) in _found:
            raise UsageError(f"case {full}: there is another one of this name")
        _found[end, full] = Case(
            full, keys, expect, why, function, sabotage, strength, alone, end, recommended,
            takes_s, occasion,
        )  # fmt: skip
        return function

    return mark


def _keys(id: str) -> Iterable[str]:
    rows = statements()
    if id in rows:
        return [id]
    both = [key for key in (f"3:{id}", f"5:{id}") if key in rows]
    if not both:
        raise UsageError(f"case: no statement is {id!r}; statements.tsv lists them")
    if len(both) == 2 and rows[both[0]].number == "differs":
        raise UsageError(f"case: {id} is another statement in either version; write 3:{id} or 5:")
    return both


def load(end: str = "server") -> list[Case]:
    """All installed cases that judge this end, in the order of the standard's sections."""
    for point in sorted(metadata.entry_points(group=GROUP)):
        point.load()
    here = [one for one in _found.values() if one.end == end]
    return sorted(here, key=lambda one: ([_part(p) for p in one.section.split(".")],))


def _part(text: str) -> tuple[int, str]:
    digits = "".join(c for c in text if c.isdigit())
    return int(digits or 0), text
