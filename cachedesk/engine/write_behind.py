"""The write-behind path: log first, then Redis; the worker flushes the events to the database.

An event is durable in the log before Redis changes, so a reader never sees a value that could be
lost. Callers that arrive together share one append and one round trip to Redis. Redis is given the
new value of the key, never an increment, so it is right even if the key was evicted or the outcome
of the last command is unknown.

The log is bounded (promise 6). The one caller that commits checks how much waits in it, in events
and in bytes of memory, before it stages a request, so concurrent callers cannot exceed the limit
together. A request beyond the limit waits, is refused, or is written through, as configured. All
events that were not acked count, not only the pending ones, because all of them are on the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CounterOverflow, DatabaseError, LogFull, NotACounter, Unavailable
from cachedesk.core.events import ABSENT, ABSOLUTE, Entry, WriteEvent, change, has_effect
from cachedesk.core.failpoints import Reach
from cachedesk.core.ports import EventLog
from cachedesk.core.recorder import Recorder
from cachedesk.core.settings import LogSettings
from cachedesk.core.writes import Change, Level, Outcome, Receipt, WriteRequest
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.group_commit import GroupCommit
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.leased_cache import LeasedCache
from cachedesk.engine.read_path import ReadPath

_MOST_CALLERS = 512
# How often a waiting call checks whether its caller was interrupted.
_ABANDONED_POLL_SECONDS = 0.05
_AFTER_WAIT_SECONDS = 0.5

# One append is one record, and records are read whole. A larger request is split, so that a batch
# does not exceed its size by much.
_MOST_EVENTS_PER_RECORD = 1_000
_MOST_BYTES_PER_RECORD = 8 * 1024 * 1024


class _BehindRequest(WriteRequest):
    """A request with the base values of its increments.

    ``bases``: the value of each key that the caller has read, with the version of the key before
    the read. ``size``: the bytes of all keys and values. ``after``: a request of the same caller:
    if there was no room for it, there is none for this one, which would overtake it.
    """

    __slots__ = ("after", "bases", "size")

    def __init__(
        self,
        changes: Sequence[Change],
        deadline: float,
        bases: dict[bytes, tuple[int, Entry]],
        after: _BehindRequest | None = None,
    ) -> None:
        super().__init__(changes, deadline)
        self.after = after
        self.bases = bases
        self.size = sum(_size(change) for change in changes)


class WriteBehind:
    """The write path for fast data. Thread-safe."""

    def __init__(
        self,
        *,
        reader: ReadPath,
        log: EventLog,
        backlog: Backlog,
        cache: LeasedCache,
        locks: KeyLocks,
        seqs: Iterator[int],
        settings: LogSettings,
        recorder: Recorder,
        reach: Reach,
        is_abandoned: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare.

        Args:
            reader: reads the base values of increments.
            log: makes the events durable.
            backlog: the index of the events in the log, and its limits.
            cache: updated with each write.
            locks: the key locks; the keys of a call are held shared, which excludes the
                write-through path.
            seqs: the numbers of the writes.
            settings: the limits of the log, and the behavior at the limits.
            recorder: records the writes.
            reach: reports that a failpoint is reached.
            is_abandoned: returns whether the caller of the current call was interrupted.
        """
        self._reader = reader
        self._is_abandoned = is_abandoned
        self._locks = locks
        self._log = log
        self._pending = backlog.pending
        self._cache = cache
        self._seqs = seqs
        self._recorder = recorder
        self._settings = settings
        self._backlog = backlog
        self._reach = reach
        self._group: GroupCommit[_BehindRequest] = GroupCommit(self._commit, _MOST_CALLERS)

    def parts(self, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
        """Split ``changes`` into parts for ``write``: each fits into one record and into an empty
        log."""
        most = min(_MOST_EVENTS_PER_RECORD, self._settings.limit_events)
        part: list[Change] = []
        size = 0
        for each in changes:
            if part and (len(part) == most or size + _size(each) > _MOST_BYTES_PER_RECORD):
                yield part
                part, size = [], 0
            part.append(each)
            size += _size(each)
        if part:
            yield part

    def write(self, changes: Sequence[Change], deadline: float) -> list[Receipt]:
        """Make ``changes`` durable in the log, all or none, and then update the cache.

        Args:
            changes: one of the ``parts``, in order.
            deadline: ``time.monotonic()`` seconds after which to give up; a wait for room may
                extend it.

        Returns:
            One receipt per change, in order.

        Raises:
            LogFull: there is no room; with ``when_full="block"``, not within ``block_seconds``.
            Unavailable: the log could not be written; nothing was changed.
            OutcomeUnknown: the commit failed; it is unknown whether it took effect.
            NotACounter, CounterOverflow: an increment cannot be applied to the value; nothing was
                changed.
        """
        settings = self._settings
        give_up = time.monotonic()
        if settings.when_full == "block":
            give_up += settings.block_seconds
        while True:
            try:
                with self._locks.shared({change.key for change in changes}, deadline):
                    request = _BehindRequest(changes, deadline, self._bases(changes))
                    self._group.submit(request)
            except LogFull:
                if time.monotonic() >= give_up or self._is_abandoned():
                    raise
                self._wait_for_room(len(changes), give_up)
                deadline = max(deadline, time.monotonic() + _AFTER_WAIT_SECONDS)
            else:
                return request.receipts

    def write_each(self, requests: Sequence[Sequence[Change]], deadline: float) -> list[Outcome]:
        """Make independent ``requests`` durable in order, each all or none; they share commits.

        Args:
            requests: each is one of the ``parts``.
            deadline: as for ``write``.

        Returns:
            What each came to, in order; an error is one that ``write`` raises. A request without
            room is not overtaken by a later one: from it on, there was no room for any.

        Raises:
            Unavailable: a key was held by another write until the deadline; nothing was changed.
        """
        settings = self._settings
        give_up = time.monotonic()
        if settings.when_full == "block":
            give_up += settings.block_seconds
        outcomes: list[Outcome] = []
        while True:
            left = requests[len(outcomes) :]
            with self._locks.shared({it.key for each in left for it in each}, deadline):
                outcomes += self._submit_each(left, deadline)
            places = (at for at, it in enumerate(outcomes) if isinstance(it, LogFull))
            first = next(places, len(outcomes))
            if first == len(outcomes) or time.monotonic() >= give_up or self._is_abandoned():
                return outcomes
            del outcomes[first:]
            self._wait_for_room(len(requests[first]), give_up)
            deadline = max(deadline, time.monotonic() + _AFTER_WAIT_SECONDS)

    def _submit_each(self, requests: Sequence[Sequence[Change]], deadline: float) -> list[Outcome]:
        waiting: list[_BehindRequest] = []
        bases: dict[bytes, tuple[int, Entry]] | None = None
        # One by one if they cannot be read together, so that only those fail that need them.
        with suppress(Unavailable):
            bases = self._bases([change for changes in requests for change in changes])
        for changes in requests:
            after = waiting[-1] if waiting else None
            try:
                its = self._bases(changes) if bases is None else bases
                request = _BehindRequest(changes, deadline, its, after)
            except Unavailable as error:
                request = _BehindRequest(changes, deadline, {}, after)
                request.fail(error)
            waiting.append(request)
        self._group.submit_all([request for request in waiting if not request.decided])
        return [request.outcome() for request in waiting]

    def mend(self, deadline: float) -> None:
        """Recover the log after a failed commit (of an append or an ack) without waiting for the
        next write. On return, every append that was under way has ended.

        Raises:
            Unavailable: the disk still fails.
        """
        # By an empty request, because no append may be under way while the log is mended.
        self._group.submit(_BehindRequest((), deadline, {}))

    def _wait_for_room(self, events: int, give_up: float) -> None:
        while (seconds := give_up - time.monotonic()) > 0 and not self._is_abandoned():
            if self._backlog.wait_for_room(events, min(seconds, _ABANDONED_POLL_SECONDS)):
                return

    def _bases(self, changes: Sequence[Change]) -> dict[bytes, tuple[int, Entry]]:
        """Return the base values of the ``changes`` that depend on one which no pending event
        determines, each with the version of its key. They are read here, on the caller's thread,
        because all writers wait during a commit."""
        needed = {each.key for each in changes if _needs_base(each)}
        versions = {
            key: self._cache.version(key) for key in needed if self._pending.head(key) is None
        }
        if len(versions) <= 1:
            return {key: (version, self._base(key)) for key, version in versions.items()}
        try:
            entries = self._reader.bases(list(versions))
        except DatabaseError as error:
            raise Unavailable(f"the values before the writes cannot be read: {error}") from error
        return {key: (version, entries[key]) for key, version in versions.items()}

    def _base(self, key: bytes) -> Entry:
        try:
            return self._reader.base(key)
        except DatabaseError as error:
            raise Unavailable(f"the value before the write cannot be read: {error}") from error

    def _commit(self, group: list[_BehindRequest], again: bool = False) -> None:
        heads: dict[bytes, Entry] = {}
        events: list[WriteEvent] = []
        staged: list[_BehindRequest] = []
        room = _MOST_BYTES_PER_RECORD
        now = time.monotonic()
        # First, because the values of the requests depend on the events that it adopts.
        self._mend()
        for request in group:
            if request.deadline <= now:
                request.fail(Unavailable("timed out waiting to append to the write-behind log"))
                continue
            before = request.after
            overtakes = before is not None and isinstance(before.error, LogFull)
            if overtakes or not self._backlog.has_room(len(events) + len(request.changes)):
                request.fail(self._backlog.refusal())
                continue
            room -= request.size
            if room < 0 and staged:
                # It stays undecided and returns to the queue, for the next record.
                break
            try:
                written = self._stage(request, heads)
            except (NotACounter, CounterOverflow, Unavailable) as error:
                request.fail(error)
            else:
                events += written
                staged.append(request)
        if not events:
            for request in staged:
                request.done()
            return
        self._reach("log.append.before")
        try:
            self._log.append(events)
            durable_at = wall_seconds()
            self._backlog.accept(events, heads)
            self._reach("log.append.after")
            self._reach("behind.cache.before")
            self._recorder.written_behind(events, durable_at, self._cache.update(heads))
            self._reach("behind.cache.after")
        except Unavailable:
            if again or not self._log.failed:
                raise
            # The commit of an ack has failed since the log was mended above, and the log took
            # nothing. What is adopted now can change the values, so the requests are staged anew.
            self._commit(staged, again=True)
            return
        except BaseException:
            with suppress(Unavailable):
                # If the log cannot be read now, it takes no events until it is mended.
                self._adopt()
            # Whether the events are in the log was unknown, so nothing older may be read or filled.
            self._cache.distrust(heads.keys(), "a write-behind was interrupted")
            raise
        self._reach("behind.receipt.before")
        for request in staged:
            request.done()

    def _mend(self) -> None:
        if self._log.failed:
            with self._log.mending() as acked_through:
                self._backlog.acked(acked_through)
                self._adopt()

    def _adopt(self) -> None:
        """Make the events that an interrupted append left in the log pending, before any append
        follows."""
        for events in self._log.stray_records(self._backlog.published_seq):
            self._backlog.adopt(events)
            keys = {event.key for event in events}
            self._cache.distrust(keys, "a write of unknown outcome has become known")

    def _stage(self, request: _BehindRequest, heads: dict[bytes, Entry]) -> list[WriteEvent]:
        """Fold the changes of ``request`` into ``heads``, all or none; return their events."""
        values: dict[bytes, Entry] = {}
        events: list[WriteEvent] = []
        receipts: list[Receipt] = []
        at = wall_seconds()
        for each in request.changes:
            op, key, arg, expires_at, only_if = each
            old = ABSENT
            if _needs_base(each):
                old = values[key] if key in values else self._head(key, heads, request)
            if only_if is not None and not only_if(old.as_of(at)):
                receipts.append(Receipt(old.seq, Level.DURABLE, old.as_of(at).value, changed=False))
                continue
            # Before the seq is taken: a refused change must not use up a number.
            value, until = change(old, op, arg, at, expires_at)
            event = WriteEvent(next(self._seqs), op, key, arg, at, expires_at)
            values[key] = Entry(value, event.seq, until)
            events.append(event)
            changed = has_effect(old, op, arg, at, expires_at)
            receipts.append(Receipt(event.seq, Level.DURABLE, value, changed))
        heads.update(values)
        request.receipts = receipts
        return events

    def _head(self, key: bytes, heads: dict[bytes, Entry], request: _BehindRequest) -> Entry:
        """Return the entry of ``key`` before the next event."""
        head = heads.get(key) or self._pending.head(key)
        if head is not None:
            return head
        version, base = request.bases.get(key, (-1, ABSENT))
        return base if version == self._cache.version(key) else self._base(key)


def _needs_base(change: Change) -> bool:
    """Return whether what ``change`` comes to depends on the value before it."""
    return change.op not in ABSOLUTE or change.only_if is not None


def _size(change: Change) -> int:
    return len(change.key) + (len(change.arg) if isinstance(change.arg, bytes) else 8)
