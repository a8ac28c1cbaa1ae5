"""A mean over seeds, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

__all__ = ["AGREED", "Estimate"]

AGREED = "seeds agree by chance"
"""In words, beside a mean that has no interval though it is of several seeds."""

# Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom (NIST/SEMATECH
# e-Handbook of Statistical Methods, 1.3.6.7.2).
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


_Z95 = 1.960  # of the normal distribution


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval, over `runs` independent seeds.

    `half_width`: to the interval's farther end; NaN for a single run, or where seeds agree by
    chance: nothing is known of what another seed would give. `interval`: its ends where it is not
    as wide both ways. `trials`: of a share, in how many its events were counted.
    """

    mean: float
    half_width: float
    runs: int
    interval: tuple[float, float] | None = None
    trials: int = 0
    values: tuple[float, ...] = field(default=(), compare=False)
    """Of a mean: what each seed gave, in order; NaN: nothing."""

    @classmethod
    def of(cls, values: Iterable[float]) -> Estimate:
        """Of one value per seed; NaN values (nothing to measure) are left out."""
        by_seed = tuple(float(value) for value in values)
        known = np.array([value for value in by_seed if not math.isnan(value)], float)
        runs = len(known)
        if runs == 0:
            return cls(math.nan, math.nan, 0)
        if runs == 1:
            return cls(float(known[0]), math.nan, 1)
        error = float(known.std(ddof=1)) / math.sqrt(runs)
        # Beyond 30 the quantile of 30 is a little too careful.
        half_width = _T95[min(runs - 1, len(_T95)) - 1] * error
        return cls(float(known.mean()), half_width, runs, values=by_seed)

    @classmethod
    def share(cls, counts: Sequence[tuple[int, int]]) -> Estimate:
        """Of (events, trials) per seed. Events are few: what the seeds happen to agree on is not
        known any better than all trials together tell (Wilson's score interval, 1927), and where
        they differ more than that, their own interval counts.
        """
        known = [(events, trials) for events, trials in counts if trials]
        trials = sum(one for _, one in known)
        if not known:
            return cls.of([])
        seeds = cls.of(events / of for events, of in known)
        share = sum(events for events, _ in known) / trials
        if share > 1:  # more than one to a trial: no share that a count would limit
            return replace(seeds, values=())
        z2 = _Z95**2 / trials
        middle = (share + z2 / 2) / (1 + z2)
        aside = math.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
        low, high = max(middle - aside, 0.0), min(middle + aside, 1.0)
        if seeds.half_width > 0:
            low, high = min(low, seeds.low), max(high, min(seeds.high, 1.0))
        low = low if share else 0.0
        return cls(share, max(share - low, high - share), len(known), (low, high), trials)

    def by_chance(self) -> Estimate:
        """The same of what differs from seed to seed: if few have agreed, that is no certainty."""
        return self if self.half_width else replace(self, half_width=math.nan)

    @property
    def low(self) -> float:
        """The lower end of the interval; no figure of a study is below 0."""
        return self.interval[0] if self.interval else max(self.mean - self.half_width, 0.0)

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.interval[1] if self.interval else self.mean + self.half_width

    def scaled(self, scale: float) -> Estimate:
        """In another unit."""
        ends = (self.low * scale, self.high * scale) if self.interval else None
        half_width = self.half_width * scale
        return Estimate(self.mean * scale, half_width, self.runs, ends, self.trials)
