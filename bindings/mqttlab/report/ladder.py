"""Ladder diagrams: what was said between peers and one other end, one line for each packet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

__all__ = ["Rung", "environment", "style"]


@dataclass(frozen=True)
class Rung:
    """One line of a ladder."""

    at_s: float | None
    css: str
    """How it is drawn: an arrow "sent" to the other end or "received" from it, which may be "late"
    or "lost"; "end", a dashed line; "order", "told", "fault", a note from its lane on, or only
    "here"; "gap"."""
    lane: int
    """Of a peer, from the left; the other end is behind the last."""
    label: str
    """On the arrow, in a few letters."""
    text: str
    """Beside it, in full."""
    hex: str = ""
    is_proof: bool = False
    """It is one of those that the reader is shown the ladder for."""


def environment(**filters: Callable[..., Any]) -> Environment:
    """For pages: they can `{% from "ladder.html.j2" import ladder %}`."""
    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        loader=DictLoader({"ladder.html.j2": _file("ladder.html.j2")}),
    )  # fmt: skip
    made.filters.update(filters)
    return made


def style() -> str:
    """The style of every page, and of ladders."""
    return _file("style.css") + _file("ladder.css")


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")
