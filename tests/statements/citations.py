"""Statement ids in text, their places in protocol/ and the tests that name them."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from source import Comment, Item, Source, Statement

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/statements"
TABLE = ROOT / "bindings/mqttlab/conformance/statements.tsv"
# Folders of protocol/ that enforce rules, and of tests/ whose tests may show it.
PLACES = ("wire", "session", "client", "broker", "transport")
AREAS = ("wire", "session", "client", "broker", "transport", "core")
# Files in which an unmarked id is 5.0's.
ONLY_5 = re.compile(r"property|properties|reason|_5[_.]|terms|topic_alias|authenticat|scram|flow_5")
VERSION_OF_MARK = {"v5 ": "5.0", "v3 ": "3.1.1", " (5.0)": "5.0", " (3.1.1)": "3.1.1"}
ID = re.compile(
    r"(?P<before>v[35] )?(?P<base>(?:MQTT|U)-[\d.]*\d)-(?P<number>\d+)"
    r"(?P<more>(?:(?:,? (?:to|and)|,) -\d+)*)(?P<behind> \((?:5\.0|3\.1\.1)\))?"
)


@dataclass(frozen=True)
class Row:
    """One row of statements.tsv."""

    version: str
    id: str
    number: str  # whether the other version's statement of this number says the same
    binds: str
    observable: str
    requirement: str

    @property
    def key(self) -> str:
        return f"{self.version[0]}:{self.id}"


@cache
def rows() -> dict[str, Row]:
    with open(TABLE, newline="") as file:
        table = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(table)
        return {row.key: row for row in (Row(*fields) for fields in table)}


def keys_of(statement: str, mark: str | None = None) -> set[str]:
    """The rows that an id means: of the version that it is marked with; else 3.1.1's, and 5.0's if
    that says the same or is the only one."""
    keys = {f"{digit}:{statement}" for digit in "35"} & rows().keys()
    if mark:
        return {key for key in keys if key[0] == mark[0]}
    if len(keys) == 2 and rows()[f"3:{statement}"].number == "differs":
        return {f"3:{statement}"}
    return keys


def ids_in(text: str, default: str | None = None) -> list[tuple[str, str | None]]:
    """Ids with their version, if they are marked: "MQTT-3.1.2-3, -11 and -12", "v5 MQTT-4.7.1-1 to
    -3, MQTT-4.7.2-1": a mark in front holds for the whole enumeration."""
    out = []
    end, version = 0, default
    for match in ID.finditer(text):
        mark = match["behind"] or match["before"]
        if mark:
            version = VERSION_OF_MARK[mark]
        elif text[end : match.start()].strip() not in (",", "and", ", and"):
            version = default
        end = match.end()
        numbers = [int(match["number"])]
        for word, number in re.findall(r"(\w*) -(\d+)", match["more"]):
            numbers += range(numbers[-1] + 1 if word == "to" else int(number), int(number) + 1)
        out += [(f"{match['base']}-{number}", version) for number in numbers]
        if match["behind"]:
            version = default
    return out


def spelt(name: str) -> str:
    """The ids in a test's name as ids: MQTT_3_1_4_2_And_3_Something, Something_U_3_3_4_4."""
    return "; ".join(
        f"{found[1]}-{found[2][1:].replace('_', '.')}-{found[3]}"
        + re.sub("_(And|To)_", lambda word: f" {word[1].lower()} -", found[4])
        for found in re.finditer(r"(MQTT|U)((?:_\d+)+)_(\d+)((?:_(?:And|To)_\d+)*)(?=_|$)", name)
    )


def keys_in(text: str, default: str | None = None) -> set[str]:
    return {key for found, mark in ids_in(text, default) for key in keys_of(found, mark)}


@dataclass
class Site:
    """Where rows are cited; a statement can be taken out. Outside functions it is documentation."""

    file: str
    line: int
    keys: set[str]
    statement: Statement | None = None
    inside_function: bool = True
    literal: bool = False  # it goes into a Violation, which can be let through


def only_5(name: str) -> str | None:
    return "5.0" if ONLY_5.search(name) else None


def _header_lines(source: Source, statement: Statement) -> tuple[int, int]:
    last = statement.last
    if statement.kind in ("if", "loop", "switch") and statement.condition[1]:
        last = statement.condition[1]
    elif statement.kind == "block":
        last = statement.first
    return source.tokens[statement.first].line, source.tokens[last].line


def _behind_label(source: Source, statement: Statement) -> Statement | None:
    siblings = source.statements
    index = next(i for i, other in enumerate(siblings) if other is statement)
    for other in siblings[index + 1 :]:
        if other.kind != "label":
            return other
    return None


def _whole(statement: Statement) -> Statement:
    """A jump that is all that an `if` does stands for that `if`: without it, things go on."""
    parent = statement.parent
    if parent and parent.kind == "block" and len(parent.children) == 1 and parent.parent:
        inner, parent = parent, parent.parent
    else:
        inner = statement
    jumps = statement.kind in ("return", "jump")
    if jumps and parent and parent.kind == "if" and not parent.otherwise and parent.then is inner:
        return parent
    return statement


def _target(source: Source, comment: Comment) -> Statement | Item | None:
    """What a comment stands beside or above."""
    found: Statement | None = None
    if comment.trails:
        line, token = comment.line, comment.after - 1
        for function in source.functions:
            if function.body and function.body[0] == token:
                return function
        lines = [(s, *_header_lines(source, s)) for s in source.statements]
        begins = [s for s, first, _ in lines if first == line and s.kind != "block"]
        opened = [s for s, *_ in lines if s.kind == "block" and s.first == token]
        around = [s for s, first, last in lines if first <= line <= last and s.kind != "block"]
        found = (begins or opened or around[-1:] or [None])[0]
    else:
        after = comment.after
        for function in source.functions:
            if function.first == after:
                return function
        begins = [s for s in source.statements if s.first == after]
        around = [s for s in source.statements if s.first < after <= s.last and s.kind != "block"]
        found = (begins or around[-1:] or [None])[0]
    if found and found.kind == "label":
        found = _behind_label(source, found)
    return _whole(found) if found else None


def sites_of_comments(source: Source, name: str) -> list[Site]:
    out = []
    for comment in source.comments:
        keys = keys_in(comment.text, only_5(name))
        if not keys:
            continue
        target = _target(source, comment)
        site = Site(name, comment.line, keys)
        if isinstance(target, Statement):
            if source.tokens[target.first].text == "assert":
                continue  # a check of our own caller, gone in release builds
            site.statement = target
        elif target and 0 < len(target.statements) <= 2:
            site.statement = target.statements[-1]  # a function that does just this
        site.inside_function = target is not None
        out.append(site)
    return out


def sites_of_literals(source: Source, name: str) -> list[Site]:
    """String literals that hold ids; of expression statements, those that only check."""
    out = []
    for i, token in enumerate(source.tokens):
        if token.kind != "string" or not (keys := keys_of_literal(source, i, name)):
            continue
        around = [s for s in source.statements if s.first <= i <= s.last]
        inner = around[-1] if around else None
        site = Site(name, token.line, keys, literal=token.text[1] in "MU" and " " not in token.text)
        if inner and inner.kind == "plain":
            call = source.code(inner.first, inner.last).split("(")[0]
            if re.fullmatch(r"(?:\w+(?:\.|->))?(?:require|check)\w*", call):
                site.statement = inner
        out.append(site)
    return out


def sites_in(source: Source, name: str) -> list[Site]:
    return sites_of_comments(source, name) + sites_of_literals(source, name)


MAKERS = ("malformed", "protocol_error", "Statement", "Rule")


def keys_of_literal(source: Source, i: int, name: str) -> set[str]:
    """Of "MQTT-a" alone, or in a pair of both versions' ids: malformed("MQTT-a", "MQTT-b")."""
    text = source.tokens[i].text
    if not re.fullmatch(r'"(?:MQTT|U)-[\d.]+-\d+"', text):
        return keys_in(text, only_5(name))
    statement = text.strip('"')
    item = next((item for item in source.items if item.first <= i <= item.last), None)
    if item and item.name[-2:] in ("_3", "_5"):
        return keys_of(statement, item.name[-1])
    begin, end = source.text.rfind("\n", 0, source.tokens[i].start), source.tokens[i].end
    if only_5(name) or f"v5 {statement}" in source.text[begin : source.text.find("\n", end)]:
        return keys_of(statement, "5.0")
    before = source.words(max(0, i - 8), i - 1)  # v5() ? "MQTT-a" : "MQTT-b"
    if "v5" in before and "?" in before:
        return keys_of(statement, "5.0" if before[-1] == "?" else "3.1.1")
    around = [(a, b) for a, b in source.pair.items() if a < i < b]
    opening, close = max(around, default=(0, 0))
    maker = source.tokens[opening - 1].text if opening else ""
    if opening and (source.tokens[opening].text == "{" or maker in MAKERS):
        inside = source.tokens[opening + 1 : close]
        ids = sum(bool(re.match(r'"(?:MQTT|U)-', token.text)) for token in inside)
        commas = sum(token.text == "," for token in source.tokens[opening:i])
        block = any(token.text == ";" for token in inside)
        if ids > 1 and "," in {token.text for token in inside} and not block:
            return keys_of(statement, "5.0" if commas else "3.1.1")
    return keys_of(statement)


@cache
def protocol_sources() -> dict[str, Source]:
    """Files of protocol/ that may enforce a rule, by name from the root."""
    files = [path for place in PLACES for path in (ROOT / "protocol" / place).glob("*.[hc]*")]
    return {str(path.relative_to(ROOT)): Source(path.read_text()) for path in sorted(files)}


@cache
def sites() -> list[Site]:
    return [site for name, source in protocol_sources().items() for site in sites_in(source, name)]


@cache
def tests() -> dict[str, dict[str, list[str]]]:
    """Key -> area -> gtest names of the tests that name it, in their body, in the comment above, or
    in a function or table of the same file that they use."""
    out: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for area in AREAS:
        for path in sorted((ROOT / "tests" / area).glob("*.cc")):
            for test, keys in _tests_of(Source(path.read_text()), path.name).items():
                for key in keys:
                    out[key][area].append(test)
    return out


def _tests_of(source: Source, name: str) -> dict[str, set[str]]:
    items = [item for item in source.items if item.outermost]
    named: dict[str, set[str]] = defaultdict(set)  # helpers, by name
    uses: dict[str, set[str]] = defaultdict(set)
    found: dict[str, tuple[set[str], set[str]]] = {}
    for item in items:
        text = source.text[_begin(source, item) : source.tokens[item.last].end]
        if item.name.startswith("TEST"):
            suite, test = [t for t in source.words(item.first, item.last) if t[0].isalpha()][1:3]
            text += " " + spelt(test)
        # A test's comments and tables may mean either version: both, unless marked.
        keys = {
            key
            for statement, mark in ids_in(re.sub(r"\s*\n\s*//[/!]?", "", text))
            for key in (
                keys_of(statement, mark)
                if mark
                else {f"{digit}:{statement}" for digit in "35"} & rows().keys()
            )
        }
        words = set(source.words(item.first, item.last))
        if item.name.startswith("TEST"):
            found[f"{suite}.{test}"] = (keys, words)
        else:
            named[item.name] |= keys
            uses[item.name] |= words
    return {test: keys | _reached(words, named, uses) for test, (keys, words) in found.items()}


def _begin(source: Source, item: Item) -> int:
    """Where an item begins with the comment above it."""
    above = [c for c in source.comments if c.after == item.first and not c.trails]
    if not above:
        return source.tokens[item.first].start
    previous = source.tokens[item.first - 1].end if item.first else 0
    return previous


def _reached(words: set[str], named: dict[str, set[str]], uses: dict[str, set[str]]) -> set[str]:
    keys: set[str] = set()
    seen: set[str] = set()
    queue = [word for word in words if word in named]
    while queue:
        word = queue.pop()
        if word in seen:
            continue
        seen.add(word)
        keys |= named[word]
        queue += [other for other in uses[word] if other in named]
    return keys
