"""Mutant schemata: a copy of the sources in which each cited check can be taken out at run time.

| what is cited                        | without it                                             |
| ------------------------------------ | ------------------------------------------------------ |
| `if (bad) return ...;`               | goes on                                                |
| `if (...) statement`, loops, blocks  | the statement is not done                              |
| an expression, `break`, `continue`   | is not done                                            |
| `return value;` `T name = value;`    | nothing, the opposite of a bool, a T as it begins      |
| a violation that names the statement | is not returned (`return malformed("ID")`, or "ID") and |
|                                      | not taken (a void function that gets it returns)       |
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from citations import HERE, keys_of_literal, protocol_sources, sites_in
from source import Item, Source, Statement

MAKERS = ("malformed", "protocol_error", "Violation")
# Replaces text[start:end]; at one place what closes comes first, the inner before the outer.
Edit = tuple[int, int, int, int, str]  # start, kind, rank, end, text
CLOSES, OPENS, REPLACES = range(3)


@cache
def sabotage() -> dict[str, list[dict[str, str]]]:
    """sabotage.toml: faults made by hand, by file."""
    with open(HERE / "sabotage.toml", "rb") as file:
        faults = tomllib.load(file).get("fault", [])
    out = defaultdict(list)
    for fault in faults:
        out[fault["file"]].append(fault)
    return out


@cache
def made_by_hand() -> frozenset[str]:
    """Rows with such faults: nothing else is taken out for them."""
    faults = [fault for of_file in sabotage().values() for fault in of_file]
    return frozenset(row for fault in faults for row in fault["rows"].split())


def _rows(keys: Iterable[str]) -> str:
    return '"' + "".join(f"{key} " for key in sorted(keys)) + '"'


def off(keys: Iterable[str]) -> str:
    return f"::mqttlab::off::cited({_rows(keys)})"


def _value(keys: set[str], expression: str) -> str:
    return (
        f"::mqttlab::off::value({_rows(keys)}, [&]() -> decltype(auto) {{ return {expression}; }})"
    )


class Instrumented:
    """One file with its edits. `switched`: the rows whose comment sites can be taken out here."""

    def __init__(self, name: str, source: Source) -> None:
        self.source = source
        self.name = name
        self.edits: list[Edit] = []
        self.switched: set[str] = set()
        cited: dict[int, set[str]] = defaultdict(set)
        statements: dict[int, Statement] = {}
        for site in sites_in(source, name):
            if site.statement and site.keys - made_by_hand():
                cited[id(site.statement)] |= site.keys - made_by_hand()
                statements[id(site.statement)] = site.statement
        for number, statement in statements.items():
            if self._take_out(statement, cited[number]):
                self.switched |= cited[number]
        self._literals()
        self._violations()

    def _around(self, first: int, last: int, before: str, behind: str) -> None:
        start, end = self.source.tokens[first].start, self.source.tokens[last].end
        self.edits.append((start, OPENS, -last, start, before))
        self.edits.append((end, CLOSES, -first, end, behind))

    def _replace(self, token: int, text: str) -> None:
        place = self.source.tokens[token]
        self.edits.append((place.start, REPLACES, 0, place.end, text))

    def _wrap(self, statement: Statement, condition: str) -> None:
        self._around(statement.first, statement.last, f"{{ if ({condition}) ", " }")

    def _take_out(self, statement: Statement, keys: set[str]) -> bool:
        source, tokens = self.source, self.source.tokens
        if statement.kind == "if" and statement.otherwise:
            opening, close = statement.condition
            if source.words(opening, close).count("=") or tokens[opening - 1].text == "constexpr":
                return False
            begin = opening
            for i in range(opening + 1, close):
                if tokens[i].text == ";":
                    begin = i
            self._around(begin + 1, close - 1, f"!{off(keys)} && (", ")")
        elif statement.kind == "if":
            self._wrap(statement.then, f"!{off(keys)}")
        elif statement.kind in ("loop", "switch", "block", "jump"):
            self._wrap(statement, f"!{off(keys)}")
        elif statement.kind == "return":
            return self._replace_value(statement, statement.first, keys)
        else:
            equals = self._initialiser(statement)
            if equals is None:
                return False
            if equals:
                return self._replace_value(statement, equals, keys)
            self._wrap(statement, f"!{off(keys)}")
        return True

    def _initialiser(self, statement: Statement) -> int | None:
        """Index of the '=' of a declaration; 0 for an expression; None for what must stay."""
        source = self.source
        words = source.words(statement.first, statement.last)
        if words[0] in ("using", "static", "constexpr", "static_assert", "throw"):
            return None
        if words[0] in "*(":
            return 0
        i = statement.first
        while i < statement.last and source.tokens[i].text not in ("=", "("):
            i = source.pair.get(i, i) + 1 if source.tokens[i].text in "[{" else i + 1
        before = source.tokens[statement.first : i]
        kinds = [(a.kind, b.kind) for a, b in pairwise(before)]
        declares = (
            words[0] in ("auto", "const")
            or ("word", "word") in kinds
            or any(
                a.text in (">", "*", "&", "&&") and b.kind == "word" for a, b in pairwise(before)
            )
        )
        if source.tokens[i].text == "=":
            return i if declares else 0
        return None if declares else 0

    def _replace_value(self, statement: Statement, before: int, keys: set[str]) -> bool:
        first, last = before + 1, statement.last - 1
        if first > last:  # return;
            self._wrap(statement, f"!{off(keys)}")
        elif self.source.tokens[first].text == "{":
            if statement.kind != "return":
                return False
            without = f"{{ if ({off(keys)}) return {{}}; "
            self._around(statement.first, statement.last, without, " }")
        else:
            self._around(first, last, *_value(keys, "\0").split("\0"))
        return True

    def _literals(self) -> None:
        for i, token in enumerate(self.source.tokens):
            neighbours = self.source.tokens[max(0, i - 1) : i + 2]
            alone = sum(other.kind == "string" for other in neighbours) == 1
            if alone and re.fullmatch(r'"(?:MQTT|U)-[\d.]+-\d+"', token.text):
                keys = keys_of_literal(self.source, i, self.name)
                versions = "".join(v if f"{v}:{token.text[1:-1]}" in keys else "-" for v in "35")
                self._replace(i, f'("{versions}:{token.text[1:]} + 3)')

    def _violations(self) -> None:
        for statement in self.source.statements:
            parent = statement.parent
            first = self.source.tokens[min(statement.first + 1, statement.last)].text
            violation = first in MAKERS or re.match(r'"(?:MQTT|U)-', first)
            if statement.kind == "return" and violation and parent and parent.kind == "if":
                taken = " if (!::mqttlab::off::broken(off_v)) return off_v; }"
                self._around(statement.first, statement.last, "{ const auto off_v = ", taken)
                self._replace(statement.first, "")
        for function in self.source.functions:
            self._taker(function)

    def _taker(self, function: Item) -> None:
        assert function.body
        opening = function.body[0]
        head = self.source.words(function.first, opening)
        for i, word in enumerate(head[:-3]):
            name = head[i + 2] if head[i + 1] == "&" else head[i + 1]
            if word == "Violation" and "void" in head and re.fullmatch(r"[a-z_]+", name):
                self._replace(opening, f"{{ if (::mqttlab::off::broken({name})) return; ")
                return

    def text(self) -> str:
        out, at = [], 0
        closing = [edit for edit in reversed(self.edits) if edit[1] == CLOSES]
        others = [edit for edit in self.edits if edit[1] != CLOSES]
        for start, _, _, end, text in sorted(closing + others, key=lambda edit: edit[:3]):
            out += [self.source.text[at:start], text]
            at = end
        out.append(self.source.text[at:])
        return "".join(out)


def with_faults(name: str, text: str) -> str:
    """The text with its faults made by hand."""
    for fault in sabotage().get(name, []):
        if text.count(fault["text"]) != 1:
            what = f"{fault['text']!r} is {text.count(fault['text'])} times in {name}"
            raise SystemExit(f"sabotage.toml: {what}; it must name one place")
        rows = fault["rows"].split()
        one = re.sub(r"OFF\(([^)]*)\)", lambda match: off([match[1]]), fault["fault"])
        text = text.replace(fault["text"], one.replace("OFF", off(rows)))
    return text


@cache
def instrumented() -> dict[str, Instrumented]:
    return {
        name: Instrumented(name, Source(with_faults(name, source.text)))
        for name, source in protocol_sources().items()
    }
