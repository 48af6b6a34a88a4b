"""The contracts find what is planted: an implementation that breaks a sentence fails."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachedesk.core.errors import (
    CachedeskError,
    CacheError,
    DatabaseError,
    DatabaseRefused,
    OutcomeUnknown,
    Unavailable,
)
from cachedesk.core.events import Entry, WriteEvent
from cachedesk.stores.memory.cache import InMemoryCache
from cachedesk.stores.memory.database import InMemoryDatabase
from cachedesk.stores.memory.log import InMemoryLog
from cachedesk.stores.memory.transaction import Transaction

from . import cache, database, log
from .cases import Case, InMemoryCacheCase, InMemoryDatabaseCase, InMemoryLogCase


class MissesWhenDown(InMemoryCache):
    """An error is answered as a miss."""

    def get(self, key: bytes) -> bytes | None:
        try:
            return super().get(key)
        except CacheError:
            return None


class KeepsWhatItHeld(InMemoryCache):
    """It comes back with what it held before it was away."""

    def _reset(self, reason: str) -> None:
        entries = self._entries
        super()._reset(reason)
        self._entries = entries


class NeverExpires(InMemoryCache):
    """An expiry is ignored."""

    def put(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        return super().put({key: Entry(entry.value, entry.seq) for key, entry in entries.items()})


class TrustsTheDistrusted(InMemoryCache):
    """What is distrusted can still be read."""

    def distrust(self, keys: Collection[bytes], reason: str) -> None:
        with self._lock:
            self._renew()


class SaysThatItTookAll(InMemoryCache):
    """A put that had no effect is reported as accepted."""

    def put(self, entries: Mapping[bytes, Entry]) -> Collection[bytes]:
        super().put(entries)
        return ()


class AcksPartsOfRecords(InMemoryLog):
    """It says that it forgets events of which later ones share a record."""

    def ackable(self, through_seq: int) -> int:
        first = min((record.events[0].seq for record in self._records), default=0)
        return through_seq if through_seq >= first > 0 else 0


class GoesOnBehindAFailedCommit(InMemoryLog):
    """It takes events before it is known what came of the commit that failed."""

    def append(self, events: Sequence[WriteEvent]) -> None:
        self._failure = ""
        super().append(events)


class ForgetsStrays(InMemoryLog):
    """What a failed commit has left is not found."""

    def stray_records(self, after_seq: int) -> list[list[WriteEvent]]:
        return []


class TakesAPart(InMemoryLog):
    """Of a record that does not fit, it takes what does."""

    def append(self, events: Sequence[WriteEvent]) -> None:
        try:
            super().append(events)
        except OutcomeUnknown:
            raise
        except Unavailable:
            if self.full:
                self.full = False
                super().append(events[:1])
                self.full = True
            raise


class OverlooksLosses(InMemoryLog):
    """A log that was emptied is opened as an empty one."""

    def recover(self, applied_through: int) -> list[tuple[list[WriteEvent], float]]:
        self.watermarks.log_seq = 0
        return super().recover(applied_through)


class CommitsWhatFailed(InMemoryDatabase):
    """A block that fails is committed up to there."""

    @contextmanager
    def transaction(self, deadline: float) -> Iterator[Transaction]:
        with self._writing:
            self._check()
            transaction = Transaction(self._contents, self._refusal, undoing=self.undoing)
            try:
                yield transaction
            finally:
                self._commit(transaction)


class RefusesForGood(InMemoryDatabase):
    """A transient error (an unavailable database) is reported as an error of the data."""

    def _check(self) -> None:
        try:
            super()._check()
        except DatabaseError as error:
            raise DatabaseRefused(str(error)) from error


class KeepsARehearsal(InMemoryDatabase):
    """A rehearsal is committed."""

    @contextmanager
    def rehearsal(self, deadline: float) -> Iterator[Transaction]:
        with self.transaction(deadline) as transaction:
            yield transaction


class GuessesTheOutcome(InMemoryDatabase):
    """A commit of unknown outcome is reported as having changed nothing."""

    def _commit(self, transaction: Transaction) -> None:
        try:
            super()._commit(transaction)
        except DatabaseError as error:
            raise DatabaseError(str(error)) from error


class _Falling(Transaction):
    def note(self, name: str, number: int) -> None:
        self._changes.numbers[name] = number


class LetsNumbersFall(InMemoryDatabase):
    """A number that is noted replaces a higher one."""

    @contextmanager
    def transaction(self, deadline: float) -> Iterator[Transaction]:
        with super().transaction(deadline) as transaction:
            transaction.__class__ = _Falling
            yield transaction


class ForgetsDeadlines(InMemoryDatabase):
    """A row is read without its deadline."""

    def read(self, key: bytes) -> Entry:
        return super().read(key)._replace(expires_at=None)


class ListsWhatExpiresByKey(InMemoryDatabase):
    """What expires is in no order of time."""

    def expiring(self, most: int, after: float = 0.0) -> list[tuple[bytes, float]]:
        return sorted(super().expiring(1_000, after))[:most]


class ScansAsItGoes(InMemoryDatabase):
    """A scan sees what is written meanwhile."""

    def scan(self) -> Iterator[tuple[bytes, Entry]]:
        after = b""
        while keys := self.keys_after(after, 1):
            after = keys[0]
            yield after, self.read(after)


BROKEN: tuple[tuple[type, type[Case], Callable[..., None]], ...] = (
    (MissesWhenDown, InMemoryCacheCase, cache.an_error_is_not_a_miss),
    (NeverExpires, InMemoryCacheCase, cache.an_entry_is_read_until_it_expires),
    (KeepsWhatItHeld, InMemoryCacheCase, cache.what_was_written_while_it_was_away_is_not_read_old),
    (KeepsWhatItHeld, InMemoryCacheCase, cache.a_put_that_cannot_be_confirmed_leaves_nothing_old),
    (TrustsTheDistrusted, InMemoryCacheCase, cache.what_is_distrusted_is_not_read_again),
    (SaysThatItTookAll, InMemoryCacheCase, cache.nothing_is_trusted_before_it_is_started),
    (AcksPartsOfRecords, InMemoryLogCase, log.records_are_acked_as_a_whole),
    (GoesOnBehindAFailedCommit, InMemoryLogCase, log.a_failed_commit_stops_it_until_it_is_mended),
    (ForgetsStrays, InMemoryLogCase, log.what_a_failed_commit_has_left_is_found),
    (TakesAPart, InMemoryLogCase, log.a_full_disk_takes_nothing_and_says_so),
    (OverlooksLosses, InMemoryLogCase, log.lost_events_are_not_overlooked),
    (CommitsWhatFailed, InMemoryDatabaseCase, database.a_block_that_fails_changes_nothing),
    (RefusesForGood, InMemoryDatabaseCase, database.what_is_away_gives_no_answer),
    (KeepsARehearsal, InMemoryDatabaseCase, database.a_rehearsal_takes_everything_back),
    (
        GuessesTheOutcome,
        InMemoryDatabaseCase,
        database.a_commit_of_unknown_outcome_is_said_to_be_so,
    ),
    (LetsNumbersFall, InMemoryDatabaseCase, database.numbers_only_grow),
    (ForgetsDeadlines, InMemoryDatabaseCase, database.what_expires_is_listed_the_earliest_first),
    (
        ListsWhatExpiresByKey,
        InMemoryDatabaseCase,
        database.what_expires_is_listed_the_earliest_first,
    ),
    (ScansAsItGoes, InMemoryDatabaseCase, database.a_scan_is_of_one_instant_and_sorted),
)


@pytest.mark.parametrize(
    ("broken", "case", "check"), [pytest.param(*it, id=it[0].__name__) for it in BROKEN]
)
def test_a_broken_implementation_is_found(
    broken: type,
    case: type[Case],
    check: Callable[[Case], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind in (InMemoryCache, InMemoryLog, InMemoryDatabase):
        if issubclass(broken, kind):
            monkeypatch.setattr(f"{case.__module__}.{kind.__name__}", broken)
    opened = case(tmp_path, monkeypatch)
    with pytest.raises((AssertionError, CachedeskError, pytest.fail.Exception)):
        check(opened)
    opened.close()
