"""What differs between two versions of a file of results, place by place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["APART", "NOTHING", "Difference", "differences", "json_differences"]

APART = frozenset({"wall_s", "machine", "versions"})
"""Fields of JSON that no comparison reads: equal runs on equal code do not share them."""
NOTHING = "nothing"

_NAMES = (
    "name", "key", "case", "invariant", "what", "device", "impairment", "link", "loss", "burst",
    "payload_bytes", "transport", "version", "session", "qos", "seed",
)  # fmt: skip
"""Fields that say which element of a list this is, so that an element more shifts no other."""
_EXCERPT = 100  # characters of a line that are shown
_LABEL_CELLS = 3  # of a row of CSV, to say which it is


@dataclass(frozen=True)
class Difference:
    """One place of a file: what the first has there, and what the second."""

    place: str
    first: str
    second: str


def differences(first: bytes, second: bytes, name: str) -> list[Difference]:
    """Of two versions of a file; its `name` tells how it is read. Empty: equal by the rule."""
    if first == second:
        return []
    try:
        one, other = first.decode(), second.decode()
    except UnicodeDecodeError:
        return [_binary(first, second)]
    try:
        if name.endswith(".json"):
            return list(json_differences(json.loads(one), json.loads(other)))
        if name.endswith(".csv"):
            return list(_csv(one, other))
    except (ValueError, csv.Error):  # a byte that has changed may leave no JSON
        pass
    return list(_lines(one.splitlines(), other.splitlines()))


def json_differences(first: object, second: object, place: str = "") -> Iterator[Difference]:
    """Value by value; a place is a path such as `qos.1.duplicates` or `verdicts[Q1-DUP].checked`.

    Fields in `APART` are passed over.
    """
    if isinstance(first, dict) and isinstance(second, dict):
        for key in dict.fromkeys((*first, *second)):
            if key not in APART:
                yield from _member(first, second, key, f"{place}.{key}" if place else key)
    elif isinstance(first, list) and isinstance(second, list):
        one, other = _labelled(first, second)
        for key in dict.fromkeys((*one, *other)):
            yield from _member(one, other, key, f"{place}[{key}]")
    elif type(first) is not type(second) or first != second:
        yield Difference(place or "the whole", _shown(first), _shown(second))


def _member(
    first: dict[str, Any], second: dict[str, Any], key: str, place: str
) -> Iterator[Difference]:
    if key in first and key in second:
        yield from json_differences(first[key], second[key], place)
    else:
        here, there = (_shown(d[key]) if key in d else NOTHING for d in (first, second))
        yield Difference(place, here, there)


def _labelled(first: list[Any], second: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Elements by what they are called, or by their numbers if any has no name of its own."""
    named = tuple({_label(element): element for element in each} for each in (first, second))
    if "" in named[0] or "" in named[1] or (len(named[0]), len(named[1])) != (
        len(first), len(second)
    ):  # fmt: skip
        named = tuple({str(n): element for n, element in enumerate(e)} for e in (first, second))
    return named[0], named[1]


def _label(element: object) -> str:
    if not isinstance(element, dict):
        return ""
    return ", ".join(
        str(element[name]) for name in _NAMES if isinstance(element.get(name), str | int | float)
    )


def _shown(value: object) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str, at: int = 0) -> str:
    """The part of a text around a place, no longer than a line is shown."""
    start = max(0, min(at - _EXCERPT // 2, len(text) - _EXCERPT))
    part = text[start : start + _EXCERPT]
    return ("..." if start else "") + part + ("..." if start + _EXCERPT < len(text) else "")


def _csv(first: str, second: str) -> Iterator[Difference]:
    one, other = (list(csv.reader(io.StringIO(text), strict=True)) for text in (first, second))
    if not one or not other or one[0] != other[0] or len(one) != len(other):
        yield from _lines(first.splitlines(), second.splitlines())
        return
    for number, (row, now) in enumerate(zip(one[1:], other[1:], strict=True), 1):
        if len(row) != len(now):
            yield Difference(f"row {number}", _cut(",".join(row)), _cut(",".join(now)))
            continue
        label = ", ".join(row[:_LABEL_CELLS])
        for column, was, is_now in zip(one[0], row, now, strict=False):
            if was != is_now:
                yield Difference(f"row {number} ({label}), {column}", _cut(was), _cut(is_now))


def _lines(first: Sequence[str], second: Sequence[str]) -> Iterator[Difference]:
    """Line by line, without those at the beginning and at the end that are equal."""
    head = _equal(first, second)
    tail = _equal(first[head:][::-1], second[head:][::-1])
    for number in range(head, max(len(first), len(second)) - tail):
        one, other = (
            lines[number] if number < len(lines) - tail else None for lines in (first, second)
        )
        if one != other:
            at = _equal(one or "", other or "")
            shown = (NOTHING if line is None else _cut(line, at) for line in (one, other))
            yield Difference(f"line {number + 1}", *shown)


def _binary(first: bytes, second: bytes) -> Difference:
    at = _equal(first, second)
    here, there = (
        f"0x{data[at]:02x} of {len(data)} bytes" if at < len(data) else f"its end, at {len(data)}"
        for data in (first, second)
    )
    return Difference(f"byte {at}", here, there)


def _equal(first: Sequence[object], second: Sequence[object]) -> int:
    """How much both begin with."""
    shorter = min(len(first), len(second))
    return next((n for n in range(shorter) if first[n] != second[n]), shorter)
