"""Radio cells of links: their options, checked, and the models that there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mqttlab import _core, units
from mqttlab.errors import UsageError

if TYPE_CHECKING:
    from mqttlab.links import LinkOptions

__all__ = ["MODELS", "described", "set_radio"]

MODELS = {
    "80211n": "Wi-Fi (802.11n) at 2.4 GHz: an access point, and stations on its channel; no "
    "roaming, no power save (scenario crowded_cell)",
    "802154": "802.15.4 at 2.4 GHz under 6LoWPAN: a border router, and things one hop away; IPv6 "
    "only, no mesh, no sleep (scenario sensor_cell)",
    "lte": "LTE with its core: base stations in a row, and up to 32 devices that ride past them; "
    "no DRX, ideal signalling (scenario train_ride)",
}
"""What a link's `radio` may be, and what each is."""

_OPTIONS = {
    "radius": "radius_m",
    "speed": "speed_mps",
    "base_stations": "base_stations_m",
}
"""Options of a radio's cell, and their names as data."""


def described(cell: _core.RadioCell) -> dict[str, object]:
    """A cell as plain values."""
    return {name: getattr(cell, name) for name in ("model", *_OPTIONS.values())}


def set_radio(spec: _core.LinkSpec, options: LinkOptions, where: str) -> None:
    """The cell that `options` ask for, instead of a profile's rate, jitter and loss."""
    if "radio" not in options:
        for name in _OPTIONS:
            if name in options:
                raise UsageError(f"{where}: {name}= is of a radio's cell; give radio= as well")
        return
    cell = _core.RadioCell()
    cell.model = units.text(options["radio"], f"{where}: radio", least=1)
    given = dict(options)
    for name, attribute in _OPTIONS.items():
        if name in given:
            check = _places if name == "base_stations" else units.number
            setattr(cell, attribute, check(given[name], f"{where}: {name}"))
    spec.radio = cell
    for side in ("up", "down"):  # the radio has its own
        direction = getattr(spec, side)
        direction.rate_bps, direction.jitter, direction.loss = 0.0, 0, 0.0
        setattr(spec, side, direction)


def _places(value: object, where: str) -> list[float]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UsageError(f"{where}: {value!r} is no list of places in m; write [0, 1500]")
    return [units.number(place, where, least=-math.inf) for place in value]
