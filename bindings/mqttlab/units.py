"""Values with units, written as in tc(8): "250kbit/s", "60ms", "2%", "64KiB".

Every function takes the value and `where`, the argument's name as the user sees it, and raises a
UsageError of one line that names value, place and remedy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from mqttlab.errors import UsageError

__all__ = [
    "Duration",
    "count",
    "duration_ns",
    "flag",
    "fraction",
    "number",
    "rate_bps",
    "size",
    "text",
]

_NUMBER_AND_UNIT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zµ/%]*)\s*", re.I)

_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_BITS = {
    unit + per: factor
    for unit, factor in {"bit": 1.0, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}.items()
    for per in ("", "/s")
}
_BYTES = {
    "b": 1.0,
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "kib": 1024.0,
    "mib": 1024.0**2,
    "gib": 1024.0**3,
}
_LONGEST_S = 1e9  # 31 years; nanoseconds of it fit an int64 with room to add


def _parse(value: object, units: Mapping[str, float], where: str, remedy: str) -> float:
    """A plain number in the base unit, or text with one of the units."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        parsed = float(value)
    elif isinstance(value, str) and (match := _NUMBER_AND_UNIT.fullmatch(value)):
        unit = match[2].lower()
        if unit and unit not in units:
            raise UsageError(f"{where}: unknown unit {match[2]!r} in {value!r}; {remedy}")
        parsed = float(match[1]) * (units[unit] if unit else 1.0)
    else:
        raise UsageError(f"{where}: cannot read {value!r}; {remedy}")
    if not math.isfinite(parsed) or parsed < 0:
        raise UsageError(f"{where}: {value!r} is not a finite number of 0 or more; {remedy}")
    return parsed


def exactly(value: float) -> str:
    """A number as text that is read as the same: 10.0 as "10", 0.1 as "0.1"."""
    return repr(float(value)).removesuffix(".0")


def duration_ns(value: object, where: str) -> int:
    """A duration in integer nanoseconds, from seconds or text such as "60ms" or "10min"."""
    remedy = "give seconds, or a text such as '60ms', '1.5s' or '10min'"
    seconds = _parse(value, _SECONDS, where, remedy)
    if seconds > _LONGEST_S:
        raise UsageError(f"{where}: {value!r} is longer than {_LONGEST_S:.0e} s; {remedy}")
    return round(seconds * 1e9)


def rate_bps(value: object, where: str) -> float:
    """A rate in bit/s, from a number or text such as "250kbit/s"."""
    remedy = "give bit/s, or a text such as '250kbit/s' or '2Mbit/s'"
    rate = _parse(value, _BITS, where, remedy)
    if rate == 0:
        raise UsageError(f"{where}: a rate of 0 carries nothing; {remedy}")
    return rate


def fraction(value: object, where: str) -> float:
    """A probability in 0..1, from a number or text such as "2%"."""
    remedy = "give a number from 0 to 1, or a text such as '2%'"
    parsed = _parse(value, {"%": 0.01}, where, remedy)
    if parsed > 1:
        raise UsageError(f"{where}: {value!r} is over 1; {remedy}")
    return parsed


def size(value: object, where: str, *, most: int = 2**62) -> int:
    """Bytes, from a number or text such as "64KiB"."""
    remedy = "give bytes, or a text such as '64KiB'"
    parsed = _parse(value, _BYTES, where, remedy)
    if parsed != int(parsed) or parsed > most:
        raise UsageError(f"{where}: {value!r} is not a whole number of bytes up to {most}")
    return int(parsed)


def count(value: object, where: str, *, least: int = 0, most: int = 2**62) -> int:
    """A whole number in least..most."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{where}: {value!r} is not a whole number")
    if not least <= value <= most:
        bounds = f"{least} or more" if value < least else f"at most {most}"
        raise UsageError(f"{where}: must be {bounds}, got {value}")
    return value


def number(value: object, where: str, *, least: float = 0.0, most: float = math.inf) -> float:
    """A finite number in least..most."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UsageError(f"{where}: {value!r} is not a finite number")
    if not least <= value <= most:
        raise UsageError(f"{where}: {value!r} is outside {least:g}..{most:g}")
    return float(value)


def flag(value: object, where: str) -> bool:
    """True or False, and nothing else."""
    if not isinstance(value, bool):
        raise UsageError(f"{where}: {value!r} is neither True nor False")
    return value


def text(value: object, where: str, *, least: int = 0) -> str:
    """Text of `least` characters or more that UTF-8 can carry."""
    if not isinstance(value, str) or len(value) < least:
        kind = "text of one character or more" if least else "text"
        raise UsageError(f"{where}: {value!r} is no {kind}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{where}: {value!r} has a lone surrogate, which UTF-8 cannot carry; leave it out"
        ) from None
    return value


class Duration(float):
    """Seconds as a float that can be written with a unit: Duration("10min") == 600.0."""

    def __new__(cls, value: str | float, where: str = "duration") -> Duration:
        """From seconds or text; errors name `where`."""
        return super().__new__(cls, duration_ns(value, where) / 1e9)
