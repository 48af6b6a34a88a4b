"""Workloads: endless streams of operations, the same for the same seed.

``article`` is the traffic of a news site: mostly reads of hot articles' counters, also likes and
views, sessions that expire, and sometimes an order that is paid. Keys are drawn by Zipf's law
(alpha 1, as found in Twitter's caches; Yang et al., OSDI 2020), from a bounded key space, so an
endless run needs bounded memory. ``ycsb-a`` to ``ycsb-f``, ``twitter-22`` and ``twitter-52`` are
published workloads.
"""

from __future__ import annotations

import difflib
import itertools
import random
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from cachedesk.core.errors import ConfigError
from cachedesk.lab.load.operations import Operation, Verb
from cachedesk.lab.trace import ycsb
from cachedesk.lab.trace.record import made_up
from cachedesk.lab.trace.ycsb import Core

Workload = Callable[[int], Iterator[Operation]]
"""Yields operations without end, the same for the same seed."""

ARTICLES = 10_000
USERS = 2_000
ORDERS = 50_000
_TOP_UP_CENTS = 50_000
SESSION_SECONDS = 300.0
"""How long a session of ``article`` lives. Shorter than usual, so that it is seen to expire."""
_FIRST_SESSION_SECONDS = 30.0
_VIEWS, _LIKES, _READING_SECONDS = 60_000, 4_000, 2_000_000
"""Those of the first article in ``article_contents``."""
ALPHA = 1.0
YCSB_KEYS = 10_000
TWITTER_KEYS = 100_000


class Zipf:
    """Ranks 0 to ``count`` - 1; the probability of rank r is proportional to (r + 1) ** -alpha."""

    def __init__(self, count: int, alpha: float) -> None:
        self._upto = _sums(count, alpha)

    def draw(self, rng: random.Random) -> int:
        """Return a rank."""
        return _pick(self._upto, rng)


def article(seed: int, keys: int = ARTICLES) -> Iterator[Operation]:
    """Yield the traffic of a news site with ``keys`` articles, without end; five of six operations
    are reads."""
    return _Article(seed, keys).operations()


def article_contents(articles: int) -> Iterator[Operation]:
    """Yield a write for each key that ``article`` reads, with the values of a busy day.

    The counts follow Zipf's law as the reads do; the hottest keys come first.
    """
    for rank in range(1, articles + 1):
        yield Operation(Verb.SET, b"views:article:%d" % rank, b"%d" % (_VIEWS // rank + 1))
        yield Operation(Verb.SET, b"likes:article:%d" % rank, b"%d" % (_LIKES // rank))
        yield Operation(Verb.SET, _measured(rank), b"%d" % (_READING_SECONDS // rank))
    for user in range(1, USERS + 1):
        # They began at different times, so they do not end together.
        age = user * 2_654_435_761 % 2**32 / 2**32
        left = _FIRST_SESSION_SECONDS + age * (SESSION_SECONDS - _FIRST_SESSION_SECONDS)
        value = b"user:%d token:%016x" % (user, user)
        yield Operation(Verb.SET, _session_of(user), value, left)
        yield Operation(Verb.SET, b"balance:user:%d" % user, b"%d" % _TOP_UP_CENTS)


def workload(name: str, keys: int | None = None) -> Workload:
    """Return the workload of this name.

    Args:
        name: one of ``WORKLOADS``.
        keys: the number of keys; ``None``: the default of the workload.

    Raises:
        ConfigError: there is no such workload; the message suggests the nearest.
    """
    if name not in WORKLOADS:
        near = difflib.get_close_matches(name, WORKLOADS, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(WORKLOADS)}"
        raise ConfigError(f"there is no workload {name!r}; {hint}")
    make, usual = WORKLOADS[name]
    return lambda seed: make(seed, keys or usual)


class _Article:
    """The news site. A method is an action of a visitor; its weight is its frequency per
    thousand."""

    def __init__(self, seed: int, articles: int) -> None:
        self._rng = random.Random(seed)
        self._articles = Zipf(articles, ALPHA)
        self._users = Zipf(USERS, ALPHA)
        self._orders = itertools.count()
        self._purses: dict[int, int] = {}

    def operations(self) -> Iterator[Operation]:
        """Yield operations without end."""
        actions: Sequence[tuple[int, Callable[[], tuple[Operation, ...]]]] = (
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
        upto = tuple(itertools.accumulate(weight for weight, _ in actions))
        while True:
            _, action = actions[_pick(upto, self._rng)]
            yield from action()

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
        return (Operation(Verb.INCR, self._article(b"likes"), self._rng.choice((1, 1, 1, -1))),)

    def _be_active(self) -> tuple[Operation, ...]:
        user = self._user()
        return (Operation(Verb.SET, b"active:user:%d" % user, self._article(b"on")),)

    def _log_in(self) -> tuple[Operation, ...]:
        user = self._user()
        token = b"%016x" % self._rng.getrandbits(64)
        value = b"user:%d token:%s" % (user, token)
        return (Operation(Verb.SET, self._session(user), value, SESSION_SECONDS),)

    def _log_out(self) -> tuple[Operation, ...]:
        return (Operation(Verb.DELETE, self._session(self._user())),)

    def _measure(self) -> tuple[Operation, ...]:
        return (Operation(Verb.INCR, self._measurement(), self._rng.randint(1, 900)),)

    def _buy(self) -> tuple[Operation, ...]:
        number = next(self._orders) % ORDERS + 1
        user = self._user()
        cents = self._rng.randint(99, 9_999)
        return (
            *self._top_up(user, cents),
            Operation(Verb.SET, b"order:%d" % number, b"user:%d cents:%d" % (user, cents)),
            Operation(Verb.SET, b"payment:%d" % number, b"paid %d" % cents),
            Operation(Verb.INCR, b"balance:user:%d" % user, -cents),
        )

    def _top_up(self, user: int, cents: int) -> tuple[Operation, ...]:
        """Return a deposit if the balance would fall below zero."""
        held = self._purses.get(user, 0)
        paid_in = _TOP_UP_CENTS if held < cents else 0
        self._purses[user] = held + paid_in - cents
        if not paid_in:
            return ()
        return (Operation(Verb.INCR, b"balance:user:%d" % user, paid_in),)

    def _article(self, what: bytes) -> bytes:
        return b"%s:article:%d" % (what, self._articles.draw(self._rng) + 1)

    def _user(self) -> int:
        return self._users.draw(self._rng) + 1

    def _session(self, user: int) -> bytes:
        return _session_of(user)

    def _measurement(self) -> bytes:
        return _measured(self._articles.draw(self._rng) + 1)


def _session_of(user: int) -> bytes:
    # Session ids look random, but are the same for the same user.
    return b"session:%08x" % (user * 2_654_435_761 % 2**32)


def _measured(article: int) -> bytes:
    return b"analytics:seconds:article:%d" % article


def ycsb_core(core: Core) -> Callable[[int, int], Iterator[Operation]]:
    """Return a core workload of YCSB: the inserts of all keys, then operations without end. Its
    keys, ``user17``, match no pattern, so they are written through unless configured otherwise."""
    return lambda seed, keys: ycsb.operations(replace(core, records=keys, operations=None), seed)


def twitter_22(seed: int, keys: int) -> Iterator[Operation]:
    """Yield the mix of Twitter's cluster 22, counters: get 0.72, incr 0.18, set 0.10; keys of 54
    bytes, values of 4, Zipf alpha 0.7624. (Yang et al., OSDI 2020, the table of its clusters.)"""
    rng, ranks = random.Random(seed), Zipf(keys, 0.7624)
    while True:
        key = b"views:%048x" % ranks.draw(rng)
        draw = rng.random()
        if draw < 0.72:
            yield Operation(Verb.GET, key)
        elif draw < 0.90:
            yield Operation(Verb.INCR, key, 1)
        else:
            yield Operation(Verb.SET, key, b"%d" % rng.randint(1_000, 9_999))


def twitter_52(seed: int, keys: int) -> Iterator[Operation]:
    """Yield the mix of Twitter's cluster 52: get and gets 0.93, add and cas 0.06; keys of 20 bytes,
    values of 273, Zipf alpha 1.2117. (As ``twitter_22``.)"""
    rng, ranks = random.Random(seed), Zipf(keys, 1.2117)
    while True:
        key = b"session:%012x" % ranks.draw(rng)
        if rng.random() < 0.93 / 0.99:
            yield Operation(Verb.GET, key)
        else:
            yield Operation(Verb.SET, key, made_up(b"%016x" % rng.getrandbits(64), 273))


WORKLOADS: dict[str, tuple[Callable[[int, int], Iterator[Operation]], int]] = {
    "article": (article, ARTICLES),
    "ycsb-a": (ycsb_core(Core(read=0.5, update=0.5, distribution="zipfian")), YCSB_KEYS),
    "ycsb-b": (ycsb_core(Core(read=0.95, update=0.05, distribution="zipfian")), YCSB_KEYS),
    "ycsb-c": (ycsb_core(Core(read=1.0, update=0.0, distribution="zipfian")), YCSB_KEYS),
    "ycsb-d": (
        ycsb_core(Core(read=0.95, update=0.0, insert=0.05, distribution="latest")),
        YCSB_KEYS,
    ),
    "ycsb-e": (
        ycsb_core(
            Core(
                read=0.0,
                update=0.0,
                insert=0.05,
                scan=0.95,
                distribution="zipfian",
                longest_scan=100,
            )
        ),
        YCSB_KEYS,
    ),
    "ycsb-f": (
        ycsb_core(Core(read=0.5, update=0.0, modify=0.5, distribution="zipfian")),
        YCSB_KEYS,
    ),
    "twitter-22": (twitter_22, TWITTER_KEYS),
    "twitter-52": (twitter_52, TWITTER_KEYS),
}
"""The workloads by name, each with its default number of keys."""


def _pick(upto: Sequence[float], rng: random.Random) -> int:
    """Return a random index into the running totals ``upto``, weighted by its share."""
    # Without the upper bound, rounding could lead past the end, once in 2**53 draws.
    return bisect(upto, rng.random() * upto[-1], hi=len(upto) - 1)


@cache
def _sums(count: int, alpha: float) -> tuple[float, ...]:
    return tuple(itertools.accumulate((rank + 1) ** -alpha for rank in range(count)))
