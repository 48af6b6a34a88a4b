"""Workloads: endless streams of operations, the same for the same seed.

``article`` is the traffic of a news site: reads of hot articles' counters most of all, likes and
views beside them, sessions that come and go, and now and then somebody orders and pays. Keys are
drawn from Zipf's law (alpha 1, as Twitter's caches show; Yang et al., OSDI 2020), from a key
space that is bounded, so an endless run needs no endless memory.
"""

from __future__ import annotations

import difflib
import itertools
import random
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from cachedesk.engine.errors import ConfigError
from cachedesk.lab.operations import Operation, Verb

Workload = Callable[[int], Iterator[Operation]]

ARTICLES = 10_000
USERS = 2_000
ORDERS = 50_000
ALPHA = 1.0


class Zipf:
    """Ranks 0 to ``count`` - 1, where rank r comes up in proportion to (r + 1) ** -alpha."""

    def __init__(self, count: int, alpha: float) -> None:
        self._upto = _sums(count, alpha)

    def draw(self, chance: random.Random) -> int:
        """Return a rank."""
        return _pick(self._upto, chance)


def article(seed: int) -> Iterator[Operation]:
    """Yield the traffic of a news site, for ever; five operations of six are reads."""
    return _Article(seed).operations()


WORKLOADS: dict[str, Workload] = {"article": article}


def workload(name: str) -> Workload:
    """Return the workload of this name.

    Raises:
        ConfigError: there is none; the nearest is named.
    """
    if name not in WORKLOADS:
        near = difflib.get_close_matches(name, WORKLOADS, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(WORKLOADS)}"
        raise ConfigError(f"there is no workload {name!r}; {hint}")
    return WORKLOADS[name]


class _Article:
    """The news site. A method is what one visitor does; its weight is how often, per thousand."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._articles = Zipf(ARTICLES, ALPHA)
        self._users = Zipf(USERS, ALPHA)
        self._orders = itertools.count()

    def operations(self) -> Iterator[Operation]:
        """Yield operations for ever."""
        deeds: Sequence[tuple[int, Callable[[], tuple[Operation, ...]]]] = (
            (630, self._look_at_views),
            (90, self._look_at_likes),
            (60, self._look_at_session),
            (40, self._look_at_balance),
            (30, self._look_at_analytics),
            (80, self._view),
            (24, self._like),
            (20, self._be_active),
            (10, self._log_in),
            (3, self._log_out),
            (8, self._measure),
            (5, self._buy),
        )
        upto = tuple(itertools.accumulate(weight for weight, _ in deeds))
        while True:
            _, deed = deeds[_pick(upto, self._chance)]
            yield from deed()

    def _look_at_views(self) -> tuple[Operation, ...]:
        return (Operation(Verb.GET, self._article(b"views")),)

    def _look_at_likes(self) -> tuple[Operation, ...]:
        return (Operation(Verb.GET, self._article(b"likes")),)

    def _look_at_session(self) -> tuple[Operation, ...]:
        return (Operation(Verb.GET, self._session(self._user())),)

    def _look_at_balance(self) -> tuple[Operation, ...]:
        return (Operation(Verb.GET, b"balance:user:%d" % self._user()),)

    def _look_at_analytics(self) -> tuple[Operation, ...]:
        return (Operation(Verb.GET, self._measurement()),)

    def _view(self) -> tuple[Operation, ...]:
        return (Operation(Verb.INCR, self._article(b"views"), 1),)

    def _like(self) -> tuple[Operation, ...]:
        return (Operation(Verb.INCR, self._article(b"likes"), self._chance.choice((1, 1, 1, -1))),)

    def _be_active(self) -> tuple[Operation, ...]:
        user = self._user()
        return (Operation(Verb.SET, b"active:user:%d" % user, self._article(b"on")),)

    def _log_in(self) -> tuple[Operation, ...]:
        user = self._user()
        token = b"%016x" % self._chance.getrandbits(64)
        return (Operation(Verb.SET, self._session(user), b"user:%d token:%s" % (user, token)),)

    def _log_out(self) -> tuple[Operation, ...]:
        return (Operation(Verb.DELETE, self._session(self._user())),)

    def _measure(self) -> tuple[Operation, ...]:
        return (Operation(Verb.INCR, self._measurement(), self._chance.randint(1, 900)),)

    def _buy(self) -> tuple[Operation, ...]:
        number = next(self._orders) % ORDERS + 1
        user = self._user()
        cents = self._chance.randint(99, 9_999)
        return (
            Operation(Verb.SET, b"order:%d" % number, b"user:%d cents:%d" % (user, cents)),
            Operation(Verb.SET, b"payment:%d" % number, b"paid %d" % cents),
            Operation(Verb.INCR, b"balance:user:%d" % user, -cents),
        )

    def _article(self, what: bytes) -> bytes:
        return b"%s:article:%d" % (what, self._articles.draw(self._chance) + 1)

    def _user(self) -> int:
        return self._users.draw(self._chance) + 1

    def _session(self, user: int) -> bytes:
        # What a user's browser sends each time: scattered, but the same for the same user.
        return b"session:%08x" % (user * 2_654_435_761 % 2**32)

    def _measurement(self) -> bytes:
        article = self._articles.draw(self._chance) + 1
        return b"analytics:seconds:article:%d" % article


def _pick(upto: Sequence[float], chance: random.Random) -> int:
    """Return a place in the running totals ``upto``, as likely as its share of them."""
    # Without the upper bound, rounding could once in 2**53 draws lead past the end.
    return bisect(upto, chance.random() * upto[-1], hi=len(upto) - 1)


@cache
def _sums(count: int, alpha: float) -> tuple[float, ...]:
    return tuple(itertools.accumulate((rank + 1) ** -alpha for rank in range(count)))
