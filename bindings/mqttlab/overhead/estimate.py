"""A mean over seeds, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["Estimate"]

# Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom (NIST/SEMATECH
# e-Handbook of Statistical Methods, 1.3.6.7.2).
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """A mean with the half width of its 95 % interval, over `runs` independent seeds.

    `half_width` is NaN for a single run: nothing is known of what another seed would give.
    """

    mean: float
    half_width: float
    runs: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Estimate:
        """Of one value per seed; NaN values (nothing to measure) are left out."""
        known = np.array([value for value in values if not math.isnan(value)], float)
        runs = len(known)
        if runs == 0:
            return cls(math.nan, math.nan, 0)
        if runs == 1:
            return cls(float(known[0]), math.nan, 1)
        error = float(known.std(ddof=1)) / math.sqrt(runs)
        # Beyond 30 the quantile of 30 is a little too careful.
        return cls(float(known.mean()), _T95[min(runs - 1, len(_T95)) - 1] * error, runs)

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self.half_width
