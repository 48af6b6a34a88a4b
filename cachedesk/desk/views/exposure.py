"""Exposure: where the newest writes are now, and what a crash at this moment would lose.

Everything is computed from the event balance. While the write-behind log is on, every pending
event is in it; while it is off, every pending event is in Redis only (it is switched only when
nothing is pending). What is missing from the balance is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cachedesk.core.snapshot import Health, Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.views.formats import number

WINDOW_SECONDS = 60.0
FILES_GONE = "file gone"
"""The word of a log whose files were removed or replaced."""


class Location(StrEnum):
    """Where a write is; the value is its label."""

    DATABASE = "database"
    LOG = "log"
    REDIS = "Redis only"
    GONE = "gone"


GLYPHS = {Location.DATABASE: "█", Location.LOG: "▒", Location.REDIS: "░", Location.GONE: "✗"}
"""The glyph of each location: a bar is readable without colours."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Where acknowledged writes are: those that reached the database in the last minute, and all
    that have not reached it.

    ``gone`` counts since the stack was opened, because a lost write never comes back. ``volatile``
    is the number that the death of this process would lose although they are in the log, because
    the files of the log were removed. ``redis_down``: Redis cannot die any more than it has.
    """

    database: int = 0
    log: int = 0
    redis: int = 0
    gone: int = 0
    volatile: int = 0
    redis_down: bool = False

    @property
    def counts(self) -> dict[Location, int]:
        """The number of writes at each location."""
        return {
            Location.DATABASE: self.database,
            Location.LOG: self.log,
            Location.REDIS: self.redis,
            Location.GONE: self.gone,
        }


def exposure(snapshot: Snapshot) -> Exposure:
    """Return the exposure of a stack at the moment of ``snapshot``."""
    books, logged = snapshot.books, snapshot.safeguards.log
    gone = max(0, books.accepted - books.applied - books.pending - books.dead)
    since = snapshot.at - WINDOW_SECONDS
    # Not the accepted writes less the pending ones: those are counted at another moment.
    applied = sum(tick.applied for tick in snapshot.ticks if tick.at > since)
    files_gone = snapshot.log.health is Health.DOWN and snapshot.log.word == FILES_GONE
    return Exposure(
        database=applied,
        log=books.pending if logged else 0,
        redis=0 if logged else books.pending,
        gone=gone,
        volatile=books.pending if logged and files_gone else 0,
        redis_down=snapshot.redis.health is Health.DOWN,
    )


def at_stake(seen: Exposure) -> str:
    """Return a sentence that says what a crash at this moment would lose."""
    if seen.redis and seen.redis_down:
        verb = "was" if seen.redis == 1 else "were"
        return f"{count_of(seen.redis, 'fast write')} {verb} in Redis only, and Redis is down"
    if seen.redis:
        writes = count_of(seen.redis, "fast write")
        return f"if Redis, this process or the power died now: {writes} lost, 0 payments"
    if seen.volatile:
        writes = count_of(seen.volatile, "fast write")
        return f"if this process died now: {writes} lost, the files of the log are gone"
    kept = f" ({number(seen.log)} in the log)" if seen.log else ""
    what = "this process" if seen.redis_down else "Redis, this process"
    return f"if {what} or the power died now: 0 lost{kept}"


def at_stake_in_short(seen: Exposure) -> str:
    """Return the same in fewer words, but with everything that could die."""
    if seen.volatile or seen.redis_down:
        return at_stake_briefly(seen)
    lost = seen.redis
    kept = f" ({number(seen.log)} in the log)" if seen.log else ""
    return f"if Redis, process or power died now: {number(lost)} lost{kept}"


def at_stake_briefly(seen: Exposure) -> str:
    """Return the same for a narrow screen."""
    lost = seen.redis or seen.volatile
    kept = f" ({number(seen.log)} in the log)" if seen.log and not lost else ""
    if seen.redis and seen.redis_down:
        return f"{number(seen.redis)} in Redis only, which is down"
    what = "this process" if seen.volatile or seen.redis_down else "Redis"
    return f"if {what} died now: {number(lost)} lost{kept}"


def at_the_end(seen: Exposure) -> str:
    """Return a sentence that says where the writes of a stack were that has ended."""
    if seen.redis:
        return f"ended with {count_of(seen.redis, 'fast write')} in Redis only"
    if seen.log:
        return f"ended with {count_of(seen.log, 'write')} in the log"
    return "ended with every write in the database"


def gone_words(seen: Exposure) -> str:
    """Return how many acknowledged writes are gone; empty if none is."""
    if not seen.gone:
        return ""
    return f"{count_of(seen.gone, 'acknowledged write')} gone"


def cells_of(seen: Exposure, width: int) -> dict[Location, int]:
    """Divide ``width`` cells among the locations in proportion; every location that has a write
    gets at least one cell, and with no write at all no cell is used."""
    counts = {place: count for place, count in seen.counts.items() if count}
    total = sum(counts.values())
    if not total or width < len(counts):
        return {}
    cells = {place: max(1, width * count // total) for place, count in counts.items()}
    largest = max(counts, key=lambda place: counts[place])
    cells[largest] += width - sum(cells.values())
    return cells


def bar_text(seen: Exposure, width: int) -> list[tuple[Location, str]]:
    """Return the bar as runs of cells, each labelled if the label fits into it."""
    runs = []
    for place, cells in cells_of(seen, width).items():
        label = f" {place} {number(seen.counts[place])} "
        glyph = GLYPHS[place]
        fits = len(label) + 2 <= cells
        runs.append((place, (glyph + label).ljust(cells, glyph) if fits else glyph * cells))
    return runs
