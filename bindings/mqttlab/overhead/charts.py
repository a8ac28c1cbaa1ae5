"""How a figure grows with the loss on the link, level by level."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from mqttlab.overhead.cell import LEVELS
from mqttlab.overhead.estimate import Estimate
from mqttlab.report.svg import Canvas, linear, logarithmic, ticks

__all__ = ["by_loss"]

Points = Sequence[tuple[float, Estimate]]
"""Loss as a share, and what it led to."""


def by_loss(levels: Mapping[int, Points], unit: str, label: str, *, log: bool = False) -> Markup:
    """A curve per QoS level with its 95 % intervals, over loss in per cent.

    `log`: of the vertical axis, for times that grow by orders of magnitude.
    """
    canvas = Canvas(520, 300, label)
    left, right, top, bottom = 74.0, 486.0, 14.0, 250.0
    every = [one for points in levels.values() for one in points]
    most_loss = max((loss for loss, _ in every), default=0.0)
    known = [one for _, one in every if not math.isnan(one.mean)]
    if not known or not most_loss:
        canvas.text(260, 150, "nothing was measured", "axis", "middle")
        return canvas.render()
    high = max(max(one.mean, one.high if one.half_width >= 0 else one.mean) for one in known)
    x = linear(0, most_loss, left, right)
    if log:
        low = 10 ** math.floor(math.log10(min(one.mean for one in known)))
        y = logarithmic(low, 10 ** math.ceil(math.log10(high)), bottom, top)
        decades = round(math.log10(10 ** math.ceil(math.log10(high)) / low))
        marks = [low * 10**power for power in range(decades + 1)]
    else:
        low, y, marks = 0.0, linear(0, high * 1.05, bottom, top), ticks(high * 1.05)
    for mark in marks:
        canvas.line(left, y(mark), right, y(mark), "grid")
        canvas.text(left - 8, y(mark) + 4, f"{mark:g} {unit}", "axis", "end")
    for loss in sorted({loss for loss, _ in every}):
        canvas.text(x(loss), bottom + 18, f"{loss * 100:g} %", "axis", "middle")
    canvas.text((left + right) / 2, bottom + 40, "packets lost, each way", "axis", "middle")
    for qos in LEVELS:
        points = [(loss, one) for loss, one in levels.get(qos, ()) if not math.isnan(one.mean)]
        canvas.curve([(x(loss), y(one.mean)) for loss, one in points], f"curve q{qos}")
        for loss, one in points:
            if one.half_width > 0:
                ends = [y(max(end, low or 0.0)) for end in (one.low, one.high)]
                canvas.line(x(loss), ends[0], x(loss), ends[1], f"curve q{qos}")
            title = f"QoS {qos}, {loss * 100:g} % lost: {one.mean:.4g} {unit}"
            canvas.dot(x(loss), y(one.mean), 3, f"fill q{qos}", title)
    return canvas.render()
