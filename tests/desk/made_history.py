"""The history of a made scene, from which its other figures follow.

A scene says what happened in each half second; the queue, its age, the totals, the books, the hit
rates by prefix and the counts of what was measured are computed from that. So they cannot
contradict each other, and an earlier moment of a scene is what the desk showed then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from cachedesk.core.snapshot import (
    Books,
    Latencies,
    Percentiles,
    PrefixRate,
    Reads,
    Snapshot,
    Tick,
    WorkerState,
    Writes,
)

NOW = 1_754_049_600.0 + 3.5 * 3600  # 2025-08-01 15:30:00 UTC
TICK = 0.5
MEASURED_TICKS = 14
"""How many ticks the distributions of latencies and lag go back."""
PREFIX_TICKS = 20
"""How many ticks the hit rates by prefix go back."""


@dataclass(frozen=True, slots=True)
class Half:
    """What happened in half a second. ``flushed``: the events that the worker applied, in ``rows``
    row writes; ``unread`` and ``unwritten``: the reads and writes that were unavailable; ``lost``:
    the acknowledged writes that went with Redis."""

    hits: int = 774
    overlay: int = 6
    database: int = 30
    unread: int = 0
    through: int = 30
    behind: int = 160
    unwritten: int = 0
    flushed: int = 160
    rows: int = 84
    stale: int = 0
    lost: int = 0


def played(
    seconds: float, half: Callable[[float, int], Half], *, depth: int, logged: bool = True
) -> tuple[Tick, ...]:
    """Return the ticks of the last ``seconds``.

    Args:
        half: called with the age of the end of each half second and the queue before it.
        depth: the queue before the first of them.
        logged: whether the log is on; the age of what waits is known only then.
    """
    ticks: list[Tick] = []
    for index in reversed(range(round(seconds / TICK))):
        what = half(TICK * index, depth)
        depth += what.behind - what.flushed - what.lost
        tick = Tick(
            at=NOW - TICK * index,
            hits=what.hits,
            misses=what.overlay + what.database + what.unread,
            writes=what.through + what.behind,
            applied=what.through + what.flushed,
            depth=depth,
            stale=what.stale,
            unavailable=what.unread + what.unwritten,
            overlay=what.overlay,
            database=what.database,
            through=what.through,
            behind=what.behind,
            rows=what.rows if what.flushed else 0,
        )
        ticks.append(tick)
        ticks[-1] = replace(tick, lag_seconds=waited(ticks) if logged else 0.0)
    return tuple(ticks)


def waited(ticks: Sequence[Tick]) -> float:
    """Return the age of the oldest event in the queue, which is left in the order of arrival."""
    left, age = ticks[-1].depth, 0.0
    for tick in reversed(ticks):
        if left <= tick.behind:
            return age + (TICK * left / tick.behind if left else 0.0)
        left, age = left - tick.behind, age + TICK
    usual = ticks[0].behind or Half().behind
    return age + TICK * left / usual


@dataclass(frozen=True, slots=True)
class _Sums:
    """What happened in some ticks."""

    reads: Reads
    writes: Writes
    accepted: int
    applied: int
    flushed: int
    rows: int

    @classmethod
    def of(cls, ticks: Iterable[Tick], sign: int = 1) -> _Sums:
        found = tuple(ticks)

        def total(count: Callable[[Tick], int]) -> int:
            return sign * sum(map(count, found))

        unread = total(lambda it: it.misses - it.overlay - it.database)
        return cls(
            Reads(
                hits=total(lambda it: it.hits),
                misses=total(lambda it: it.misses),
                overlay=total(lambda it: it.overlay),
                database=total(lambda it: it.database),
                stale=total(lambda it: it.stale),
                unavailable=unread,
                loads=total(lambda it: it.overlay + it.database),
            ),
            Writes(
                through=total(lambda it: it.through),
                behind=total(lambda it: it.behind),
                unavailable=total(lambda it: it.unavailable) - unread,
            ),
            accepted=total(lambda it: it.writes),
            applied=total(lambda it: it.applied),
            flushed=total(lambda it: it.applied - it.through),
            rows=total(lambda it: it.rows),
        )


T = TypeVar("T", Reads, Writes)


def _sum(one: T, other: T) -> T:
    names = type(one).__dataclass_fields__
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in names})


def with_history(
    scene: Snapshot, ticks: Sequence[Tick], *, begun: Snapshot, logged: bool = True
) -> Snapshot:
    """Return ``scene`` after these ticks: all that follows from them is computed anew.

    Args:
        begun: the totals before the first tick.
        logged: whether the worker applies what it takes from the log, and is counted.
    """
    sums, last = _Sums.of(ticks), ticks[-1]
    books = Books(
        begun.books.accepted + sums.accepted, begun.books.applied + sums.applied, last.depth
    )
    worker = scene.worker
    if logged:
        worker = replace(
            worker,
            batches=begun.worker.batches + _batches(ticks),
            events=begun.worker.events + sums.flushed,
            rows=begun.worker.rows + sums.rows,
        )
    return replace(
        scene,
        ticks=tuple(ticks),
        reads=_sum(begun.reads, sums.reads),
        writes=_sum(begun.writes, sums.writes),
        books=books,
        worker=worker,
        log=replace(
            scene.log,
            depth=last.depth,
            oldest_seconds=last.lag_seconds,
            in_flight=min(scene.log.in_flight, last.depth),
        ),
        latencies=_measured(scene.latencies, ticks[-MEASURED_TICKS:]),
        lag=_counted(scene.lag, _Sums.of(ticks[-MEASURED_TICKS:]).flushed),
        prefixes=_by_prefix(ticks[-PREFIX_TICKS:]),
    )


def as_of(scene: Snapshot, age: float) -> Snapshot:
    """Return what the desk showed of ``scene`` ``age`` seconds before it.

    Whether a part was up is as in ``scene``: give one that had the same faults.
    """
    at = scene.at - age
    ticks = tuple(tick for tick in scene.ticks if tick.at <= at)
    back = _Sums.of((tick for tick in scene.ticks if tick.at > at), -1)
    last, worker = ticks[-1], scene.worker
    if scene.safeguards.log:
        worker = replace(worker, events=worker.events + back.flushed, rows=worker.rows + back.rows)
    books = Books(
        scene.books.accepted + back.accepted, scene.books.applied + back.applied, last.depth
    )
    return replace(
        scene,
        at=at,
        uptime_seconds=scene.uptime_seconds - age,
        ticks=ticks,
        events=tuple(event for event in scene.events if event.at <= at),
        marks=tuple(
            mark if mark.end_at is None or mark.end_at <= at else replace(mark, end_at=None)
            for mark in scene.marks
            if mark.start_at <= at
        ),
        catalogue=tuple(
            replace(fault, since_at=None) if (fault.since_at or 0.0) > at else fault
            for fault in scene.catalogue
        ),
        reads=_sum(scene.reads, back.reads),
        writes=_sum(scene.writes, back.writes),
        books=books,
        unaccounted=() if books.balanced else scene.unaccounted,
        worker=worker,
        log=replace(
            scene.log,
            depth=last.depth,
            oldest_seconds=last.lag_seconds,
            in_flight=min(scene.log.in_flight, last.depth),
        ),
        prefixes=_by_prefix(ticks[-PREFIX_TICKS:]),
    )


def moved(scene: Snapshot, seconds: float) -> Snapshot:
    """Return the same scene so many seconds later by the clock."""
    return replace(
        scene,
        at=scene.at + seconds,
        ticks=tuple(replace(tick, at=tick.at + seconds) for tick in scene.ticks),
        events=tuple(replace(event, at=event.at + seconds) for event in scene.events),
        marks=tuple(
            replace(
                mark,
                start_at=mark.start_at + seconds,
                end_at=None if mark.end_at is None else mark.end_at + seconds,
            )
            for mark in scene.marks
        ),
        catalogue=tuple(
            fault if fault.since_at is None else replace(fault, since_at=fault.since_at + seconds)
            for fault in scene.catalogue
        ),
    )


def after(seconds: float, depth: int, half: Half = Half()) -> Snapshot:
    """Return the totals of a stack after so many such seconds that left this queue."""
    sums = _Sums.of(ticks := played(seconds, lambda *_: half, depth=depth))
    books = Books(sums.accepted, sums.applied - depth, depth)
    worker = WorkerState(batches=_batches(ticks), events=sums.flushed - depth, rows=sums.rows)
    return Snapshot(at=NOW, reads=sums.reads, writes=sums.writes, books=books, worker=worker)


def _batches(ticks: Iterable[Tick]) -> int:
    """Return how many batches were flushed: one each quarter of a second."""
    return sum(2 for tick in ticks if tick.rows)


def _counted(measured: Percentiles, count: int) -> Percentiles:
    return replace(measured, count=count) if count else Percentiles()


def _measured(usual: Latencies, ticks: Sequence[Tick]) -> Latencies:
    """Return these distributions with the counts of ``ticks``; what was not called has none."""
    sums = _Sums.of(ticks)
    return Latencies(
        hit=_counted(usual.hit, sums.reads.hits),
        overlay=_counted(usual.overlay, sums.reads.overlay),
        database=_counted(usual.database, sums.reads.database),
        write_through=_counted(usual.write_through, sums.writes.through),
        write_behind=_counted(usual.write_behind, sums.writes.behind),
        flush=_counted(usual.flush, _batches(ticks)),
    )


_SHARES = ((b"views:", 57, 29), (b"article:", 31, 43), (b"session:", 7, 13), (b"likes:", 4, 6))
"""Of a hundred hits and misses, how many are of keys with each prefix; the rest are orders."""


def _by_prefix(ticks: Sequence[Tick]) -> tuple[PrefixRate, ...]:
    hits = left_hits = sum(tick.hits for tick in ticks)
    misses = left_misses = sum(tick.misses for tick in ticks)
    rates = []
    for prefix, of_hits, of_misses in _SHARES:
        rates.append(PrefixRate(prefix, hits * of_hits // 100, misses * of_misses // 100))
        left_hits -= rates[-1].hits
        left_misses -= rates[-1].misses
    if not left_hits + left_misses:
        return ()
    rates.append(PrefixRate(b"order:", left_hits, left_misses))
    return tuple(sorted(rates, key=lambda rate: -(rate.hits + rate.misses)))
