"""What instants and effects are made of: checked values that are plain dictionaries as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, ClassVar, Self

from mqttlab.errors import UsageError

__all__ = ["Datum", "known_keys"]

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Datum:
    """A frozen dataclass. As data it is `{name: first field, other field: value, ...}`: its name is
    the class's in small letters (`delay_spike`), a field that has its default is left out, and one
    without fields, or whose first is None, has True: `{"before": "PUBREC", "n": 3}`,
    `{"cut": "reset"}`, `{"outage": True}`.
    """

    known: ClassVar[dict[str, type[Any]]]
    """The concrete classes of this kind by name; each kind has its own."""
    kind: ClassVar[str]
    """What the kind is called in errors."""
    name: ClassVar[str]
    """Of the class, in data and in words."""

    def __init_subclass__(
        cls, kind: str | None = None, is_concrete: bool = True, **rest: Any
    ) -> None:
        super().__init_subclass__(**rest)
        if kind is not None:
            cls.kind, cls.known = kind, {}
            return
        cls.name = _HUMP.sub("_", cls.__name__).lower()
        if is_concrete:
            cls.known[cls.name] = cls

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For IPython and Hypothesis, which else show what belongs to the class as well."""
        printer.text(repr(self))

    def to_data(self) -> dict[str, Any]:
        """As plain values."""
        own = fields(self)
        first = getattr(self, own[0].name) if own else None
        data: dict[str, Any] = {self.name: True if first is None else first}
        for one in own[1:]:
            value = getattr(self, one.name)
            if value != _default(one):
                data[one.name] = value
        return data

    @classmethod
    def from_data(cls, data: object, where: str | None = None) -> Self:
        """What to_data() gave. `where`: the place in its file, for errors.

        Errors: UsageError in one line with place, key and remedy.
        """
        where = where or cls.kind
        if not isinstance(data, Mapping):
            raise UsageError(f"{where}: {data!r} is no table; write {{ {_examples(cls)} }}")
        names = [key for key in data if key in cls.known]
        if len(names) != 1:
            found = f"both {' and '.join(names)}" if names else f"none in {dict(data)!r}"
            raise UsageError(
                f"{where}: one {cls.kind} is wanted, and there is {found}; "
                f"known are {', '.join(sorted(cls.known))}"
            )
        made = cls.known[names[0]]
        own = [one.name for one in fields(made)]
        may_be_none = own and fields(made)[0].default is None
        for key in data:
            if key != made.name and key not in own[1:]:
                raise UsageError(
                    f"{where}: unknown key {key!r} of {made.name}; {known_keys(own[1:])}"
                )
        values = {key: value for key, value in data.items() if key != made.name}
        if own:
            values[own[0]] = None if may_be_none and data[made.name] is True else data[made.name]
        elif data[made.name] is not True:
            raise UsageError(f"{where}: {made.name} has no value; write {made.name} = true")
        for one in fields(made):
            if one.name not in values and one.default is MISSING:
                raise UsageError(f"{where}: {one.name} is missing; write {one.name} = ...")
        try:
            instance: Self = made(**values)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None
        return instance


def known_keys(names: list[str]) -> str:
    """The remedy of an unknown key."""
    return f"known are {', '.join(names)}" if names else "it has no others; leave it out"


def _default(field: Field[Any]) -> object:
    return None if field.default is MISSING else field.default


def _examples(cls: type[Datum]) -> str:
    return {"instant": "before = 'PUBREC', n = 3"}.get(cls.kind, "cut = 'reset'")
