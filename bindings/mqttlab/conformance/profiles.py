"""Profiles: TOML that says what a target is, and where, or how to start it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from mqttlab.conformance.cases import VERSIONS
from mqttlab.errors import UsageError

__all__ = ["profiled", "validate"]

_TEXT, _TEXTS, _FLAG = "a text", "a list of texts", "true or false"
_SECONDS, _COUNT, _WHOLE = "a number of seconds", "a whole number from 1", "a whole number"
_COMMAND, _COMMANDS = "a program with its arguments", "a list of programs with their arguments"
_LIMIT = "a whole number or a text"
_KEYS: dict[str, Any] = {
    "name": _TEXT,
    "versions": _TEXTS,  # names of VERSIONS; else all
    "at_once": _COUNT,  # cases side by side
    "keep_alive_s": _WHOLE,  # what CONNECT says where a case does not care; else 0
    "start": _COMMAND,  # of the target; {port1} ..., {directory}, {here}, {python} are filled in
    "also": _COMMANDS,  # what runs beside it
    "start_within_s": _SECONDS,  # until it listens
    "cafile": _TEXT,  # authorities for TLS
    "insecure": _FLAG,  # any certificate will do
    "serve": _TEXT,  # "FILE.py:FUNCTION", a broker in asyncio for --target sim
    "drive": _TEXT,  # "FILE.py:FUNCTION" or "MODULE:FUNCTION", a driver for --client sim
    "endpoints": dict.fromkeys(("plain", "websocket", "limited", "guarded"), _TEXT),  # addresses
    "login": dict.fromkeys(("user", "password"), _TEXT),  # of everybody
    "guarded": dict.fromkeys(
        ("user", "password", "forbidden", "scram_user", "scram_password"), _TEXT
    ),
    "announces": {"*": _WHOLE},  # what CONNACK of 3.1.1 has no place for, by its name in 5.0
    "limits": {"*": _LIMIT},  # by names, which are filled in as the ports are
    "files": {"*": _TEXT},  # in {directory}, by path
}
"""All that a profile may say: of each key, or of each key of a table, what it is."""


def profiled(path: Path | None) -> dict[str, Any]:
    """What a profile says; nothing if there is none. Errors: UsageError."""
    if path is None:
        return {}
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UsageError(f"--profile {path}: no TOML: {error}") from None
    validate(said, f"--profile {path}")
    return said


def validate(said: dict[str, Any], where: str) -> None:
    """Errors: UsageError for a key that there is not, a value of another kind, or one missing."""
    _table(said, _KEYS, where, "")
    versions = said.get("versions", list(VERSIONS))
    if not versions or not set(versions) <= set(VERSIONS):
        raise UsageError(f"{where}: versions = {versions!r}; name some of {[*VERSIONS]}")
    if "start" in said:
        for key, there in (("name", said), ("plain", said.get("endpoints", {}))):
            if key not in there:
                place = "" if there is said else " under [endpoints]"
                raise UsageError(f"{where}: start without {key}; write {key} ={place}")


def _table(said: dict[str, Any], known: dict[str, Any], where: str, prefix: str) -> None:
    for key, value in said.items():
        kind = known.get(key, known.get("*"))
        if kind is None:
            raise UsageError(f"{where}: {prefix}{key}: no such key; write {', '.join(known)}")
        if isinstance(kind, dict):
            if not isinstance(value, dict):
                raise UsageError(f"{where}: {key} = {value!r}: a table; write [{key}]")
            _table(value, kind, where, f"{key}.")
        elif not _is(value, kind):
            raise UsageError(f"{where}: {prefix}{key} = {value!r}; write {kind}")


def _is(value: Any, kind: str) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind in (_TEXT, _LIMIT):
        return isinstance(value, str) or (kind == _LIMIT and whole)
    if kind == _FLAG:
        return isinstance(value, bool)
    if kind in (_TEXTS, _COMMAND, _COMMANDS):
        of = _COMMAND if kind == _COMMANDS else _TEXT
        least = 1 if kind == _COMMAND else 0
        return isinstance(value, list) and len(value) >= least and all(_is(v, of) for v in value)
    if kind == _SECONDS:
        return whole or (isinstance(value, float) and value >= 0)
    return whole and (kind == _WHOLE or value > 0)
