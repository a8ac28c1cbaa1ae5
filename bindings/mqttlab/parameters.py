"""Scenarios and their parameters: `async def f(lab, *, devices: int = 200, ...)`.

A scenario's parameters are its keyword-only arguments; their annotations say how texts from a
command line are read.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mqttlab import units
from mqttlab.errors import UsageError

if TYPE_CHECKING:
    from mqttlab.own_invariants import Rule

__all__ = ["Mark", "NUMBER", "Parameter", "Scenario", "bind", "mark_of", "parameters", "scenario"]

Scenario = Callable[..., Awaitable[object]]
_S = TypeVar("_S", bound=Scenario)
_TYPES = (int, float, str, bool, Path, units.Duration)

NUMBER = re.compile(r"[A-Z]\d+")
"""What a scenario's number looks like."""


@dataclass(frozen=True)
class Mark:
    """What @mqttlab.scenario said of a function."""

    until: float | str
    number: str | None = None
    bugs: tuple[str, ...] = ()
    invariants: tuple[Rule, ...] = ()
    ipv6: bool = False


@dataclass(frozen=True)
class Parameter:
    """A parameter of a scenario."""

    name: str
    kind: type
    default: object
    optional: bool  # None is allowed
    required: bool


def scenario(
    *,
    until: float | str,
    number: str | None = None,
    bugs: Sequence[str] = (),
    invariants: Sequence[Rule] = (),
    ipv6: bool = False,
) -> Callable[[_S], _S]:
    """Decorator: how long a scenario runs unless `run(until=...)` says otherwise.

    `number`: a short name by which it is found as well: "S03". `bugs`: those it stands for, each
    as an id or in words. `invariants`: of one's own, that judge its runs. `ipv6`: its simulated
    networks have IPv6, for a radio of its devices carries nothing else. Errors: UsageError.
    """
    units.duration_ns(until, "scenario: until")
    if number is not None and not (isinstance(number, str) and NUMBER.fullmatch(number)):
        raise UsageError(f"scenario: number={number!r} must be a letter and digits, as in 'S03'")
    if isinstance(bugs, str):
        raise UsageError(f"scenario: bugs={bugs!r} must be a list: [{bugs!r}]")
    names = tuple(units.text(bug, "scenario: bugs", least=1) for bug in bugs)
    known = Mark(until, number, names, tuple(invariants), units.flag(ipv6, "scenario: ipv6"))

    def mark(function: _S) -> _S:
        function.__mqttlab_scenario__ = known  # type: ignore[attr-defined]
        return function

    return mark


def mark_of(function: Scenario) -> Mark | None:
    """What the decorator said, or None."""
    return getattr(function, "__mqttlab_scenario__", None)


def parameters(function: Scenario) -> dict[str, Parameter]:
    """A scenario's parameters by name. Errors: UsageError if it is no scenario."""
    name = getattr(function, "__name__", repr(function))
    if not inspect.iscoroutinefunction(function):
        written = name if name.isidentifier() else "scenario"
        raise UsageError(
            f"scenario {name}: not an `async def`; write `async def {written}(lab): ...`"
        )
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError as error:
        raise UsageError(f"scenario {name}: cannot read its annotations: {error}") from None
    named = {
        one.name: _parameter(name, one)
        for one in signature.parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    }
    if len(signature.parameters) - len(named) != 1:
        raise UsageError(
            f"scenario {name}: takes one positional argument, the lab; its parameters are "
            f"keyword-only: `async def {name}(lab, *, devices: int = 200)`"
        )
    return named


def _parameter(scenario_name: str, given: inspect.Parameter) -> Parameter:
    where = f"scenario {scenario_name}, parameter {given.name}"
    kind, optional = given.annotation, False
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        members = [one for one in typing.get_args(kind) if one is not type(None)]
        optional = len(members) < len(typing.get_args(kind))
        kind = members[0] if len(members) == 1 else None
    if kind not in _TYPES:
        known = ", ".join(one.__name__ for one in _TYPES)
        raise UsageError(f"{where}: annotate it with one of {known}, or one of them `| None`")
    required = given.default is inspect.Parameter.empty
    default = None if required else _convert(given.default, kind, optional, where)
    return Parameter(given.name, kind, default, optional, required)


def bind(function: Scenario, values: Mapping[str, object]) -> dict[str, object]:
    """Every parameter with its value: `values` checked and converted, defaults for the rest.

    Texts are converted to the annotated type. Errors: UsageError naming parameter, value, remedy.
    """
    known = parameters(function)
    if not isinstance(values, Mapping):
        raise UsageError(f"parameters: {values!r} is no mapping; write {{'devices': 200}}")
    for name in values:
        if name not in known:
            has = f"known are {', '.join(known)}" if known else "it has none"
            raise UsageError(f"scenario {function.__name__}: unknown parameter {name!r}; {has}")
    bound: dict[str, object] = {}
    for name, parameter in known.items():
        if name in values:
            where = f"parameter {name}"
            bound[name] = _convert(values[name], parameter.kind, parameter.optional, where)
        elif parameter.required:
            raise UsageError(
                f"scenario {function.__name__}: parameter {name} has no default; set it"
            )
        else:
            bound[name] = parameter.default
    return bound


def _convert(value: Any, kind: type, optional: bool, where: str) -> object:
    if value is None or (optional and value in ("", "none")):
        if not optional:
            raise UsageError(f"{where}: needs a value of type {kind.__name__}, got none")
        return None
    if kind is units.Duration:
        return units.Duration(value, where)
    if kind is Path and isinstance(value, (str, Path)):
        return Path(value)
    if kind is bool and isinstance(value, str):
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if value.lower() in words:
            return words[value.lower()]
        raise UsageError(f"{where}: {value!r} is no bool; write true or false")
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    if isinstance(value, str) and kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    example = {int: "200", float: "0.5", bool: "true", str: "text", Path: "a path"}[kind]
    raise UsageError(f"{where}: {value!r} is no {kind.__name__}; write for example {example}")
