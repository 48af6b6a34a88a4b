"""The hit rate by pattern, estimated from what is certain and made to agree with the server.

Of each pattern the reads of an unknown outcome are of two kinds (see ``outcomes``). Of the *filled*
ones, most are misses; of the *alone* ones, most are hits. How many exactly, the probes tell, which
are a random sample of both kinds. The server's own counters say how many misses there were in all
in the same windows: what was estimated is scaled so that it adds up to that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cachedesk.watch.outcomes import Tally

_Z = 1.96
"""Standard deviations on either side that hold 95 % of a normal distribution."""

_USUAL_FILLED, _USUAL_ALONE = 0.98, 0.02
"""The shares of misses that are supposed of either kind where no probe says more: that of an
application that fills after a miss, and only then."""
_WEIGHT = 2.0
"""How many probes the supposition weighs as much as."""


@dataclass(frozen=True, slots=True)
class PatternRate:
    """How often reads of one pattern hit.

    Attributes:
        pattern: its name.
        reads: how many were seen.
        hit_rate: estimated share of hits, 0 to 1.
        low: the lower end of the 95 % interval; ``high``: the upper.
        certain: the share of the reads whose outcome is not estimated, 0 to 1.
        writes: how many writes were seen.
    """

    pattern: bytes
    reads: int
    hit_rate: float
    low: float
    high: float
    certain: float
    writes: int


@dataclass(frozen=True, slots=True)
class _Inferred:
    """Misses among the reads of an unknown outcome, and the variance of that number."""

    misses: float
    variance: float


def hit_rates(patterns: Mapping[bytes, Tally], hits: int, misses: int) -> tuple[PatternRate, ...]:
    """Return the hit rate of each pattern that was read, the most read first.

    Args:
        patterns: what was seen, by pattern.
        hits: keyspace hits that the server counted in the same time.
        misses: keyspace misses that it counted.
    """
    everything = sum(patterns.values(), Tally())
    inferred = {name: _inferred(tally, everything) for name, tally in patterns.items()}
    scale = _scale(everything, sum(one.misses for one in inferred.values()), hits, misses)
    rates = [
        _rate(name, tally, inferred[name], scale) for name, tally in patterns.items() if tally.reads
    ]
    return tuple(sorted(rates, key=lambda rate: (-rate.reads, rate.pattern)))


def _inferred(tally: Tally, everything: Tally) -> _Inferred:
    filled = _share(
        tally.filled_absent,
        tally.filled_present,
        _share(everything.filled_absent, everything.filled_present, _USUAL_FILLED),
    )
    alone = _share(
        tally.alone_absent,
        tally.alone_present,
        _share(everything.alone_absent, everything.alone_present, _USUAL_ALONE),
    )
    probed_filled = tally.filled_absent + tally.filled_present + _WEIGHT
    probed_alone = tally.alone_absent + tally.alone_present + _WEIGHT
    variance = (
        tally.filled_unknown**2 * filled * (1 - filled) / probed_filled
        + tally.alone_unknown**2 * alone * (1 - alone) / probed_alone
    )
    return _Inferred(tally.filled_unknown * filled + tally.alone_unknown * alone, variance)


def _share(absent: int, present: int, usual: float) -> float:
    return (absent + _WEIGHT * usual) / (absent + present + _WEIGHT)


def _scale(everything: Tally, inferred: float, hits: int, misses: int) -> float:
    """Return by what to multiply the inferred misses, so that they add up to the server's."""
    if hits + misses <= 0 or inferred <= 0 or everything.reads == 0:
        return 1.0
    # MONITOR may have shown fewer reads than the server counted: those of a module, a cut window.
    wanted = misses / (hits + misses) * everything.reads - everything.misses
    return max(0.0, wanted / inferred)


def _rate(name: bytes, tally: Tally, inferred: _Inferred, scale: float) -> PatternRate:
    unknown = tally.filled_unknown + tally.alone_unknown
    misses = tally.misses + min(float(unknown), inferred.misses * scale)
    reads = tally.reads
    rate = 1 - misses / reads
    # What was seen is a sample itself; a share of exactly 0 or 1 in it is none in all.
    smoothed = (rate * reads + 2) / (reads + 4)
    variance = smoothed * (1 - smoothed) / (reads + 4) + inferred.variance / reads**2
    half = _Z * math.sqrt(variance)
    return PatternRate(
        name, reads, rate, max(0.0, rate - half), min(1.0, rate + half),
        tally.certain / reads, tally.writes,
    )  # fmt: skip
