"""The stores of the model, injected into a stack: on the model's disk and its model of Redis.

The real ``QueueLog`` runs on a queue of the model, and the real ``EmbeddedRedis`` talks to its
server. The database has the methods of the real one, and its rules: many readers of what is
committed, one writer at a time, and a transaction of which nothing or all is seen.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from persistqueue import Empty

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import DatabaseBusy, DatabaseError, DatabaseRefused, DatabaseUncertain
from cachedesk.core.events import ABSENT, Entry, Refusal
from cachedesk.core.fault import Fault
from cachedesk.core.stores import StoreContext, Stores
from cachedesk.stores.files.impairment import UNIMPAIRED
from cachedesk.stores.files.watermarks import Watermarks
from cachedesk.stores.queue_log.queue_log import QueueLog
from cachedesk.stores.redis.embedded_redis import EmbeddedRedis
from cachedesk.stores.sqlite.sqlite_database import SqliteDatabase
from tests.model import primitives, redis
from tests.model.disk import REFUSED, Changes, Disk
from tests.model.redis import ModelConnection, ModelRedisServer

_LOCK_LOOK_SECONDS = 0.004
_EPOCH = 20261123

_disk: Disk


def use(disk: Disk) -> None:
    """Have stores open the files of ``disk`` from now on."""
    global _disk  # noqa: PLW0603 - as in ``primitives``
    _disk = disk


class ModelPath:
    """A path on the model's disk."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __truediv__(self, name: str) -> ModelPath:
        return ModelPath(name)

    def __str__(self) -> str:
        return self.name

    def mkdir(self, *_: object, **__: object) -> None:
        _disk.files.add(self.name)

    def exists(self) -> bool:
        return self.name in _disk.files

    def with_name(self, name: str) -> ModelPath:
        return ModelPath(name)


class ModelDirectory:
    """In the place of ``DataDirectory``. The model has one process at a time."""

    name = "data"

    def __init__(self, *_: object, **__: object) -> None:
        primitives.turn("directory.lock")
        self.database, self.log = ModelPath("cachedesk.db"), ModelPath("log")

    def close(self) -> None:
        primitives.turn("directory.close")


class ModelTransaction:
    """In the place of ``Transaction``."""

    def __init__(self) -> None:
        self.changes = Changes()
        self._seen: set[bytes] = set()

    def rows(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        primitives.turn("database.rows")
        self._seen.update(keys)
        found = {key: self._row(key) for key in keys}
        return {key: row for key, row in found.items() if row is not None}

    def write(self, rows: Mapping[bytes, Entry]) -> None:
        primitives.turn("database.write")
        if _disk.refusing and any(row.value in REFUSED for row in rows.values()):
            raise DatabaseRefused("the value is refused by a trigger")
        assert self._seen.issuperset(rows), "a row was written that was not read before"
        self.changes.rows.update(rows)

    def write_one(self, key: bytes, row: Entry) -> None:
        self.write({key: row})

    def rehearse_one(self, key: bytes, row: Entry) -> None:
        if _disk.refusing and row.value in REFUSED:
            raise DatabaseRefused("the value is refused by a trigger")

    def bury(self, refusals: Iterable[Refusal]) -> None:
        for event, reason in refusals:
            letter = DeadLetter(
                event.seq,
                event.op.name.lower(),
                event.key,
                event.arg,
                reason,
                1,
                event.at,
                event.expires_at,
            )
            assert event.seq not in _disk.dead, "it is dead already"
            self.changes.buried[event.seq] = letter

    def attempts(self, seqs: Iterable[int]) -> dict[int, int]:
        return {seq: _disk.attempts[seq] for seq in seqs if seq in _disk.attempts}

    def count_attempts(self, attempts: Mapping[int, int]) -> None:
        self.changes.attempts.update(attempts)

    def forget_attempts(self, through_seq: int) -> None:
        for seq in _disk.attempts:
            if seq <= through_seq:
                self.changes.attempts[seq] = None

    def remove_letter(self, seq: int) -> bool:
        if seq not in _disk.dead or seq in self.changes.unburied:
            return False
        self.changes.unburied.add(seq)
        return True

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        return {seq for seq in _disk.dead if first_seq <= seq <= last_seq}

    def drop_tombstones(self, through_seq: int) -> int:
        old = [
            key for key, row in _disk.rows.items() if row.value is None and row.seq <= through_seq
        ]
        self.changes.rows.update(dict.fromkeys(old))
        return len(old)

    def note(self, name: str, number: int) -> None:
        self.changes.numbers[name] = number

    def _row(self, key: bytes) -> Entry | None:
        return self.changes.rows[key] if key in self.changes.rows else _disk.rows.get(key)


class ModelDatabase(SqliteDatabase):
    """In the place of ``SqliteDatabase``; what is not here is the real one's."""

    def __init__(self, path: ModelPath) -> None:
        primitives.turn("database.open")
        _disk.files.add(path.name)
        _disk.reopen_database()
        self.path = path  # type: ignore[assignment]
        self.impairment = UNIMPAIRED
        self._writing = primitives.Lock()  # type: ignore[assignment]
        self._is_closed = False
        self.files = ModelFiles()  # type: ignore[assignment]

    def read(self, key: bytes) -> Entry:
        self._look()
        return _disk.rows.get(key, ABSENT)

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        self._look()
        return {key: _disk.rows[key] for key in keys if key in _disk.rows}

    peek = read_many

    def scan(self) -> Iterator[tuple[bytes, Entry]]:
        self._look()
        for key, row in sorted(_disk.rows.items()):
            yield key, row
            primitives.turn("database.scan")

    def numbers(self) -> dict[str, int]:
        self._look()
        return dict(_disk.numbers)

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        self._look()
        return sorted(found for found in _disk.rows if found > key)[:most]

    def count(self) -> tuple[int, int]:
        self._look()
        live = sum(row.value is not None for row in _disk.rows.values())
        return live, len(_disk.dead)

    def letters(self, limit: int, after_seq: int = 0) -> list[DeadLetter]:
        self._look()
        return [_disk.dead[seq] for seq in sorted(_disk.dead) if seq > after_seq][:limit]

    def dead_between(self, first_seq: int, last_seq: int) -> set[int]:
        self._look()
        return {seq for seq in _disk.dead if first_seq <= seq <= last_seq}

    def dead_among(self, seqs: Sequence[int]) -> set[int]:
        self._look()
        return {seq for seq in seqs if seq in _disk.dead}

    def trim(self, through_seq: int, deadline: float) -> int:
        self._look()
        if not any(row.value is None and row.seq <= through_seq for row in _disk.rows.values()):
            return 0
        with self.transaction(deadline) as transaction:
            dropped: int = transaction.drop_tombstones(through_seq)
            return dropped

    def expiring(self, most: int, after: float = 0.0) -> list[tuple[bytes, float]]:
        self._look()
        rows = _disk.rows.items()
        found = [(key, row.expires_at) for key, row in rows if (row.expires_at or 0.0) > after]
        return sorted(found, key=lambda it: it[1])[:most]

    @property
    def bytes(self) -> tuple[int, int]:
        return 0, 0

    def faults(self) -> Sequence[Fault]:
        return ()

    @contextmanager
    def transaction(self, deadline: float) -> Iterator[Any]:
        now = primitives.Time.monotonic
        if not self._writing.acquire(timeout=max(0.0, deadline - now())):
            raise DatabaseBusy("the database is busy with another write")
        try:
            while _disk.locked and not self._is_closed:
                if now() >= deadline:
                    raise DatabaseBusy("the database is locked by another connection")
                primitives.Time.sleep(_LOCK_LOOK_SECONDS)
            if self._is_closed:
                raise DatabaseError("the database is closed")
            transaction = ModelTransaction()
            yield transaction
            primitives.turn("database.commit")
            self._commit(transaction.changes)
            primitives.turn("database.committed")
        finally:
            self._writing.release()

    def close(self) -> None:
        primitives.turn("database.close")
        self._is_closed = True
        with self._writing:
            pass

    def _commit(self, changes: Changes) -> None:
        if _disk.full:
            raise DatabaseError("the database refused a write: database or disk is full")
        primitives.check_alive()
        if _disk.commit(changes) is not None:
            raise DatabaseUncertain("the database failed in a commit: disk I/O error")

    def _look(self) -> None:
        primitives.turn("database.read")
        if self._is_closed:
            raise DatabaseError("the database is closed")
        if _disk.unreadable:
            raise DatabaseError("the database cannot be read: disk I/O error")


class ModelQueue:
    """In the place of persist-queue's ``SQLiteQueue`` as the log subclasses it."""

    def __init__(self, *_: object, **__: object) -> None:
        primitives.turn("log.open")
        _disk.files |= {"log.db"}
        _disk.reopen_log()
        self.cursor = min(_disk.records, default=1) - 1

    def put(self, item: bytes) -> int:
        primitives.turn("log.put")
        number = _disk.append(item)
        primitives.turn("log.put.done")
        return number

    def get(self, block: bool = True, raw: bool = False) -> dict[str, Any]:
        primitives.turn("log.get")
        _disk.check_log_reads()
        number = min((number for number in _disk.records if number > self.cursor), default=0)
        if not number:
            raise Empty
        self.cursor = number
        return {"pqid": number, "data": _disk.records[number]}

    def ack(self, number: int, seq: int) -> None:
        primitives.turn("log.trim")
        _disk.trim_log(number)
        primitives.turn("log.trim.done")

    def queue(self) -> list[dict[str, Any]]:
        primitives.turn("log.queue")
        _disk.check_log_reads()
        return [{"id": number, "data": data} for number, data in _disk.records.items()]

    def reopen(self) -> None:
        primitives.turn("log.reopen")
        _disk.reopen_log()

    def shrink(self) -> None:
        """The model's file has no size."""

    def head(self) -> int | None:
        primitives.turn("log.head")
        return min(_disk.records, default=None)

    def close(self) -> None:
        primitives.turn("log.close")


class ModelFiles:
    """In the place of ``OpenFiles``: files of the model stay where they are."""

    trouble = ""

    def __init__(self, *_: object) -> None:
        """There is nothing to look at."""

    def look(self) -> str:
        return self.trouble

    def reopened(self) -> None:
        """There is nothing to look at."""


class ModelWitness(Watermarks):
    """The engine's own watermarks file on the model's disk."""

    _PLACES = struct.Struct("<8sQQQQQQ")

    def __init__(self, path: ModelPath) -> None:
        _disk.files.add(path.name)
        if not _disk.witness:
            _disk.note_in_witness(self._PLACES.pack(b"cdwitns1", _EPOCH, 0, 0, 0, 0, 0))
        self._numbers = bytearray(_disk.witness)
        self.failure = ""
        self._is_open = True
        _, self.epoch, _, _, was_open, *_ = self._PLACES.unpack(self._numbers)
        self.was_open = bool(was_open)
        self._clean = not was_open

    def _put(self, place: int, number: int) -> None:
        primitives.check_alive()
        super()._put(place, number)

    def _write(self, place: int) -> None:
        _disk.note_in_witness(self._numbers)

    def _sync(self) -> None:
        _disk.sync_witness()

    def close(self) -> None:
        if self._is_open and self._clean:
            self.closed_in_order()
        self._is_open = False


class DirectCalls:
    """In the place of ``CallThread``: the interrupts of the model come in any thread."""

    refusing = abandoned = overtakes = False

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    def check_process(self) -> None:
        pass

    def end_with(self, function: Callable[[], object]) -> None:
        function()

    def end(self) -> None:
        pass


class NoEventLogger:
    """In the place of the thread that logs events: what it does is no part of a history."""

    def __init__(self, directory: object) -> None:
        pass

    def forward(self, event: object) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _open_cache(_: ModelDirectory, context: StoreContext) -> EmbeddedRedis:
    settings = context.settings.redis
    return EmbeddedRedis(
        ModelRedisServer(settings),  # type: ignore[arg-type]
        settings,
        announce=context.announce,
        kept=context.kept,
        failpoints=context.failpoints,
        run=context.run,
        connect=ModelConnection,  # type: ignore[arg-type]
        sole_tenant=redis.sole_tenant(),
    )


def _open_log(directory: ModelDirectory, context: StoreContext) -> QueueLog:
    _disk.files.add(directory.log.name)
    return QueueLog(
        directory.log / "log.db",  # type: ignore[arg-type]
        queue=ModelQueue(),  # type: ignore[arg-type]
        watermarks=ModelWitness(directory.log / "witness"),
        files=ModelFiles(),  # type: ignore[arg-type]
        failpoints=context.failpoints,
    )


def _open_database(directory: ModelDirectory, _: StoreContext) -> ModelDatabase:
    return ModelDatabase(directory.database)


MODEL: Stores[ModelDirectory] = Stores(
    lock=ModelDirectory, cache=_open_cache, log=_open_log, database=_open_database
)
"""What a stack of the model is opened on."""

__all__: Collection[str] = ["MODEL", "DirectCalls", "NoEventLogger", "use"]
