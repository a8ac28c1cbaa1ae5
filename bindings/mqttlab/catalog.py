"""Where scenarios are found: entry points of the group "mqttlab.scenarios", and files."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
import traceback
import types
import typing
from importlib import metadata
from pathlib import Path

from mqttlab.errors import Error, UsageError
from mqttlab.parameters import NUMBER, Scenario, mark_of

__all__ = ["ScenarioFileError", "installed", "is_installed", "load"]

_GROUP = "mqttlab.scenarios"


class ScenarioFileError(Error):
    """A scenario's file is broken: the message is one line with file, line and reason."""


def installed() -> dict[str, metadata.EntryPoint]:
    """Installed scenarios by name, in alphabetical order; load() gives the function."""
    return {point.name: point for point in sorted(metadata.entry_points(group=_GROUP))}


def is_installed(name: str, function: object) -> bool:
    """Whether `load` finds this very function by this name."""
    points = installed()
    return name in points and _loaded(points[name]) is function


def load(name: str) -> Scenario:
    """A scenario by its installed name or number ("S03"), or from a file: "my.py", "my.py:other".

    "s03" is S03. In a file, the scenario is the function named after ":", else `scenario`, else the
    one decorated with @mqttlab.scenario. Errors: UsageError if there is none; ScenarioFileError if
    the file is broken.
    """
    path, _, function = name.partition(":")
    if path.endswith(".py"):
        return _pick(_execute(Path(path)), path, function)
    points = installed()
    if name in points:
        return _loaded(points[name])
    if NUMBER.fullmatch(name.upper()):
        for scenario in map(_loaded, points.values()):
            mark = mark_of(scenario)
            if mark and mark.number == name.upper():
                return scenario
    if near := difflib.get_close_matches(name.lower(), points):
        hint = f"did you mean {' or '.join(near)}? (`mqttlab list` has all"
    else:
        hint = f"known are {', '.join(points) or 'none'} (`mqttlab list` has their numbers"
    raise UsageError(f"scenario: unknown {name!r}; {hint}; a file must end in .py)")


def _loaded(point: metadata.EntryPoint) -> Scenario:
    found = point.load()
    return typing.cast(Scenario, found) if callable(found) else _pick(found, point.name, "")


def _execute(path: Path) -> types.ModuleType:
    if not path.is_file():
        raise UsageError(f"scenario: there is no file {str(path)!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"scenario: {str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and annotations of the file look it up there
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ScenarioFileError(f"{error.filename}:{error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:  # a file that leaves is broken as well
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
        reason = f"{type(error).__name__}: {error}"
        raise ScenarioFileError(f"{path}:{own[-1] if own else 1}: {reason}") from error
    return module


def _pick(module: types.ModuleType, where: str, name: str) -> Scenario:
    if name:
        found = getattr(module, name, None)
        if found is None:
            raise UsageError(f"scenario: {where} has no function {name!r}")
        return typing.cast(Scenario, found)
    named = getattr(module, "scenario", None)
    if inspect.iscoroutinefunction(named):
        return typing.cast(Scenario, named)
    marked = [one for one in vars(module).values() if callable(one) and mark_of(one)]
    if len(marked) != 1:
        raise UsageError(
            f"scenario: {where} has {len(marked)} functions decorated with @mqttlab.scenario and "
            "none named `scenario`; name one as FILE.py:function"
        )
    return typing.cast(Scenario, marked[0])
