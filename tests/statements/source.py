"""C++ as far as this folder needs it: tokens, brackets, functions and the statements in them.

Lexical: it relies on clang-format's layout and on this project's style (no macros with bodies but
TEST, no function-try-blocks), and needs no compiler.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      |(?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
      |(?P<string>(?:u8|[uUL])?(?:R"(?P<mark>[^\s(]*)\(.*?\)(?P=mark)"|"(?:[^"\\\n]|\\.)*")(?:sv?)?)
      |(?P<char>'(?:[^'\\\n]|\\.)+')
      |(?P<word>\d[\w.']*|[A-Za-z_]\w*)
      |(?P<sign>::|->|<<=|<=>|[-+*/%&|^=!<>]=|&&|\|\||\+\+|--|[^\s\w])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
OPENING = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int
    line: int


@dataclass
class Comment:
    """Consecutive comment lines. `after`: index of the next code token; `trails`: code before it
    on its first line."""

    text: str
    line: int
    after: int
    trails: bool


@dataclass
class Statement:
    """Tokens first to last. An `if` has a condition, a `then` and perhaps an `otherwise`."""

    kind: str  # if, loop, switch, label, block, return, jump, plain
    first: int
    last: int
    condition: tuple[int, int] = (0, 0)  # its brackets
    children: list[Statement] = field(default_factory=list)
    parent: Statement | None = None

    @property
    def then(self) -> Statement:
        return self.children[0]

    @property
    def otherwise(self) -> Statement | None:
        return self.children[1] if self.kind == "if" and len(self.children) > 1 else None

    def flat(self) -> Iterator[Statement]:
        yield self
        for child in self.children:
            yield from child.flat()


@dataclass
class Item:
    """What stands in a namespace or class up to its semicolon or body."""

    name: str
    first: int
    last: int
    body: tuple[int, int] | None = None  # braces, of a function
    statements: list[Statement] = field(default_factory=list)
    outermost: bool = True  # not inside a class


class Source:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.comments: list[Comment] = []
        self.items: list[Item] = []
        self._scan()
        self.pair = self._brackets()
        self._walk(0, len(self.tokens), outermost=True)

    @cached_property
    def functions(self) -> list[Item]:
        return [item for item in self.items if item.body]

    @cached_property
    def statements(self) -> list[Statement]:
        return [s for f in self.functions for top in f.statements for s in top.flat()]

    def words(self, first: int, last: int) -> list[str]:
        return [token.text for token in self.tokens[first : last + 1]]

    def code(self, first: int, last: int) -> str:
        return self.text[self.tokens[first].start : self.tokens[last].end]

    def _scan(self) -> None:
        line, seen, column_of_last = 1, 0, -1
        for match in TOKEN.finditer(self.text):
            line += self.text.count("\n", seen, match.start())
            seen = match.start()
            kind = str(match.lastgroup)
            if kind == "mark":
                kind = "string"
            if kind == "comment":
                trails = bool(self.tokens) and self.tokens[-1].line == line
                column = match.start() - self.text.rfind("\n", 0, match.start())
                text = re.sub(r"^/+[<!]?|^/\*|\*/$", "", match.group()).strip()
                last = self.comments[-1] if self.comments else None
                if (
                    last
                    and not trails
                    and last.after == len(self.tokens)
                    and column == column_of_last
                ):
                    last.text += " " + text
                else:
                    self.comments.append(Comment(text, line, len(self.tokens), trails))
                column_of_last = column
            elif kind != "directive":
                self.tokens.append(Token(kind, match.group(), match.start(), match.end(), line))

    def _brackets(self) -> dict[int, int]:
        pair: dict[int, int] = {}
        stack: list[int] = []
        for i, token in enumerate(self.tokens):
            if token.kind != "sign":
                continue
            if token.text in OPENING:
                stack.append(i)
            elif token.text in OPENING.values():
                pair[stack.pop()] = i
        return pair

    def _is(self, i: int, text: str) -> bool:
        return i < len(self.tokens) and self.tokens[i].text == text

    # Namespaces and classes.

    def _walk(self, begin: int, end: int, outermost: bool) -> None:
        i = first = begin
        while i < end:
            text = self.tokens[i].text
            if text == ";":
                if i > first:
                    self.items.append(Item(self._name(first, i), first, i, outermost=outermost))
                i = first = i + 1
            elif text in "([" and self.tokens[i].kind == "sign":
                i = self.pair[i] + 1
            elif text == "{":
                close = self.pair[i]
                kind = self._kind_of_brace(first, i)
                if kind in ("namespace", "class"):
                    self._walk(i + 1, close, outermost and kind == "namespace")
                elif kind == "function":
                    statements = self._block(i + 1, close, None)
                    name = self._name(first, i)
                    self.items.append(Item(name, first, close, (i, close), statements, outermost))
                i = close + 1
                if kind in ("namespace", "function"):
                    first = i
            elif text in ("public", "private", "protected") and self._is(i + 1, ":"):
                i = first = i + 2
            else:
                i += 1

    def _head(self, first: int, end: int) -> list[str]:
        """Words of a declaration, without what is in brackets and template parameters."""
        head: list[str] = []
        i = first
        while i < end:
            text = self.tokens[i].text
            if text == "template" and self._is(i + 1, "<"):
                depth = 0
                while i < end:
                    depth += {"<": 1, ">": -1}.get(self.tokens[i].text, 0)
                    i += 1
                    if depth == 0 and self.tokens[i - 1].text == ">":
                        break
                continue
            head.append(text)
            i = self.pair.get(i, i)
            i += 1
        return head

    def _kind_of_brace(self, first: int, brace: int) -> str:
        head = self._head(first, brace)
        if "namespace" in head:
            return "namespace"
        if "enum" in head or any(
            text == "=" and head[i - 1] != "operator" for i, text in enumerate(head)
        ):
            return "initialiser"
        if "(" not in head:
            return "class" if {"class", "struct", "union"} & set(head) else "initialiser"
        member = ":" in head and self.tokens[brace - 1].kind == "word"  # a_{1} behind a colon
        qualifiers = ("const", "noexcept", "override", "final")
        if member and self.tokens[brace - 1].text not in qualifiers:
            return "initialiser"
        return "function"

    def _name(self, first: int, end: int) -> str:
        """Of a function, variable or class: the word before the first bracket, '=' or end."""
        name = ""
        for text in self._head(first, end):
            if re.fullmatch(r"[A-Za-z_]\w*", text):
                name = text
            elif text in ("(", "=", "{", ";") and name not in ("", "requires"):
                break
        return name

    # Statements.

    def _block(self, i: int, end: int, parent: Statement | None) -> list[Statement]:
        out = []
        while i < end:
            statement = self._statement(i, end, parent)
            out.append(statement)
            i = statement.last + 1
        return out

    def _statement(self, i: int, end: int, parent: Statement | None) -> Statement:
        text = self.tokens[i].text
        out = Statement("plain", i, i, parent=parent)
        if text == "{":
            out.kind, out.last = "block", self.pair[i]
            out.children = self._block(i + 1, out.last, out)
        elif text in ("if", "for", "while", "switch"):
            out.kind = {"if": "if", "switch": "switch"}.get(text, "loop")
            bracket = i + 1 if self._is(i + 1, "(") else i + 2  # if constexpr
            out.condition = (bracket, self.pair[bracket])
            self._add_part(out, out.condition[1] + 1, end)
            if out.kind == "if" and self._is(out.last + 1, "else"):
                self._add_part(out, out.last + 2, end)
        elif text == "do":
            out.kind = "loop"
            self._add_part(out, i + 1, end)
            out.last = self._semicolon(out.last + 1, end)
        elif text in ("case", "default"):
            out.kind = "label"
            while not self._is(out.last, ":"):
                out.last += 1
        else:
            words = {"return": "return", "break": "jump", "continue": "jump"}
            out.kind = words.get(text, "plain")
            out.last = self._semicolon(i, end)
            self._add_lambdas(out)
        return out

    def _add_part(self, out: Statement, i: int, end: int) -> None:
        out.children.append(self._statement(i, end, out))
        out.last = out.children[-1].last

    def _semicolon(self, i: int, end: int) -> int:
        while i < end and not self._is(i, ";"):
            i = self.pair.get(i, i) + 1
        return min(i, end - 1)

    def _add_lambdas(self, out: Statement) -> None:
        i = out.first
        while i <= out.last:
            before = self.tokens[i - 1].text
            if self._is(i, "{") and (before in ("]", ")", "mutable") or self._is(i - 2, "->")):
                out.children += self._block(i + 1, self.pair[i], out)
                i = self.pair[i]
            i += 1
