"""The plan of one history: everything that its seed decides before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from msgspec.structs import replace

from cachedesk.core.policy import Policy, as_policy
from cachedesk.core.settings import (
    DatabaseSettings,
    LogSettings,
    RedisSettings,
    Settings,
    WorkerSettings,
)
from tests.model.disk import REFUSED

KEYS = (b"views:1", b"order:1", b"likes:2", b"plain")

Call = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, by whom, and what will go wrong.

    ``calls``: per client, its calls in order. ``faults``: after how many more steps which one.
    ``deaths``: after how many steps of each life the process dies. ``reopen``: whether the stack
    is opened once more after it was closed in order.
    """

    settings: Settings
    calls: tuple[tuple[Call, ...], ...]
    faults: tuple[tuple[int, str], ...]
    deaths: tuple[int, ...]
    fine_rate: float
    refusing: bool
    calm: bool
    reopen: bool


def plan(seed: int) -> Plan:
    """Return the plan of ``seed``."""
    draw = Random(seed ^ 0x5EED)
    fine_rate = draw.choice((0.05, 0.2, 0.6)) if draw.random() < 0.3 else 0.0
    calm = draw.random() < 0.12
    refusing = not calm and draw.random() < 0.15
    clients = draw.choice((1, 2, 2, 3, 3, 4))
    length = draw.choice((2, 4, 7, 10))
    values = iter(sorted(REFUSED))
    maker = _Calls(draw, values if refusing else iter(()))
    calls = tuple(tuple(maker.call() for _ in range(length)) for _ in range(clients))
    # About how many steps the calls take, so that faults strike while they last.
    span = int(clients * length * (25 + 250 * fine_rate))
    faults = () if calm else _faults(draw, span)
    deaths = tuple(
        draw.randint(1, 150 + span) for _ in range(draw.choice((0, 0, 0, 1, 1, 2))) if not calm
    )
    settings, reopen = _settings(draw, calm), draw.random() < 0.2
    settings = _negative(draw, settings, seed)
    return Plan(settings, calls, faults, deaths, fine_rate, refusing, calm, reopen)


def _settings(draw: Random, calm: bool) -> Settings:
    log = LogSettings(
        limit_events=draw.choice((4, 8, 1_000_000, 1_000_000)),
        when_full=draw.choice(("block", "reject", "write-through")),
        block_seconds=draw.choice((0.02, 2.0)),
    )
    worker = WorkerSettings(
        batch_events=draw.choice((1, 2, 5, 100)),
        batch_age_seconds=draw.choice((0.0, 0.001, 0.02, 0.25)),
        retry_seconds=draw.choice((0.001, 0.05)),
        retry_max_seconds=0.2,
        max_attempts=draw.choice((1, 2, 3)),
    )
    redis = RedisSettings(restart=draw.choice(("empty", "empty", "warm")))
    database = DatabaseSettings(write_seconds=2.0 if calm else draw.choice((0.02, 0.5, 2.0)))
    return Settings(redis=redis, log=log, worker=worker, database=database)


def _negative(draw: Random, settings: Settings, seed: int) -> Settings:
    """Let absent keys be cached as absent, in a fifth of all histories: in those of seeds that no
    known seed is among, which would otherwise mean other histories."""
    if not 250 <= seed % 1_000 < 440:
        return settings
    seconds = draw.choice((0.01, 0.5, 900.0))
    policies = {
        pattern: Policy(as_policy(policy).path, negative_ttl=seconds)
        for pattern, policy in {**settings.policies, "*": "write-through"}.items()
    }
    return replace(settings, policies=policies)


_ALIKE = ("delete", "expire", "persist")
_LIVES = ((0.001, 0.01), (0.01, 0.2, 3.0), (0.002, 900.0))

_FAULTS = tuple(
    str.split("""
    redis.kill redis.kill redis.hang redis.hang redis.old redis.old redis.evict redis.full
    redis.flush redis.reply.lost redis.down redis.restart_old
    worker.crash worker.crash worker.crash supervisor.crash
    database.lock database.unreadable database.full database.commit database.commit
    log.put log.put log.get log.trim
    time.jump time.jump interrupt interrupt
    """)
)


def _faults(draw: Random, span: int) -> tuple[tuple[int, str], ...]:
    count = draw.choice((0, 1, 2, 3, 5, 8))
    # Some histories have one favourite fault, so that it strikes itself.
    favourite = draw.choice(_FAULTS)
    names = [favourite if draw.random() < 0.35 else draw.choice(_FAULTS) for _ in range(count)]
    return tuple((draw.randint(0, 1 + 2 * span // (count + 1)), name) for name in names)


class _Calls:
    """Makes calls. Values are never used twice, and no amounts come to the same sum, so that it
    can be told from a value which writes are part of it."""

    def __init__(self, draw: Random, refused: object) -> None:
        self._draw = draw
        self._refused = refused
        self._number = 0
        self._keys = draw.sample(KEYS, draw.choice((1, 1, 2, 3)))
        self._lives = draw.choice(_LIVES) if draw.random() < 0.4 else ()

    def call(self) -> Call:
        """Return the next call."""
        draw = self._draw
        policy = draw.choice((None, None, "write-through", "write-behind"))
        kind = draw.random()
        if kind < 0.32:
            return ("read", self._key())
        if kind < 0.38:
            return ("get_many", *draw.choices(self._keys, k=draw.randint(1, 4)))
        if kind < 0.42:
            return ("items",)
        if kind < 0.47:
            return ("evict", draw.choice(("*", "views:*")))
        if kind < 0.49:
            return ("drain",)
        if kind < 0.52:
            return ("letter", draw.choice(("replay", "drop")))
        if kind < 0.60:
            return ("write_many", policy, *self._changes(draw.randint(2, 4)))
        return ("write_many", policy, self._change())

    def _changes(self, count: int) -> list[Call]:
        """Return changes of one call. The last change of a key is never one that could not be
        distinguished from that of another call."""
        changes: list[Call] = []
        last: set[object] = set()
        for _ in range(count):
            change = self._change()
            while change[0] in _ALIKE and change[1] not in last:
                change = self._change()
            last.add(change[1])
            changes.insert(0, change)
        return changes

    def _change(self) -> Call:
        draw = self._draw
        self._number += 1
        if self._lives and draw.random() < 0.4:
            return self._expiry(draw.random())
        kind = draw.random()
        if kind < 0.45:
            return ("incr", self._key(), draw.getrandbits(40) * 1000 + self._number)
        if kind < 0.85:
            return ("set", self._key(), self._value())
        return ("delete", self._key())

    def _expiry(self, kind: float) -> Call:
        if kind < 0.3:
            return ("expire", self._key(), self._ttl())
        if kind < 0.4:
            return ("persist", self._key())
        return ("set", self._key(), self._value(), self._ttl())

    def _ttl(self) -> float:
        return self._draw.choice(self._lives) + self._number * 1e-6

    def _value(self) -> bytes:
        draw = self._draw
        if draw.random() < 0.3 and (value := next(self._refused, None)):  # type: ignore[call-overload]
            return value  # type: ignore[no-any-return]
        if draw.random() < 0.06:
            return b"text %d" % self._number
        return b"%d" % self._number

    def _key(self) -> bytes:
        return self._draw.choice(self._keys)
