"""CacheLayer: the library's face. Each call checks its arguments and takes a path."""

from __future__ import annotations

import heapq
import itertools
import math
import reprlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from cachedesk.engine.database import Database
from cachedesk.engine.dead import DeadLetter
from cachedesk.engine.door import Door
from cachedesk.engine.errors import (
    Closed,
    CounterOverflow,
    DatabaseError,
    InvalidValue,
    LogFull,
    NotACounter,
    Unavailable,
    WriteRefused,
)
from cachedesk.engine.events import NO_ROW, Op, Row, as_amount, as_key, as_keys, as_value, fold
from cachedesk.engine.letters import Letters
from cachedesk.engine.metrics import Path
from cachedesk.engine.parts import Parts
from cachedesk.engine.paths import Paths
from cachedesk.engine.pending import Pending
from cachedesk.engine.policy import Policy, as_policy
from cachedesk.engine.repair import Read
from cachedesk.engine.snapshot import Snapshot
from cachedesk.engine.through import WriteThrough
from cachedesk.engine.worker import FlushWorker
from cachedesk.engine.writes import Change, Receipt, Switched

_LOOK_SECONDS = 0.05
_MEND_SECONDS = 1.0
_ACK_LOOK_SECONDS = 0.001

Key = bytes | str
Value = bytes | str | int


class CacheLayer:
    """A cache stack in use. Thread-safe. Made by ``cachedesk.open``; close it, or use ``with``.

    Keys are 1 to 1,024 bytes; a str is taken as UTF-8. Values are bytes; a str is taken as
    UTF-8, an int as its decimal text. Counters are signed 64-bit integers, as in Redis.
    """

    def __init__(
        self,
        parts: Parts,
        worker: FlushWorker,
        paths: Paths,
        snapshot: Callable[[], Snapshot],
        close: Callable[[], None],
    ) -> None:
        self._policies = parts.policies
        self._through = WriteThrough(parts)
        self._paths = paths
        self._letters = Letters(parts, worker, self._through)
        self._cache = parts.cache
        self._pending = parts.pending
        self._log = parts.log
        self._backlog = parts.backlog
        self._database = parts.database
        self._metrics = parts.metrics
        self._settings = parts.settings
        self._worker = worker
        self._snapshot = snapshot
        self._close = close
        self._door = Door()
        self._closing = threading.Lock()

    def __repr__(self) -> str:
        state = "closed" if self._door.shut else "open"
        return f"<CacheLayer {str(self._database.path.parent)!r}, {state}>"

    def __enter__(self) -> CacheLayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, key: Key) -> bytes | None:
        """Return the value of ``key``, or ``None`` if it is absent.

        The value is at least as new as the last write acknowledged before the call.

        Raises:
            InvalidKey: the key is not usable.
            Unavailable: Redis has no copy and the database cannot be read.
        """
        return self.read(key).value

    def read(self, key: Key) -> Read:
        """As ``get``, and say where the value came from and what is pending."""
        with self._door:
            return self._paths.reader.read(as_key(key))

    def get_many(self, keys: Iterable[Key]) -> list[bytes | None]:
        """Return the values of ``keys``, in their order; errors as for ``get``."""
        with self._door:
            return self._paths.reader.read_many(as_keys(keys))

    def set(self, key: Key, value: Value, *, policy: str | Policy | None = None) -> Receipt:
        """Set ``key`` to ``value``.

        Args:
            key: 1 to 1,024 bytes.
            value: at most 64 MiB.
            policy: ``"write-through"`` or ``"write-behind"`` for this write only.

        Returns:
            A receipt: ``seq``, the write's place in the order of all writes, and ``level``:
            ``"applied"`` to its row (write-through) or ``"durable"`` in the log (write-behind).

        Raises:
            InvalidKey, InvalidValue: the key or the value is not usable.
            Unavailable: the write could not be made safe in time; nothing was changed.
            WriteRefused: a constraint or trigger of the database says no; nothing was changed.
        """
        return self.write(("set", key, value), policy=policy)

    def incr(self, key: Key, amount: int = 1, *, policy: str | Policy | None = None) -> int:
        """Add ``amount`` to the counter ``key`` (absent: 0) and return what it comes to.

        Raises:
            NotACounter: the value is not a 64-bit integer; nothing was changed.
            CounterOverflow: the sum is out of range; nothing was changed.
            InvalidKey, Unavailable, WriteRefused: as for ``set``.
        """
        return int(self.write(("incr", key, amount), policy=policy).value or 0)

    def delete(self, key: Key, *, policy: str | Policy | None = None) -> Receipt:
        """Delete ``key``; deleting an absent key is a write too. As for ``set``."""
        return self.write(("delete", key), policy=policy)

    def write(self, operation: Sequence[object], *, policy: str | Policy | None = None) -> Receipt:
        """Do one write given as a tuple, as for ``write_many``, and return its receipt."""
        return self.write_many([operation], policy=policy)[0]

    def write_many(
        self, operations: Iterable[Sequence[object]], *, policy: str | Policy | None = None
    ) -> list[Receipt]:
        """Do many writes for the price of few.

        Args:
            operations: tuples ``("set", key, value)``, ``("incr", key, amount)`` and
                ``("delete", key)``; the order of each key's writes is kept.
            policy: one path for all of them, rather than each key's own.

        Returns:
            Their receipts, in order.

        Raises:
            InvalidKey, InvalidValue: nothing was changed.
            NotACounter, CounterOverflow, WriteRefused, Unavailable: what takes the same path is
                all or none (write-behind: per 1,000 writes); the write-through part is done first.
        """
        changes = [_change(operation) for operation in operations]
        chosen = None if policy is None else as_policy(policy)
        paths = [chosen or self._policies.of(change.key) for change in changes]
        receipts: dict[int, Receipt] = {}
        with self._door:
            for path in (Policy.WRITE_THROUGH, Policy.WRITE_BEHIND):
                places = [place for place, its in enumerate(paths) if its is path]
                if places:
                    written = self._write([changes[place] for place in places], path)
                    receipts.update(zip(places, written, strict=True))
        return [receipts[place] for place in range(len(changes))]

    def policy(self, key: Key) -> Policy:
        """Return the path that writes of ``key`` take by default; ``InvalidKey`` as for ``get``."""
        return self._policies.of(as_key(key))

    def evict(self, pattern: Key) -> int:
        """Evict the keys that match a shell-style pattern from the cache; the truth keeps them.

        Returns:
            How many were in the cache.

        Raises:
            Unavailable: Redis does not answer (and is not read from, either).
        """
        with self._door:
            return self._cache.evict(pattern)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the truth: every key with its value, sorted by the keys' bytes.

        Raises:
            Unavailable: the database cannot be read.
        """
        with self._door:
            return truth(self._pending, self._database, self._paths.reader.truth)

    def drain(self, timeout: float | None = None) -> None:
        """Flush until nothing is pending, even if the worker was paused.

        Args:
            timeout: seconds to wait; ``None``: as long as it takes.

        Raises:
            Unavailable: events were still pending after ``timeout``.
            InvalidValue: ``timeout`` is NaN.
            Closed: the stack was closed meanwhile.
        """
        if timeout is not None and math.isnan(timeout):
            # It would never pass.
            raise InvalidValue("a timeout is a number of seconds or None, not NaN")
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        with self._door, self._worker.hurrying():
            # Nothing pending, and what a write-through absorbed acked as well.
            while not self._pending.wait_until_empty(_LOOK_SECONDS) or self._log.waiting:
                if self._door.shut:
                    raise Closed("the cache layer was closed while it drained")
                if time.monotonic() >= deadline and (left := self._backlog.remainder(timeout)):
                    raise Unavailable(left)
                time.sleep(_ACK_LOOK_SECONDS)

    def dead_letters(self, limit: int = 1_000, after_seq: int = 0) -> list[DeadLetter]:
        """Return the accepted writes that could not be applied, oldest first.

        Args:
            limit: at most how many.
            after_seq: only those whose seq is above it: the last one's, for the next page.

        Raises:
            Unavailable: the database cannot be read.
        """
        with self._door:
            return self._letters.oldest(limit, after_seq)

    def replay_dead(self, seq: int) -> Receipt:
        """Apply a dead letter after all, as a new write with a seq of its own.

        It meets the value that the key has now. In one transaction the letter goes and the write
        is applied: both or neither, whatever dies.

        Raises:
            NoDeadLetter: there is no letter ``seq``.
            NotACounter, CounterOverflow, WriteRefused: it is refused again; the letter stays.
            Unavailable: it could not be done in time; nothing was changed.
        """
        with self._door:
            return self._letters.replay(seq, self._write_deadline())

    def drop_dead(self, seq: int) -> None:
        """Remove a dead letter for good: the write it was is lost, because you say so.

        Raises:
            NoDeadLetter: there is no letter ``seq``.
            Unavailable: it could not be done in time; nothing was changed.
        """
        with self._door:
            self._letters.drop(seq, self._write_deadline())

    def mend(self) -> None:
        """Try again what a failed disk has stopped; called now and then by the stack.

        Raises:
            Unavailable: it still fails.
        """
        with self._door:
            self._paths.logged.mend(time.monotonic() + _MEND_SECONDS)

    def snapshot(self) -> Snapshot:
        """Return how everything is, as one frozen value."""
        with self._door:
            return self._snapshot()

    def close(self) -> None:
        """Close the stack, once the calls under way have ended. What is pending stays in the log
        and is flushed after the next open. Closing twice is harmless."""
        with self._closing:
            self._door.close()
            # Again, if it was interrupted: it goes on with what is not closed yet.
            self._close()

    def _write_deadline(self) -> float:
        return time.monotonic() + self._settings.database.write_seconds

    def _write(self, changes: list[Change], path: Policy) -> list[Receipt]:
        began = time.perf_counter()
        deadline = self._write_deadline()
        try:
            if path is Policy.WRITE_BEHIND:
                receipts = self._write_behind(changes, deadline)
            else:
                receipts = self._through.write(changes, deadline)
        except LogFull:
            self._metrics.count("refused", len(changes))
            raise
        except Unavailable:
            self._metrics.count("writes_unavailable", len(changes))
            raise
        except (NotACounter, CounterOverflow, WriteRefused):
            self._metrics.count("refused", len(changes))
            raise
        self._metrics.took(
            Path.WRITE_BEHIND if path is Policy.WRITE_BEHIND else Path.WRITE_THROUGH,
            time.perf_counter() - began,
            [change.key for change in changes],
            len(changes),
        )
        return receipts

    def _write_behind(self, changes: list[Change], deadline: float) -> list[Receipt]:
        receipts: list[Receipt] = []
        fast = self._paths.fast
        for part in fast.parts(changes):
            try:
                receipts += fast.write(part, deadline)
            except Switched:
                # It is put in as soon as what was dirty has been copied.
                time.sleep(_ACK_LOOK_SECONDS)
                receipts += self._write_behind(list(part), deadline)
            except LogFull:
                if self._settings.log.when_full != "write-through":
                    raise
                receipts += self._through.write(part, deadline)
        return receipts


def truth(
    pending: Pending, database: Database, look_up: Callable[[bytes], Row] | None = None
) -> Iterator[tuple[bytes, bytes]]:
    """Yield every key with its value, rows with pending events folded in, sorted by bytes.

    Args:
        pending: what is in the log.
        database: the rows; read as of one instant, for as long as the iteration lasts.
        look_up: the truth of one key, for a stack that is in use: a key that is only in the log
            may since have got a row, and even have lost it again. Default: nobody writes.

    Raises:
        Unavailable: the database cannot be read.
    """
    # First the pending events, then the rows: see ``repair``.
    waiting = pending.all()
    try:
        scan = database.scan()
        started = list(itertools.islice(scan, 1))
        # What was flushed before the rows' instant has a row, or had one that was trimmed.
        moved = {key for key, events in waiting.items() if pending.first_seq(key) != events[0].seq}
        rows = (
            (key, fold(row, waiting.get(key, ()))) for key, row in itertools.chain(started, scan)
        )
        # heapq.merge is stable: of a key in both places, the row comes first and is taken.
        only_logged = ((key, None) for key in sorted(waiting))
        last: bytes | None = None
        for key, found in heapq.merge(rows, only_logged, key=_first):
            if key != last:
                row = found
                if row is None:
                    again = look_up if key in moved else None
                    row = again(key) if again else fold(NO_ROW, waiting[key])
                if row.value is not None:
                    yield key, row.value
            last = key
    except DatabaseError as error:
        raise Unavailable(f"the truth cannot be listed: {error}") from error


def _first(item: tuple[bytes, Row | None]) -> bytes:
    return item[0]


def _change(operation: Sequence[object]) -> Change:
    match operation:
        case ("set", key, value):
            return Change(Op.SET, as_key(key), as_value(value))  # type: ignore[arg-type]
        case ("incr", key, amount):
            return Change(Op.INCR, as_key(key), as_amount(amount))  # type: ignore[arg-type]
        case ("incr", key):
            return Change(Op.INCR, as_key(key), 1)  # type: ignore[arg-type]
        case ("delete", key) | ("delete", key, _):
            return Change(Op.DELETE, as_key(key), None)  # type: ignore[arg-type]
    raise InvalidValue(
        f"cannot read the operation {reprlib.repr(operation)}: write ('set', key, value),"
        " ('incr', key, amount) or ('delete', key)"
    )
