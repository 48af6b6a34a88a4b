"""What a restart with an empty cache would cost: each key that is read again misses once.

Reads of some keys come again and again; how many *different* keys are read within a time is
estimated from how often each was read in the windows that were seen: by thinning for a shorter
time, and for a longer one by Chao's estimator of what was not seen, extrapolated as Shen, Chao and
Lin do (Predicting the number of new species in further taxonomic sampling, Ecology 84, 2003). At
most it is what would come of even reads: no other distribution of as many touches more keys.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

WARM_SHARE = 0.9
"""Warm again: so much of what hits today hits again."""

_LONGEST_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class PatternReads:
    """What was seen of one pattern.

    Attributes:
        keys: how many keys there are of it.
        hits_per_second: how often they are read and found.
        counts: how often each key that was seen was found.
    """

    keys: float
    hits_per_second: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RestartCost:
    """Misses that a restart would cost, beside those of every day.

    Attributes:
        hits_per_second: what hits now; all of it misses in the first moment.
        first_minute: estimated misses in the first minute; ``first_minute_most``: at most.
        warm_seconds: when nine of ten hits are back; ``None``: not within a day.
        until_warm: estimated misses until then; ``until_warm_most``: at most.
        keys: how many keys there are to lose.
    """

    hits_per_second: float
    first_minute: float
    first_minute_most: float
    warm_seconds: float | None
    until_warm: float
    until_warm_most: float
    keys: int


def restart_cost(patterns: Iterable[PatternReads], keys: int) -> RestartCost | None:
    """Return what a restart would cost; ``None`` when no read was seen that hit."""
    curves = [_Curve(each) for each in patterns if each.counts and each.hits_per_second > 0]
    if not curves:
        return None
    rate = sum(curve.rate for curve in curves)
    warm = _warm_seconds(curves, rate)
    until = _LONGEST_SECONDS if warm is None else warm
    return RestartCost(
        rate,
        sum(curve.misses(60) for curve in curves),
        sum(curve.most(60) for curve in curves),
        warm,
        sum(curve.misses(until) for curve in curves),
        sum(curve.most(until) for curve in curves),
        keys,
    )


def counts_by_pattern(
    found: Mapping[bytes, int], patterns: Mapping[bytes, bytes]
) -> dict[bytes, tuple[int, ...]]:
    """Return how often each found key of a pattern was found, by pattern.

    Args:
        found: by key.
        patterns: the pattern of each of those keys.
    """
    grouped: dict[bytes, list[int]] = {}
    for key, count in found.items():
        grouped.setdefault(patterns[key], []).append(count)
    return {pattern: tuple(counts) for pattern, counts in grouped.items()}


class _Curve:
    """How many different keys of a pattern are hit within a time."""

    def __init__(self, reads: PatternReads) -> None:
        self.rate = reads.hits_per_second
        self._seen = sum(reads.counts)
        self._times = Counter(reads.counts)
        distinct = len(reads.counts)
        self._keys = max(float(distinct), reads.keys)
        once, twice = self._times[1], self._times[2]
        # Chao1, in the form that needs no pair; never more than there are keys.
        unseen = once * (once - 1) / (2 * (twice + 1))
        self._unseen = min(unseen, self._keys - distinct)

    def misses(self, seconds: float) -> float:
        """Return the estimate."""
        reads = self.rate * seconds
        if reads <= self._seen:
            left = 1 - reads / self._seen
            return sum(times * (1 - left**count) for count, times in self._times.items())
        more = reads - self._seen
        once = self._times[1]
        found = 0.0
        if self._unseen > 0 and once:
            share = min(1.0, once / (self._seen * self._unseen + once))
            found = self._unseen * -math.expm1(more * math.log1p(-share)) if share < 1 else 0.0
        return min(self._keys, sum(self._times.values()) + found)

    def most(self, seconds: float) -> float:
        """Return what it is at most: every key is read as often as any other."""
        return self._keys * -math.expm1(-self.rate * seconds / self._keys)


def _warm_seconds(curves: list[_Curve], rate: float) -> float | None:
    """Return when the extra misses have come down to a tenth of the hits."""

    def misses_per_second(seconds: float) -> float:
        step = max(0.01, seconds * 0.02)
        return sum(curve.misses(seconds + step) - curve.misses(seconds) for curve in curves) / step

    low, high = 0.0, 0.1
    while misses_per_second(high) > (1 - WARM_SHARE) * rate:
        low, high = high, high * 2
        if high > _LONGEST_SECONDS:
            return None
    for _ in range(30):
        middle = (low + high) / 2
        if misses_per_second(middle) > (1 - WARM_SHARE) * rate:
            low = middle
        else:
            high = middle
    return high
