"""The write-through path: database first, then Redis.

One transaction applies the key's pending events and then the new write, so an older event can
never overwrite a newer write (promise 3): after the commit the row's seq is above theirs, and the
worker finds them applied. The caller holds the key exclusively meanwhile. Callers that arrive
together share one commit.

If the database permanently refuses a commit (a constraint, a trigger), the calls in it are
committed one by one, so that only the call that causes the refusal fails. If its own write is
refused, the call fails with ``WriteRefused`` and the reason. If the pending events are refused
even without it, the write must wait for their decision (promise 7): to bury them here would skip
their attempts, and to leave them out would apply them after a newer write. So the call fails with
``Unavailable``, and the worker is asked to decide now; a second or two later the same call
succeeds. A ``set`` or ``delete`` supersedes pending events: only the final value is written, and
if the database accepts it, nothing is refused.

A dead letter is replayed on the same path, as a new write: the transaction that applies its event
also deletes it from the table of dead letters.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import (
    CounterOverflow,
    DatabaseBusy,
    DatabaseError,
    DatabaseRefused,
    DatabaseUncertain,
    NoDeadLetter,
    NotACounter,
    OutcomeUnknown,
    Unavailable,
    WriteRefused,
)
from cachedesk.core.events import ABSENT, Entry, WriteEvent, change, coalesce, has_effect
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import RecordTransaction, SystemOfRecord
from cachedesk.core.recorder import Recorder
from cachedesk.core.watermarks import Watermarks
from cachedesk.core.writes import Change, Level, Observer, Outcome, Receipt, WriteRequest
from cachedesk.engine.backlog.pending_events import PendingEvents
from cachedesk.engine.group_commit import GroupCommit
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.leased_cache import LeasedCache

_MOST_CALLERS = 256


class WriteThrough:
    """The write path for critical data. Thread-safe."""

    def __init__(
        self,
        *,
        database: SystemOfRecord,
        pending: PendingEvents,
        cache: LeasedCache,
        locks: KeyLocks,
        seqs: Iterator[int],
        watermarks: Watermarks,
        wake_worker: Callable[[], None],
        observer: Observer,
        recorder: Recorder,
        reach: Reach,
    ) -> None:
        """Prepare.

        Args:
            database: makes the writes durable.
            pending: the pending events; a write absorbs those of its key.
            cache: updated with each write.
            locks: the key locks; the keys of a call are held exclusively.
            seqs: the numbers of the writes.
            watermarks: keeps the seq of the newest write outside the database.
            wake_worker: wakes the flush worker, so that it decides blocked events at once.
            observer: called with the events that became part of their rows.
            recorder: records the writes.
            reach: reports that a failpoint is reached.
        """
        self._locks = locks
        self._pending = pending
        self._database = database
        self._cache = cache
        self._seqs = seqs
        self._observer = observer
        self._recorder = recorder
        self._watermarks = watermarks
        self._wake_worker = wake_worker
        self._reach = reach
        self._group: GroupCommit[WriteRequest] = GroupCommit(self._commit, _MOST_CALLERS)

    def write(self, changes: Sequence[Change], deadline: float) -> list[Receipt]:
        """Apply ``changes`` to the database, all or none, and then to the cache.

        Args:
            changes: the writes, in order.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Returns:
            One receipt per change, in order.

        Raises:
            Unavailable: the database could not be written by the deadline, or it refuses a pending
                event of a key; nothing was changed.
            OutcomeUnknown: the commit failed; it is unknown whether it took effect.
            NotACounter, CounterOverflow: an increment cannot be applied to the value; nothing was
                changed.
            WriteRefused: the database refuses the write, and would again; nothing was changed.
        """
        return self._submit(WriteRequest(changes, deadline))

    def write_each(self, requests: Sequence[Sequence[Change]], deadline: float) -> list[Outcome]:
        """Apply independent ``requests`` in order, each all or none; they share commits.

        Returns:
            What each came to, in order; an error is one that ``write`` raises.

        Raises:
            Unavailable: a key was held by another write until the deadline; nothing was changed.
        """
        waiting = [WriteRequest(changes, deadline) for changes in requests]
        keys = {change.key for changes in requests for change in changes}
        self._reach("through.fence.before")
        with self._locks.exclusive(keys, deadline):
            self._group.submit_all(waiting)
        return [request.outcome() for request in waiting]

    def replay(self, letter_seq: int, change: Change, deadline: float) -> Receipt:
        """Apply a dead letter as a new write and remove the letter, both or neither.

        Args:
            letter_seq: the seq of the letter.
            change: the write of the letter.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Returns:
            The receipt of the new write.

        Raises:
            NoDeadLetter: there is no such letter any more.
            All errors of ``write``; the letter then stays.
        """
        (receipt,) = self._submit(WriteRequest([change], deadline, letter_seq))
        return receipt

    def _submit(self, request: WriteRequest) -> list[Receipt]:
        self._reach("through.fence.before")
        with self._locks.exclusive({change.key for change in request.changes}, request.deadline):
            try:
                self._group.submit(request)
            except BaseException:
                self._recount(request)
                raise
        return request.receipts

    def _recount(self, request: WriteRequest) -> None:
        """Correct the event balance after a replay that was interrupted after its commit."""
        seq = request.letter_seq
        if seq is not None and request.letter_taken:
            with suppress(DatabaseError):
                # In a transaction, because only a transaction settles a failed commit.
                with self._database.transaction(request.deadline) as transaction:
                    taken = not transaction.dead_between(seq, seq)
                if taken:
                    self._pending.count_replayed()

    def _commit(self, group: list[WriteRequest]) -> None:
        now = time.monotonic()
        for request in group:
            if request.deadline <= now:
                request.fail(Unavailable("timed out waiting to write to the database"))
        group = [request for request in group if not request.decided]
        if not group:
            return
        keys = list({change.key for request in group for change in request.changes})
        try:
            self._apply(group, keys)
        except DatabaseBusy as error:
            now = time.monotonic()
            for request in group:
                # The other requests have time left: they stay undecided and return to the queue.
                if request.deadline <= now:
                    request.fail(Unavailable(f"write-through: {error}; nothing was changed"))
        except DatabaseRefused as error:
            self._one_by_one(group, error)
        except DatabaseUncertain as error:
            self._distrust(keys)
            raise OutcomeUnknown(f"write-through: {error}") from error
        except DatabaseError as error:
            raise Unavailable(f"write-through: {error}; nothing was changed") from error
        except BaseException:
            self._distrust(keys)
            self._pending.recount_applied()
            raise

    def _one_by_one(self, group: list[WriteRequest], error: DatabaseRefused) -> None:
        """Commit the requests of ``group`` one by one. Nothing of it was committed, because the
        database refused at least one of them."""
        if len(group) == 1:
            group[0].fail(self._error_of(group[0], error))
            return
        for request in group:
            try:
                self._commit([request])
            except (Unavailable, OutcomeUnknown) as its_own:
                request.fail(its_own)

    def _error_of(self, request: WriteRequest, refused: DatabaseRefused) -> Exception:
        """Return the error of a request that is refused in a commit of its own."""
        keys = list({change.key for change in request.changes})
        pending = self._pending.events_of(keys)
        try:
            rows = coalesce(self._database.read_many(keys), pending).rows
            self._database.rehearse(rows, request.deadline)
        except DatabaseRefused as error:
            self._pending.request_decision()
            self._wake_worker()
            return Unavailable(
                f"write-through: the database refuses an earlier write of the same key ({error});"
                " nothing was changed: try again in a second, when the worker has decided it"
            )
        except DatabaseError as error:
            return Unavailable(f"write-through: {error}; nothing was changed")
        return WriteRefused(
            f"the database refuses the write ({refused}); nothing was changed: write another"
            " value, or change the constraint or trigger"
        )

    def _distrust(self, keys: list[bytes]) -> None:
        """Make sure that no value from before a commit of unknown outcome is read or filled."""
        self._pending.forget_heads(keys)
        self._cache.distrust(keys, "a write-through was interrupted")

    def _apply(self, group: list[WriteRequest], keys: list[bytes]) -> None:
        refused: list[tuple[WriteRequest, Exception]] = []
        events: list[WriteEvent] = []
        replayed: list[WriteRequest] = []
        for request in group:
            # An earlier attempt may have added receipts before it was rolled back.
            request.receipts.clear()
        self._reach("through.begin.before")
        with self._database.transaction(min(request.deadline for request in group)) as transaction:
            # Not before the transaction: the worker might apply these events and then trim the
            # tombstone that shows that they are applied.
            pending = self._pending.events_of(keys)
            dead = _dead_among(pending, transaction)
            rows = transaction.rows(keys)
            absorbed = coalesce(rows, (event for event in pending if event.seq not in dead))
            rows |= (changed := dict(absorbed.rows))
            for request in group:
                try:
                    staged = self._stage(request, rows)
                    if request.letter_seq is not None:
                        _remove_letter(request.letter_seq, transaction)
                        request.letter_taken = True
                        replayed.append(request)
                except (NotACounter, CounterOverflow, NoDeadLetter) as error:
                    refused.append((request, error))
                    continue
                for event, entry, has_changed in staged:
                    receipt = Receipt(entry.seq, Level.APPLIED, entry.value, has_changed)
                    request.receipts.append(receipt)
                    if event is not None:
                        rows[event.key] = changed[event.key] = entry
                        events.append(event)
            self._reach("through.apply.mid")
            transaction.write(changed)
            transaction.bury(absorbed.refused)
            if events:
                transaction.note("newest_seq", events[-1].seq)
            _check_time(group)
            self._reach("through.commit.before")
        self._reach("through.commit.after")
        if events:
            self._watermarks.note_row(events[-1].seq)
        durable_at = wall_seconds()
        self._observer.applied(itertools.chain(absorbed.applied, events))
        self._recorder.applied(absorbed.applied)
        dead |= {event.seq for event, _ in absorbed.refused}
        self._pending.settle(pending, dead, len(events) - len(replayed))
        for request in replayed:
            request.letter_taken = False
            self._pending.count_replayed()
        self._reach("through.cache.before")
        missed = self._cache.update(changed)
        self._recorder.written_through(events, durable_at, missed)
        self._reach("through.cache.after")
        self._reach("through.receipt.before")
        for request, refusal in refused:
            request.fail(refusal)
        for request in group:
            if not request.decided:
                request.done()

    def _stage(
        self, request: WriteRequest, rows: Mapping[bytes, Entry]
    ) -> list[tuple[WriteEvent | None, Entry, bool]]:
        """Return the changes of ``request`` as events (``None``: its condition is not met), each
        with the row after it and whether it had an effect."""
        entries: dict[bytes, Entry] = {}
        staged: list[tuple[WriteEvent | None, Entry, bool]] = []
        at = wall_seconds()
        for op, key, arg, expires_at, only_if in request.changes:
            old = entries[key] if key in entries else rows.get(key, ABSENT)
            if only_if is not None and not only_if(old.as_of(at)):
                staged.append((None, old.as_of(at), False))
                continue
            # Before the seq is taken: a refused change must not use up a number.
            value, until = change(old, op, arg, at, expires_at)
            event = WriteEvent(next(self._seqs), op, key, arg, at, expires_at)
            entries[key] = Entry(value, event.seq, until)
            staged.append((event, entries[key], has_effect(old, op, arg, at, expires_at)))
        return staged


def _check_time(group: list[WriteRequest]) -> None:
    """Raise ``DatabaseBusy`` if the deadline of a caller has passed: the database is too slow, and
    nothing may be committed for that caller."""
    if any(request.deadline <= time.monotonic() for request in group):
        raise DatabaseBusy("the database is too slow")


def _dead_among(events: Sequence[WriteEvent], transaction: RecordTransaction) -> set[int]:
    """Return the seqs of the events that are dead letters and must not be applied. They are still
    pending because the worker crashed after it committed the letters, before it settled them."""
    if not events:
        return set()
    seqs = [event.seq for event in events]
    return transaction.dead_between(min(seqs), max(seqs))


def _remove_letter(seq: int, transaction: RecordTransaction) -> None:
    if not transaction.remove_letter(seq):
        raise NoDeadLetter(f"there is no dead letter {seq}")
