"""The report's charts of latency and of bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from mqttlab.report.svg import Canvas, Scale, linear, logarithmic, ticks

__all__ = ["Bar", "Curve", "bytes_chart", "latency_chart", "layers_of", "survival"]

MOST_POINTS = 400  # of a curve


@dataclass(frozen=True)
class Curve:
    """A set of latencies with a name and a colour."""

    name: str
    css: str
    latency_s: np.ndarray  # sorted


def survival(latency_s: np.ndarray) -> list[tuple[float, float]]:
    """Points (seconds, share of messages that took longer or as long), at most 400.

    Evenly spaced in the logarithm of the share, because the tail is what a reader looks for.
    """
    count = len(latency_s)
    if not count:
        return []
    ranks = np.unique(np.round(np.geomspace(1, count, min(count, MOST_POINTS))).astype(int))
    return [(float(latency_s[count - rank]), rank / count) for rank in ranks[::-1]]


def latency_chart(curves: Sequence[Curve], label: str) -> Markup:
    """Share of messages that took at least so long, both axes logarithmic."""
    canvas = Canvas(520, 300, label)
    left, right, top, bottom = 54.0, 498.0, 12.0, 252.0
    drawn = [curve for curve in curves if len(curve.latency_s)]
    if not drawn:
        canvas.text(260, 150, "nothing was delivered", "axis", "middle")
        return canvas.render()
    low = max(min(float(curve.latency_s[0]) for curve in drawn), 1e-4)
    high = max(float(curve.latency_s[-1]) for curve in drawn)
    first, last = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high) + 1e-9)
    least = 1 / max(len(curve.latency_s) for curve in drawn)
    floor = max(10 ** math.floor(math.log10(least) + 1e-9), 1e-5)
    x = logarithmic(first, last, left, right)
    y = logarithmic(1, floor, top, bottom)
    _grid(canvas, x, y, (first, last), floor, (left, right, top, bottom))
    for curve in drawn:
        points = survival(curve.latency_s)
        canvas.curve(
            [(x(max(seconds, first)), y(max(share, floor))) for seconds, share in points],
            f"curve {curve.css}",
        )
    return canvas.render()


def _grid(
    canvas: Canvas,
    x: Scale,
    y: Scale,
    range_s: tuple[float, float],
    floor: float,
    frame: tuple[float, float, float, float],
) -> None:
    left, right, top, bottom = frame
    decade = range_s[0]
    while decade <= range_s[1] * 1.001:
        canvas.line(x(decade), top, x(decade), bottom, "grid")
        canvas.text(x(decade), bottom + 18, _seconds(decade), "axis", "middle")
        decade *= 10
    share = 1.0
    while share >= floor * 0.999:
        canvas.line(left, y(share), right, y(share), "grid")
        canvas.text(left - 8, y(share) + 4, f"{share * 100:g} %", "axis", "end")
        share /= 10
    canvas.text((left + right) / 2, bottom + 40, "time from publish to delivery", "axis", "middle")


def _seconds(value: float) -> str:
    if value < 1e-3:
        return f"{value * 1e6:g} µs"
    return f"{value * 1e3:g} ms" if value < 1 else f"{value:g} s"


LAYER_NAMES = {
    "mqtt": "MQTT: PUBLISH and its answers",
    "mqtt_session": "MQTT: connect, subscribe, keep alive",
    "web_socket": "WebSocket: upgrade, headers",
    "tls": "TLS: handshake, encryption",
    "tcp_ip": "TCP/IP headers and acknowledgements",
    "retransmitted": "TCP retransmissions",
}
"""The layers that are drawn; `unsent` is a correction and only in the table."""

Bar = tuple[str, Mapping[str, float]]
"""Its name, and bytes by layer; `spread`, if there: half the width of the total's interval."""


def layers_of(bars: Sequence[Bar]) -> dict[str, str]:
    """The layers that have any bytes, with their names."""
    return {
        layer: text for layer, text in LAYER_NAMES.items() if any(sizes[layer] for _, sizes in bars)
    }


def bytes_chart(bars: Sequence[Bar], label: str) -> Markup:
    """Stacked bars of bytes per delivered message."""
    drawn = layers_of(bars)
    row, left = 34.0, 168.0
    right = 640.0 if any(layers.get("spread", 0) for _, layers in bars) else 690.0
    canvas = Canvas(760, len(bars) * row + 34, label)
    most = max((sum(layers[name] for name in drawn) for _, layers in bars), default=0)
    x = linear(0, most or 1, left, right)
    marks = ticks(most, 6)
    for mark in marks:
        canvas.line(x(mark), 0, x(mark), len(bars) * row, "grid")
        canvas.text(x(mark), len(bars) * row + 20, f"{mark:g} B", "axis", "middle")
    for index, (name, layers) in enumerate(bars):
        y, at = index * row + 6, 0.0
        canvas.text(left - 10, y + 15, name, "name", "end")
        for layer, text in drawn.items():
            size = layers[layer]
            canvas.rect(
                x(at), y, x(at + size) - x(at), row - 12, f"layer {layer}", f"{text}: {size:.0f} B"
            )
            at += size
        spread = layers.get("spread", 0)
        value = f"{layers['total']:.0f}" + (f" ± {spread:.2g}" if spread else "")
        canvas.text(x(at) + 7, y + 15, f"{value} B", "value")
    return canvas.render()
