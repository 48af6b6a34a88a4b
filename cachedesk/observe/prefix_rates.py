"""Hit rates by key prefix, over a moving window, in bounded memory.

A key's prefix is the part up to and including its first colon; keys without one form one group.
If there are too many prefixes in one half of the window, the less read ones are merged into the
rest, so a prefix that is read a lot shows up however many others came before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cachedesk.core.snapshot import PrefixRate

REST = "…".encode()

_MOST_TRACKED = 64
_KEPT = 32
_HITS, _MISSES = 0, 1

_Counts = dict[bytes, list[int]]


class PrefixRates:
    """Hits and misses by prefix. Not thread-safe: ``Metrics`` has the lock."""

    def __init__(self) -> None:
        self._now: _Counts = {}
        self._before: _Counts = {}

    def hit(self, keys: Iterable[bytes]) -> None:
        """Count a hit of each of ``keys``."""
        self._count(keys, _HITS)

    def miss(self, keys: Iterable[bytes]) -> None:
        """Count a miss of each of ``keys``."""
        self._count(keys, _MISSES)

    def rotate(self) -> None:
        """Begin a new half of the window, and drop the older one."""
        self._before, self._now = self._now, {}

    def top(self, most: int) -> tuple[PrefixRate, ...]:
        """Return the rates of the window, the most read prefix first. If there are more than
        ``most``, all after the first ``most`` - 1 are merged at the end as ``REST``."""
        both = {prefix: list(counts) for prefix, counts in self._before.items()}
        for prefix, counts in self._now.items():
            _add(both, prefix, counts)
        if len(both) > most or REST in both:
            _fold(both, most - 1)
        rest = both.pop(REST, None)
        rates = [PrefixRate(prefix, *counts) for prefix, counts in sorted(both.items(), key=_order)]
        return (*rates, *([PrefixRate(REST, *rest)] if rest else ()))

    def _count(self, keys: Iterable[bytes], place: int) -> None:
        # ``find`` returns -1 without a colon, which gives the empty prefix.
        prefixes = [key[: key.find(b":") + 1] for key in keys]
        for prefix, count in Counter(prefixes).items() if len(prefixes) > 1 else _once(prefixes):
            try:
                self._now[prefix][place] += count
            except KeyError:
                self._now[prefix] = [0, 0]
                self._now[prefix][place] = count
                if len(self._now) > _MOST_TRACKED:
                    _fold(self._now, _KEPT)


def _once(prefixes: Iterable[bytes]) -> Iterable[tuple[bytes, int]]:
    return [(prefix, 1) for prefix in prefixes]


def _fold(counts: _Counts, kept: int) -> None:
    """Merge all but the ``kept`` most read prefixes."""
    ranked = sorted((item for item in counts.items() if item[0] != REST), key=_order)
    for prefix, hits_and_misses in ranked[kept:]:
        del counts[prefix]
        _add(counts, REST, hits_and_misses)


def _add(counts: _Counts, prefix: bytes, more: list[int]) -> None:
    known = counts.setdefault(prefix, [0, 0])
    known[_HITS] += more[_HITS]
    known[_MISSES] += more[_MISSES]


def _order(item: tuple[bytes, list[int]]) -> tuple[int, bytes]:
    prefix, counts = item
    return -sum(counts), prefix
