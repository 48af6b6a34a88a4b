"""Tallies: counts of a client's operations and their outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(slots=True)
class Tally:
    """Counts of one client, which alone changes them; or the sum of several.

    ``gets`` to ``expiries`` (expires and persists) were served or acknowledged; unavailable reads
    count as gets too. ``absent`` reads found no value. ``skipped`` writes were refused because they
    cannot be applied to the key's value; ``shed`` operations were dropped because their client was
    still waiting for the database.
    ``unavailable_writes`` changed nothing; ``unknown_writes`` have an unknown outcome.
    """

    gets: int = 0
    sets: int = 0
    incrs: int = 0
    deletes: int = 0
    expiries: int = 0
    skipped: int = 0
    hits: int = 0
    overlay: int = 0
    database: int = 0
    absent: int = 0
    stale: int = 0
    unavailable_reads: int = 0
    unavailable_writes: int = 0
    unknown_writes: int = 0
    retries: int = 0
    shed: int = 0
    depth_max: int = 0

    @property
    def done(self) -> int:
        """The number of operations that ended, successful or not."""
        return (
            self.gets
            + self.sets
            + self.incrs
            + self.deletes
            + self.expiries
            + self.skipped
            + self.unavailable_writes
            + self.unknown_writes
        )

    @property
    def misses(self) -> int:
        """The number of reads that found nothing in the cache."""
        return self.overlay + self.database + self.unavailable_reads


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of ``tallies``; of ``depth_max`` the largest."""
    tallies = list(tallies)
    sums = {name: sum(getattr(tally, name) for tally in tallies) for name in _COUNTS}
    return Tally(**sums, depth_max=max((tally.depth_max for tally in tallies), default=0))


_COUNTS = tuple(field.name for field in fields(Tally) if field.name != "depth_max")
