"""What differs between two versions of a file of results, place by place."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["APART", "MISSING", "Difference", "differences", "json_differences", "walk"]

APART = frozenset({
    ("wall_s",),
    *(("versions", library) for library in ("mqttlab", "python", "numpy", "ns3", "openssl")),
})  # fmt: skip
"""Places of JSON that no comparison reads: equal runs on equal code do not share them."""
MISSING: Any = object()
"""Where one of two has no value, which null is."""
_NOTHING = "nothing"

_NAMES = (
    "name", "key", "case", "invariant", "what", "device", "impairment", "link", "loss", "burst",
    "rtt_ms", "cuts", "nat_s", "keep_alive_s", "payload_bytes", "transport", "version", "session",
    "qos", "seed",
)  # fmt: skip
"""Fields that say which element of a list this is, so that an element more shifts no other."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|\s+|[^\s{}\[\],:"]+')  # of JSON
_EXCERPT = 100  # characters of a line that are shown
_LABEL_CELLS = 3  # of a row of CSV, to say which it is


@dataclass(frozen=True)
class Difference:
    """One place of a file: what the first has there, and what the second."""

    place: str
    first: str
    second: str


def differences(first: bytes, second: bytes, name: str) -> list[Difference]:
    """Of two versions of a file; its `name` tells how it is read. Empty: equal by the rule.

    Bytes differ in nothing else than JSON's values in `APART`, or there is a difference.
    """
    if first == second:
        return []
    try:
        one, other = first.decode(), second.decode()
    except UnicodeDecodeError:
        return [_binary(first, second)]
    found: list[Difference] = []
    try:
        if name.endswith(".json"):
            found = list(json_differences(json.loads(one), json.loads(other)))
            one, other = _without_apart(one), _without_apart(other)
        elif name.endswith(".csv"):
            found = list(_csv(one, other))
    except (ValueError, csv.Error):  # a byte that has changed may leave no JSON
        pass
    if found or one == other:
        return found
    rows = list(_lines(one.splitlines(), other.splitlines()))
    return rows or [_binary(one.encode(), other.encode())]


def _without_apart(text: str) -> str:
    """JSON as it is written, without the values in `APART`."""
    place: list[str] = []  # the members that are open, "" for an element
    kept, last = [], ""
    for token in _TOKEN.findall(text):
        if token in "{[":
            place.append("")
        elif token in "}]":
            place.pop()
        elif token == ":":
            place[-1] = last
        elif token == ",":
            place[-1] = ""
        elif tuple(place) in APART and not token.isspace():
            continue
        elif token[0] == '"':
            last = json.loads(token)
        kept.append(token)
    return "".join(kept)


def json_differences(first: object, second: object) -> Iterator[Difference]:
    """Value by value; a place is a path such as `qos.1.duplicates` or `verdicts[Q1-DUP].checked`.

    Places in `APART` are passed over. Lists whose elements have names have an order, too.
    """
    for path, one, other in walk(first, second, APART.__contains__, in_order=True):
        yield Difference(".".join(path) or "the whole", _shown(one), _shown(other))


def walk(
    first: object,
    second: object,
    is_apart: Callable[[tuple[str, ...]], bool] = lambda _: False,
    is_leaf: Callable[[object], bool] = lambda _: False,
    path: tuple[str, ...] = (),
    *,
    in_order: bool = False,
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """The values of JSON that differ, with the names that lead there; `MISSING` where one has none.

    `is_apart`: places that are passed over. `is_leaf`: objects that are one value. An element of a
    list is in the name of its list, by what it is called: ("verdicts[Q1-DUP]", "checked").
    `in_order`: where such elements part that both have in another order, as ("verdicts[order]",).
    """
    whole = is_leaf(first) or is_leaf(second)
    members = None if whole else _members(first, second, path, in_order)
    if members is None:
        if type(first) is not type(second) or first != second:
            yield path, first, second
        return
    for place, one, other in members:
        if is_apart(place):
            continue
        if one is MISSING or other is MISSING:
            yield place, one, other
        else:
            yield from walk(one, other, is_apart, is_leaf, place, in_order=in_order)


def _members(
    first: object, second: object, path: tuple[str, ...], in_order: bool
) -> list[tuple[tuple[str, ...], Any, Any]] | None:
    """Of two objects or two lists; None: they are values."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = dict.fromkeys((*first, *second))
        return [((*path, k), first.get(k, MISSING), second.get(k, MISSING)) for k in keys]
    if isinstance(first, list) and isinstance(second, list):
        one, other = _labelled(first, second)
        before, name = path[:-1], path[-1] if path else ""
        keys = dict.fromkeys((*one, *other))
        members = [
            ((*before, f"{name}[{k}]"), one.get(k, MISSING), other.get(k, MISSING)) for k in keys
        ]
        if in_order:
            both = [k for k in one if k in other], [k for k in other if k in one]
            a, b = ("; ".join(each[_equal(*both) :]) for each in both)
            members.append(((*before, f"{name}[order]"), a, b))
        return members
    return None


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
    known = ((name, element[name]) for name in _NAMES if name in element)
    return ", ".join(
        value if isinstance(value, str) else f"{name} {value:g}"
        for name, value in known
        if isinstance(value, str | int | float) and (value or name == "qos")
    )


def _shown(value: object) -> str:
    return _NOTHING if value is MISSING else _cut(json.dumps(value, ensure_ascii=False))


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
            shown = (_NOTHING if line is None else _cut(line, at) for line in (one, other))
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
