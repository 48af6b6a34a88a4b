"""What the log relies on in persist-queue beyond its documented calls.

The log's file is a table of persist-queue, which is read before the queue is opened, and its queue
uses names that persist-queue keeps for itself. A release that moves one of them must fail here,
with its name, and not in a user's log.
"""

from __future__ import annotations

import inspect
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from persistqueue import SQLiteQueue

from cachedesk.stores.queue_log.queue import Verbatim

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
COLUMNS = [("_id", "INTEGER", 1), ("data", "BLOB", 0), ("timestamp", "FLOAT", 0)]


class Renamed(SQLiteQueue):
    """As if a release named its table in another way."""

    _TABLE_NAME = "items"


def opened(folder: Path, kind: type[SQLiteQueue] = SQLiteQueue) -> Any:
    """Open a plain queue of the library's as the log opens its own."""
    return kind(
        str(folder),
        name="events",
        db_file_name="log.db",
        multithreading=True,
        auto_commit=False,
        serializer=Verbatim,
    )


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Any]:
    with closing(opened(tmp_path)) as queue:
        yield queue


def columns(file: Path) -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT name, type, pk FROM pragma_table_info('queue_events')")
        return found.fetchall()


def test_the_range_of_versions_ends_before_the_next_minor_one() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    (found,) = (it for it in project["dependencies"] if it.startswith("persist-queue"))
    assert set(found.removeprefix("persist-queue").split(",")) == {">=1.1", "<1.2"}


def test_the_table_is_the_one_that_is_read_before_the_queue_is_opened(
    queue: Any, tmp_path: Path
) -> None:
    assert columns(tmp_path / "log.db") == COLUMNS
    assert queue._table_name == "`queue_events`"


def test_another_table_would_be_noticed(tmp_path: Path) -> None:
    opened(tmp_path, Renamed).close()
    assert columns(tmp_path / "log.db") != COLUMNS


def test_numbers_are_never_given_twice(queue: Any, tmp_path: Path) -> None:
    """The table has AUTOINCREMENT: its numbers go on after all rows were deleted."""
    assert [queue.put(b"one"), queue.put(b"two")] == [1, 2]
    queue.get(block=False)
    queue.get(block=False)
    queue.task_done()
    assert queue.put(b"three") == 3
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'queue_events'")
        assert found.fetchone() == (3,)


def test_data_is_stored_as_the_serializer_gives_it(queue: Any, tmp_path: Path) -> None:
    queue.put(b"\x00verbatim\xff")
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        assert connection.execute("SELECT data FROM queue_events").fetchall() == [
            (b"\x00verbatim\xff",)
        ]


def test_one_connection_reads_and_another_writes(queue: Any) -> None:
    assert isinstance(queue._getter, sqlite3.Connection)
    assert isinstance(queue._putter, sqlite3.Connection)
    assert queue._conn is queue._getter
    assert queue._getter is not queue._putter


def test_the_cursor_is_the_number_of_the_last_item_read(queue: Any) -> None:
    for item in (b"one", b"two"):
        queue.put(item)
    assert queue.cursor == 0
    item = queue.get(block=False, raw=True)
    assert (item["pqid"], item["data"], queue.cursor) == (1, b"one", 1)
    queue.cursor = 0
    assert queue.get(block=False) == b"one"
    assert [(row["id"], row["data"]) for row in queue.queue()] == [(1, b"one"), (2, b"two")]


def test_the_first_row_that_select_finds_is_the_oldest(queue: Any) -> None:
    assert queue._select() is None
    queue.put(b"one")
    queue.put(b"two")
    assert queue._select()[:2] == (1, b"one")


def test_a_put_waits_for_the_lock_of_transactions(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``ack`` and ``reopen`` hold it, so that no put comes between their statements."""
    taken: list[str] = []
    for name in ("tran_lock", "action_lock"):
        monkeypatch.setattr(queue, name, Noted(name, taken))
    queue.put(b"one")
    assert taken == ["tran_lock"]
    queue.get(block=False)
    assert taken == ["tran_lock", "action_lock"]


class Noted:
    """A lock that notes when it is taken."""

    def __init__(self, name: str, taken: list[str]) -> None:
        self._name, self._taken = name, taken

    def __enter__(self) -> None:
        self._taken.append(self._name)

    def __exit__(self, *_: object) -> None:
        pass


def test_every_connection_is_made_by_the_method_that_makes_them_durable(tmp_path: Path) -> None:
    made: list[sqlite3.Connection] = []

    class Noting(SQLiteQueue):  # type: ignore[misc]
        def _new_db_connection(
            self, path: str, multithreading: bool, timeout: float
        ) -> sqlite3.Connection:
            made.append(super()._new_db_connection(path, multithreading, timeout))
            return made[-1]

    with closing(opened(tmp_path, Noting)) as queue:
        assert {id(it) for it in made} >= {id(queue._getter), id(queue._putter)}
    named = inspect.signature(SQLiteQueue._new_db_connection).parameters
    assert list(named) == ["self", "path", "multithreading", "timeout"]


def test_the_queue_is_set_up_by_init_and_rings_its_event_at_each_put(tmp_path: Path) -> None:
    rung: list[bool] = []

    class Rings:
        def set(self) -> None:
            rung.append(True)

    class Replacing(SQLiteQueue):  # type: ignore[misc]
        def _init(self) -> None:
            super()._init()
            self.put_event = Rings()

    with closing(opened(tmp_path, Replacing)) as queue:
        queue.put(b"one")
        assert rung == [True]
