"""Key distributions: draw one of many keys, in constant time and memory."""

from __future__ import annotations

import random
from functools import cache
from typing import Protocol

YCSB_THETA = 0.99

_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 1099511628211


class Draw(Protocol):
    """Draws key numbers."""

    def draw(self, rng: random.Random, count: int) -> int:
        """Return a number from 0 to ``count`` - 1."""
        ...


class Uniform(Draw):
    """All keys are equally likely."""

    def __init__(self, count: int) -> None:
        """Prepare for about ``count`` keys."""

    def draw(self, rng: random.Random, count: int) -> int:
        """Return a number from 0 to ``count`` - 1."""
        return rng.randrange(count)


class Ranks:
    """Ranks by Zipf's law with an exponent other than 1, without a table: the probability of rank r
    is about proportional to (r + 1) ** -theta. (Gray et al., "Quickly generating billion-record
    synthetic databases", SIGMOD 1994, as in YCSB.)"""

    def __init__(self, count: int, theta: float = YCSB_THETA) -> None:
        """Prepare for ``count`` ranks; ``theta`` is not 1."""
        self._count = count
        self._theta = theta
        self._zeta = _zeta(count, theta)
        self._alpha = 1 / (1 - theta)
        two = 1 + 0.5**theta
        self._eta = (1 - (2 / count) ** (1 - theta)) / (1 - two / self._zeta) if count > 2 else 1.0

    def draw(self, rng: random.Random) -> int:
        """Return a rank, from 0."""
        share = rng.random()
        reach = share * self._zeta
        if reach < 1:
            return 0
        if reach < 1 + 0.5**self._theta:
            return min(1, self._count - 1)
        rank = int(self._count * (self._eta * share - self._eta + 1) ** self._alpha)
        return min(rank, self._count - 1)


class Zipfian(Draw):
    """A few keys, scattered among all, are read most."""

    def __init__(self, count: int) -> None:
        """Prepare for about ``count`` keys."""
        self._ranks = Ranks(count)

    def draw(self, rng: random.Random, count: int) -> int:
        """Return a number from 0 to ``count`` - 1."""
        return _scattered(self._ranks.draw(rng)) % count


class Latest(Draw):
    """The newest keys are read most."""

    def __init__(self, count: int) -> None:
        """Prepare for about ``count`` keys."""
        self._ranks = Ranks(count)

    def draw(self, rng: random.Random, count: int) -> int:
        """Return a number from 0 to ``count`` - 1."""
        return count - 1 - min(self._ranks.draw(rng), count - 1)


def _scattered(number: int) -> int:
    """Return the FNV-1a hash of ``number``, as YCSB scatters its hot keys."""
    hashed = _FNV_OFFSET
    for _ in range(8):
        hashed = ((hashed ^ (number & 0xFF)) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
        number >>= 8
    return hashed


@cache
def _zeta(count: int, theta: float) -> float:
    return float(sum((rank + 1) ** -theta for rank in range(count)))
