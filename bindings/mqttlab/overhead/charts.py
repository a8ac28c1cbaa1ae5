"""How a figure grows with the loss on the link or with the keep alive, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mqttlab.overhead.estimate import Estimate
from mqttlab.report.svg import Canvas, Scale, linear, logarithmic, ticks

__all__ = ["Series", "by_keep_alive", "by_loss"]

LEFT, RIGHT, TOP, BOTTOM = 74.0, 376.0, 14.0, 216.0
BESIDE = 44.0  # from no loss to the least


@dataclass(frozen=True)
class Series:
    """A curve: its name, its colour as a CSS class, and means over what is varied."""

    name: str
    css: str
    points: Sequence[tuple[float, Estimate]]


def by_loss(series: Sequence[Series], unit: str, label: str, *, log: bool = False) -> Markup:
    """Curves over the share of packets lost. `log`: of the vertical axis, for figures that grow by
    orders of magnitude.
    """
    places = sorted({place for one in series for place, _ in one.points})
    over = [place for place in places if place > 0]
    decades = logarithmic(min(over, default=0.01), max(over, default=0.1), LEFT + BESIDE, RIGHT)

    def x(place: float) -> float:  # none has a place of its own
        return decades(place) if place > 0 else LEFT

    names = {place: f"{place * 100:g} %" for place in places}
    return _chart(series, x, names, ("packets lost, each way", unit, label), log=log)


def by_keep_alive(
    series: Sequence[Series], unit: str, label: str, marks: Mapping[float, str], *, log: bool
) -> Markup:
    """Curves over keep alives in s; `marks`: places to be marked, and their CSS class."""
    places = sorted({place for one in series for place, _ in one.points})
    x = logarithmic(min(places, default=1.0), max(places, default=10.0), LEFT, RIGHT)
    names = {place: f"{place:g}" for place in places}

    def mark(canvas: Canvas) -> None:
        for place, css in marks.items():
            if places and places[0] <= place <= places[-1]:
                canvas.line(x(place), TOP, x(place), BOTTOM, f"mark {css}")

    axis = ("keep alive, s; upright: the NAT forgets", unit, label)
    return _chart(series, x, names, axis, log=log, before=mark)


def _chart(
    series: Sequence[Series],
    x: Scale,
    names: Mapping[float, str],
    words: tuple[str, str, str],
    *,
    log: bool,
    before: Callable[[Canvas], None] = lambda canvas: None,
) -> Markup:
    """`names`: of places on the horizontal axis; `words`: its name, the other's unit, the chart's
    label.
    """
    axis, unit, label = words
    canvas = Canvas(400, 266, label)
    known = [one for of in series for _, one in of.points if not math.isnan(one.mean)]
    if not known or len(names) < 2 or (log and min(one.mean for one in known) <= 0):
        canvas.text(200, 120, "nothing was measured", "axis", "middle")
        return canvas.render()
    low, y, marks = _vertical(known, log)
    for place in marks:
        canvas.line(LEFT, y(place), RIGHT, y(place), "grid")
        canvas.text(LEFT - 8, y(place) + 4, f"{place:g} {unit}", "axis", "end")
    for place, name in names.items():
        canvas.text(x(place), BOTTOM + 18, name, "axis", "middle")
    canvas.text((LEFT + RIGHT) / 2, BOTTOM + 40, axis, "axis", "middle")
    before(canvas)
    for number, of in enumerate(series):
        aside = 4.0 * (number - (len(series) - 1) / 2)  # so that no interval hides another
        points = [(place, one) for place, one in of.points if not math.isnan(one.mean)]
        canvas.curve([(x(place), y(one.mean)) for place, one in points], f"curve {of.css}")
        for place, one in points:
            title = f"{of.name}, {names[place]}: {one.mean:.4g} {unit}"
            if one.half_width > 0:
                ends = [y(max(end, low)) for end in (one.low, one.high)]
                at = x(place) + aside
                canvas.line(at, ends[0], at, ends[1], f"curve whisker {of.css}")
                uneven = one.interval or one.half_width > one.mean
                ends_text = f" ({one.low:.2g} to {one.high:.2g})"
                title += ends_text if uneven else f" ± {one.half_width:.2g}"
            canvas.dot(x(place), y(one.mean), 3, f"fill {of.css}", title)
    return canvas.render()


def _vertical(known: Sequence[Estimate], log: bool) -> tuple[float, Scale, list[float]]:
    """The lowest place, the scale, and where its lines are."""
    high = max(max(one.mean, one.high if one.half_width >= 0 else one.mean) for one in known)
    if not log:
        high = high * 1.05 or 1.0
        return 0.0, linear(0, high, BOTTOM, TOP), ticks(high)
    low = 10.0 ** math.floor(math.log10(min(one.mean for one in known)))
    top = 10.0 ** max(math.ceil(math.log10(high)), round(math.log10(low)) + 1)
    decades = round(math.log10(top / low))
    marks = [low * 10**power for power in range(decades + 1)]
    return low, logarithmic(low, top, BOTTOM, TOP), marks
