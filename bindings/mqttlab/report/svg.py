"""Small drawings as inline SVG. Colours are CSS classes, so that a page's dark mode applies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

from markupsafe import Markup

__all__ = ["Canvas", "Scale", "linear", "logarithmic", "number", "ticks"]

Scale = Callable[[float], float]


def number(value: float) -> str:
    """A coordinate: a tenth of a pixel is enough, and nothing is written twice."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Maps low..high to start..end."""
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """Maps low..high (both over 0) to start..end by their logarithms."""
    scale = linear(math.log10(low), math.log10(high), start, end)
    return lambda value: scale(math.log10(value))


def ticks(high: float, about: int = 5) -> list[float]:
    """Round values from 0 to at most `high`, about so many."""
    if high <= 0:
        return [0.0]
    raw = high / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    return [index * step for index in range(int(high / step * 1.0001) + 1)]


class Canvas:
    """An SVG under construction; (0, 0) is the top left corner."""

    def __init__(self, width: float, height: float, label: str) -> None:
        self.width, self.height, self.label = width, height, label
        self._parts: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        """A straight line."""
        self._parts.append(f'<path class="{css}" d="{_move(x1, y1)}L{number(x2)} {number(y2)}"/>')

    def curve(self, points: Iterable[tuple[float, float]], css: str) -> None:
        """A line through points."""
        path = "L".join(f"{number(x)} {number(y)}" for x, y in points)
        if path:
            self._parts.append(f'<path class="{css}" d="M{path}"/>')

    def area(self, outline: Iterable[tuple[float, float]], css: str) -> None:
        """A closed shape."""
        path = "L".join(f"{number(x)} {number(y)}" for x, y in outline)
        if path:
            self._parts.append(f'<path class="{css}" d="M{path}Z"/>')

    def spans(self, rows: Sequence[tuple[float, float, float]], thick: float, css: str) -> None:
        """Horizontal strokes (x1, x2, y) of one thickness, as a single path."""
        if rows:
            path = "".join(f"{_move(x1, y)}H{number(x2)}" for x1, x2, y in rows)
            self._parts.append(
                f'<path class="{css}" stroke-width="{number(max(thick, 0.1))}" d="{path}"/>'
            )

    def rect(
        self, x: float, y: float, width: float, height: float, css: str, title: str = ""
    ) -> None:
        """A rectangle, with a tooltip if there is something to say."""
        tip = f"<title>{escape(title)}</title>" if title else ""
        self._parts.append(
            f'<rect class="{css}" x="{number(x)}" y="{number(y)}" '
            f'width="{number(max(width, 0))}" height="{number(height)}">{tip}</rect>'
        )

    def dot(self, x: float, y: float, radius: float, css: str, title: str = "") -> None:
        """A filled circle."""
        tip = f"<title>{escape(title)}</title>" if title else ""
        self._parts.append(
            f'<circle class="{css}" cx="{number(x)}" cy="{number(y)}" '
            f'r="{number(radius)}">{tip}</circle>'
        )

    def text(self, x: float, y: float, text: str, css: str = "", anchor: str = "start") -> None:
        """One line of text; y is its baseline."""
        self._parts.append(
            f'<text class="{css}" x="{number(x)}" y="{number(y)}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def render(self) -> Markup:
        """The finished element; every text in it has been escaped."""
        size = f"{number(self.width)} {number(self.height)}"
        return Markup(
            f'<svg viewBox="0 0 {size}" role="img" aria-label="{escape(self.label)}">'
            + "".join(self._parts)
            + "</svg>"
        )

    def standalone(self, style: str) -> str:
        """As a file of its own, on white, with these rules of CSS."""
        head, _, rest = str(self.render()).partition(">")
        style = f"<style>svg{{background:#fff}}{style}</style>"
        return f'{head} xmlns="http://www.w3.org/2000/svg">{style}{rest}\n'


def _move(x: float, y: float) -> str:
    return f"M{number(x)} {number(y)}"
