"""Memory by pattern, from keys that SCAN gives and the memory that MEMORY USAGE tells of each.

SCAN goes through the keys in the order of their hashes, so the first thousand of a pass are a
random sample of all keys. A pass that went through all of them is no sample any more but a count.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_Z = 1.96
_BIGGEST = 50
_ENOUGH = 5_000
"""A pass that is not over is shown after so many keys; until then, the one before it."""


@dataclass(frozen=True, slots=True)
class PatternMemory:
    """The memory of the keys of one pattern.

    Attributes:
        pattern: its name.
        keys: estimated number of keys; ``keys_error``: half the width of its 95 % interval.
        size: estimated bytes; ``size_error``: half the width of its 95 % interval.
    """

    pattern: bytes
    keys: float
    keys_error: float
    size: float
    size_error: float


@dataclass(frozen=True, slots=True)
class BigKey:
    """A key that takes much memory, in bytes."""

    key: bytes
    size: int


@dataclass(frozen=True, slots=True)
class MemoryByPattern:
    """What a pass through the keys has told.

    Attributes:
        sampled: how many keys were looked at, ``of`` how many.
        complete: all keys were looked at.
        patterns: the biggest first.
        biggest: the biggest keys among those looked at, in order.
    """

    sampled: int = 0
    of: int = 0
    complete: bool = False
    patterns: tuple[PatternMemory, ...] = ()
    biggest: tuple[BigKey, ...] = ()


@dataclass(slots=True)
class _Sum:
    keys: int = 0
    size: int = 0
    squares: float = 0.0


class _Pass:
    def __init__(self) -> None:
        self.sampled = 0
        self.complete = False
        self.sums: dict[bytes, _Sum] = {}
        self.biggest: list[tuple[int, bytes]] = []

    def add(self, pattern: bytes, key: bytes, size: int) -> None:
        self.sampled += 1
        one = self.sums.setdefault(pattern, _Sum())
        one.keys += 1
        one.size += size
        one.squares += float(size) * size
        if len(self.biggest) < _BIGGEST:
            heapq.heappush(self.biggest, (size, key))
        elif size > self.biggest[0][0]:
            heapq.heapreplace(self.biggest, (size, key))


class MemorySample:
    """Collects passes through the keys, one after the other.

    Args:
        pattern_of: names the pattern of a key, and the newest of a pattern.
    """

    def __init__(self, pattern_of: Callable[[bytes], bytes]) -> None:
        self._pattern_of = pattern_of
        self._now = _Pass()
        self._before: _Pass | None = None

    def add(self, keys: Iterable[tuple[bytes, int]]) -> None:
        """Note the size of each of these keys, in bytes."""
        for key, size in keys:
            self._now.add(self._pattern_of(key), key, size)

    def begin_pass(self) -> None:
        """Forget what was seen in the pass that is under way, and begin it again."""
        self._now = _Pass()

    def end_pass(self) -> None:
        """Note that all keys were seen; what comes now is another pass."""
        self._now.complete = True
        self._before, self._now = self._now, _Pass()

    def result(self, keys: int) -> MemoryByPattern:
        """Return what is known, where there are so many ``keys`` now."""
        before, now = self._before, self._now
        shown = now if before is None or now.sampled >= _ENOUGH else before
        return _result(shown, self._pattern_of, keys)


def _result(one: _Pass, pattern_of: Callable[[bytes], bytes], keys: int) -> MemoryByPattern:
    sums: dict[bytes, _Sum] = {}
    for pattern, part in one.sums.items():
        whole = sums.setdefault(pattern_of(pattern), _Sum())
        whole.keys += part.keys
        whole.size += part.size
        whole.squares += part.squares
    # The number of keys was asked for a moment ago: there may be more by now.
    of = one.sampled if one.complete else max(keys, one.sampled)
    patterns = [_estimate(name, each, one.sampled, of) for name, each in sums.items()]
    biggest = [BigKey(key, size) for size, key in sorted(one.biggest, reverse=True)]
    patterns.sort(key=lambda each: (-each.size, each.pattern))
    return MemoryByPattern(one.sampled, of, one.complete, tuple(patterns), tuple(biggest))


def _estimate(pattern: bytes, part: _Sum, sampled: int, of: int) -> PatternMemory:
    """Scale what was sampled up to all keys; the error is that of sampling without replacement."""
    factor = of / sampled
    share = part.keys / sampled
    missing = max(0.0, 1 - sampled / of)
    keys_variance = share * (1 - share)
    mean = part.size / sampled
    size_variance = max(0.0, part.squares / sampled - mean * mean)
    spread = _Z * of * math.sqrt(missing / sampled)
    return PatternMemory(
        pattern,
        part.keys * factor,
        spread * math.sqrt(keys_variance),
        part.size * factor,
        spread * math.sqrt(size_variance),
    )
