"""Capsules: a run that failed as one small file, from which `mqttlab replay` makes it again.

A capsule has what decides a run (scenario, seed, parameters, options, faults) and what came of it
(fingerprint, what was broken). It has the digest of the scenario's file, not the file: a capsule
lies beside the scenario that it is about, in the same repository for example.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mqttlab import machine
from mqttlab.errors import Error, UsageError
from mqttlab.faults import Fault
from mqttlab.origin import Origin

if TYPE_CHECKING:
    from mqttlab.result import Result, Violation

__all__ = ["SUFFIX", "Capsule", "decoded", "encoded", "found_again"]

SUFFIX = ".capsule.json"
_FORMAT = 1
_MOST_VIOLATIONS = 20  # of each run; its report has all


@dataclass(frozen=True)
class Capsule:
    """What decides a run, and what came of it."""

    scenario: Origin
    seed: int
    until_s: float
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Values of JSON; `parameters.bind` makes those of the scenario of them."""
    tcp: str = "linux-like"
    ipv6: bool = False
    strict: bool = False
    faults: Sequence[Mapping[str, Any]] = ()
    """The schedule given to the run, as `Fault.to_data` writes it."""
    invariants: Sequence[Mapping[str, Any]] = ()
    """Those of one's own that were given to the run: where each is found, as of Origin."""
    test: str = ""
    """Of a run that a test of pytest made: its node id; the scenario's file is the test's."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What Hypothesis gave that test, as `encoded` writes it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Those of the result, and `core`: which build of it."""
    fingerprint: str = ""
    """Empty: the process ended before there was one."""
    broken: Mapping[str, int] = field(default_factory=dict)
    """Invariant to how many violations of it were found."""
    violations: Sequence[Mapping[str, Any]] = ()
    """The first of them: invariant, statements, at_s, what."""
    error: str = ""
    """What the scenario raised, or how its process ended."""
    unread: Sequence[str] = ()
    """Of one of a newer version: what this one does not know of it, in words. Is in no file."""

    @property
    def file_name(self) -> str:
        """What its file is called."""
        return f"{self.scenario.name}-seed-{self.seed}{SUFFIX}"

    @property
    def runs_elsewhere(self) -> bool:
        """Whether it takes another process to make it again."""
        return bool(self.test) or not self.fingerprint

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Writes it to a file, or into a folder under its name; returns the file's path.

        Errors: UsageError if it cannot be written.
        """
        file = Path(path)
        if file.is_dir():
            file = file / self.file_name
        text = json.dumps(self.to_data(), indent=1, ensure_ascii=False, allow_nan=False)
        try:
            file.write_text(text + "\n", "utf-8")
        except OSError as error:
            raise UsageError(f"capsule: cannot write {str(file)!r}: {error.strerror}") from None
        return file

    @staticmethod
    def read(path: str | os.PathLike[str]) -> Capsule:
        """Reads one. Errors: UsageError, one line naming file and reason."""
        try:
            data = json.loads(Path(path).read_text("utf-8"))
        except OSError as error:
            raise UsageError(f"capsule: cannot read {str(path)!r}: {error.strerror}") from None
        except ValueError as error:
            raise UsageError(f"capsule: {str(path)!r} is no JSON: {error}") from None
        try:
            return Capsule.from_data(data)
        except UsageError as error:
            raise UsageError(f"capsule: {str(path)!r}: {error}") from None

    def to_data(self) -> dict[str, Any]:
        """For JSON; what is empty is left out."""
        data: dict[str, Any] = {"capsule": _FORMAT, "scenario": self.scenario.to_data()}
        for name in _KINDS:
            value = getattr(self, name)
            if name != "scenario" and (value or name in _REQUIRED):
                data[name] = value
        return data

    @staticmethod
    def from_data(data: object) -> Capsule:
        """Of what to_data has made, by this version or a newer one.

        Errors: UsageError naming what is wrong with it.
        """
        if not isinstance(data, dict) or "capsule" not in data:
            raise UsageError(f"is no capsule; `mqttlab run` writes them as NAME{SUFFIX}")
        form = data["capsule"]
        wrong = f"is a capsule of format {form!r}, this reads {_FORMAT}"
        if not _fits(form, (int,)) or form < _FORMAT:
            raise UsageError(wrong)
        try:
            return Capsule._known_of(data)
        except UsageError as error:
            if form == _FORMAT:
                raise
            raise UsageError(f"{wrong}: {error}") from None

    @staticmethod
    def _known_of(data: Mapping[str, Any]) -> Capsule:
        """What this version knows of it."""
        values = {name: data[name] for name in _KINDS if name in data}
        for name in ("scenario", *_REQUIRED, *values):
            if not _fits(values.get(name), _KINDS[name]):
                raise UsageError(f"{name} is missing or no {_WORDS[_KINDS[name][0]]}")
        for one in values.get("violations", ()):
            if not (isinstance(one, dict) and one.keys() >= set(_OF_A_VIOLATION)):
                raise UsageError(f"violation {one!r} is not made of {', '.join(_OF_A_VIOLATION)}")
        for number, one in enumerate(values.get("faults", ()), 1):
            Fault.from_data(one, f"fault {number}")
        for one in values.get("invariants", ()):
            Origin.from_data(one)
        try:
            decoded(values.get("arguments", {}))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UsageError("arguments are not as a test's capsule has them") from None
        values["scenario"] = Origin.from_data(values["scenario"])
        return Capsule(**values, unread=tuple(_unread(data)))

    @staticmethod
    def of(
        result: Result,
        *,
        test: str = "",
        arguments: Mapping[str, Any] | None = None,
        error: str = "",
    ) -> Capsule:
        """Of a run. `test`, `arguments`: if a test of pytest made it.

        Errors: mqttlab.Error if the run cannot be made again.
        """
        if result.target is not None:
            raise Error("capsule: no two runs on real sockets are equal; see the report")
        if result.interrupted:
            raise Error("capsule: an interrupted run does not end there again")
        if not result.fingerprint:
            raise Error("capsule: without a trace nothing tells whether a run is the same again")
        if result.origin is None:
            raise Error(
                f"capsule: nobody else finds the scenario {result.scenario!r}: it is local to a "
                "function or typed in; move it to the top of a file"
            )
        return Capsule(
            scenario=result.origin,
            seed=result.seed,
            until_s=result.until_s,
            parameters={name: _plain(value) for name, value in result.parameters.items()},
            tcp=result.tcp,
            ipv6=result.ipv6,
            strict=result.strict,
            faults=result.given_faults,
            invariants=[]
            if test
            else [found_again(one, "capsule") for one in result.given_invariants],
            test=test,
            arguments=arguments or {},
            versions={**result.versions, "core": machine.core()},
            fingerprint=result.fingerprint,
            broken=Counter(one.invariant for one in result.violations),
            violations=[_violation(one) for one in result.violations[:_MOST_VIOLATIONS]],
            error=error,
        )


def encoded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for JSON: numbers, texts, bytes, lists, tuples, dictionaries by text, and faults.

    Errors: mqttlab.Error naming the one that is none of these.
    """
    return {name: _encoded(value, name) for name, value in values.items()}


def decoded(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `encoded` was given."""
    return {name: _decoded(value) for name, value in values.items()}


def _encoded(value: Any, name: str) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Fault):
        return {"fault": value.to_data()}
    if isinstance(value, list):
        return [_encoded(one, name) for one in value]
    if isinstance(value, tuple):
        return {"tuple": [_encoded(one, name) for one in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encoded(one, name) for key, one in value.items()}}
    raise Error(f"capsule: argument {name} of type {type(value).__name__} cannot be kept")


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    if not isinstance(value, dict):
        return value
    [(kind, inside)] = value.items()
    if kind == "dict":
        return {key: _decoded(one) for key, one in inside.items()}
    return _DECODE[kind](inside)


_DECODE: dict[str, Callable[[Any], Any]] = {
    "bytes": bytes.fromhex,
    "fault": Fault.from_data,
    "tuple": lambda inside: tuple(_decoded(one) for one in inside),
}

_REQUIRED = ("seed", "until_s", "fingerprint")
_KINDS: dict[str, tuple[type, ...]] = {
    "scenario": (dict,),
    "seed": (int,),
    "until_s": (float, int),
    "parameters": (dict,),
    "tcp": (str,),
    "ipv6": (bool,),
    "strict": (bool,),
    "faults": (list,),
    "invariants": (list,),
    "test": (str,),
    "arguments": (dict,),
    "versions": (dict,),
    "fingerprint": (str,),
    "broken": (dict,),
    "violations": (list,),
    "error": (str,),
}
_OF_A_VIOLATION = ("invariant", "statements", "at_s", "what")
_WORDS = {dict: "object", int: "whole number", float: "number", str: "text", bool: "true or false",
          list: "array"}  # fmt: skip


def _fits(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _unread(data: Mapping[str, Any]) -> Iterator[str]:
    """What a newer version has written and this one does not know."""
    if data["capsule"] != _FORMAT:
        yield f"the capsule is of format {data['capsule']}, this version reads {_FORMAT}"
    more = [name for name in data if name not in (*_KINDS, "capsule")]
    inside = dict.fromkeys(name for one in data.get("violations", ()) for name in one)
    more += [f"{name} of violations" for name in inside if name not in _OF_A_VIOLATION]
    for name in more:
        yield f"the capsule has {name}, which this version does not know"


def found_again(invariant: Callable[..., object], where: str) -> dict[str, Any]:
    """Where other processes find an invariant, as data of an Origin. Errors: UsageError."""
    origin = Origin.of(invariant)
    if origin is None:
        raise UsageError(
            f"{where}: nobody else finds the invariant {invariant.__name__}: it is local to a "
            "function or typed in; move it to the top of a file"
        )
    return origin.to_data()


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _violation(one: Violation) -> dict[str, Any]:
    return {
        "invariant": one.invariant,
        "statements": list(one.statements),
        "at_s": one.at_s,
        "what": one.what,
    }
