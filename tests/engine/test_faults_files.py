"""Faults of the files: SQLite itself refuses, and nothing of it stays on the disk."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cachedesk.chaos.poison_event import POISON_KEY
from cachedesk.core.commands import Heal, Inject
from cachedesk.core.errors import Unavailable
from cachedesk.core.settings import DatabaseSettings, Settings
from cachedesk.core.snapshot import Health
from cachedesk.stack.stack import Stack

from .scenarios import PATIENT
from .until import Task, until

OpenStack = Callable[..., Stack]


def sqlite(path: Path, question: str) -> object:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(question).fetchone()[0]
    finally:
        connection.close()


def test_a_full_disk_refuses_even_what_fits_into_free_pages(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "data" / "cachedesk.db"
    stack.layer.set("order:1", b"x" * 300_000)
    stack.layer.set("order:1", b"small")
    assert int(str(sqlite(path, "PRAGMA freelist_count"))) > 50
    stack.perform(Inject("database.full"))
    for write in (("set", "order:1", b"y"), ("delete", "order:1"), ("set", "order:2", b"z")):
        with pytest.raises(Unavailable, match="full"):
            stack.layer.write(write)
    assert stack.snapshot().database.word == "disk full"
    assert sqlite(path, "SELECT count(*) FROM rows") == 1
    stack.perform(Heal())
    stack.layer.set("order:2", b"y" * 400_000)
    assert sqlite(path, "SELECT count(*) FROM rows") == 2
    assert sqlite(path, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'") == 0
    assert sqlite(path, "PRAGMA integrity_check") == "ok"


def test_a_full_disk_under_the_log_refuses_even_what_fits(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    stack = open_stack(PATIENT)
    path = tmp_path / "data" / "log" / "log.db"
    stack.layer.set("session:1", b"x" * 300_000)
    stack.layer.drain(60)
    assert int(str(sqlite(path, "PRAGMA freelist_count"))) > 50
    stack.perform(Inject("log.full"))
    with pytest.raises(Unavailable, match="full"):
        stack.layer.set("session:1", b"y")
    assert sqlite(path, "SELECT count(*) FROM queue_events") == 0
    stack.perform(Heal())
    stack.layer.set("session:1", b"y" * 400_000)
    assert sqlite(path, "SELECT count(*) FROM queue_events") == 1
    assert sqlite(path, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'") == 0
    stack.layer.drain(60)
    assert sqlite(path, "PRAGMA integrity_check") == "ok"


def test_a_database_that_is_gone_is_untouched_on_the_disk(stack: Stack, tmp_path: Path) -> None:
    stack.layer.set("order:1", b"x")
    files = {path.name for path in (tmp_path / "data").iterdir()}
    stack.perform(Inject("database.gone"))
    with pytest.raises(Unavailable, match="unable to open database file"):
        stack.layer.set("order:1", b"y")
    assert stack.snapshot().database == type(stack.snapshot().database)(Health.DOWN, "not readable")
    with pytest.raises(Unavailable, match="the database is gone"):
        stack.perform(Inject("database.lock"))
    assert {path.name for path in (tmp_path / "data").iterdir()} == files
    assert sqlite(tmp_path / "data" / "cachedesk.db", "SELECT value FROM rows") == b"x"


def test_a_database_whose_file_really_went_away_is_not_replaced_by_an_empty_one(
    stack: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "cachedesk.db"
    stack.layer.set("order:1", b"x")
    stack.perform(Inject("database.slow:1ms"))  # The writer is opened anew with the next write.
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(Unavailable, match="unable to open database file"):
        stack.layer.set("order:1", b"y")
    assert not path.exists()
    path.with_name("elsewhere").rename(path)
    stack.perform(Heal())
    stack.layer.set("order:1", b"z")
    stack.layer.evict("*")
    assert stack.layer.get("order:1") == b"z"


def test_a_slow_database_takes_its_time_and_heals_at_once(stack: Stack) -> None:
    stack.layer.set("order:1", b"x")
    stack.perform(Inject("database.slow:60s"))
    writing = Task(stack.layer.set, "order:1", b"y")
    stack.layer.evict("*")
    reading = Task(stack.layer.get, "order:1")
    until(lambda: stack.layer._truth.routes.reader._cache._leases)
    assert stack.snapshot().hot[0].row == b"x", "the desk itself is not slowed down"
    stack.perform(Heal())
    assert reading.result() in (b"x", b"y")
    writing.result()
    assert stack.layer.get("order:1") == b"y"


def test_a_latency_that_fits_into_the_deadline_only_delays(stack: Stack) -> None:
    stack.perform(Inject("database.slow:30ms"))
    stack.layer.set("order:1", b"x")
    stack.layer.incr("views:1")
    stack.layer.drain(60)
    stack.layer.evict("*")
    assert stack.layer.get_many(["order:1", "views:1"]) == [b"x", b"1"]


def test_a_poison_event_becomes_a_dead_letter_and_harms_no_other(stack: Stack) -> None:
    for number in (1, 2):
        stack.layer.incr("views:1")
        said = stack.perform(Inject("log.poison"))
        stack.layer.incr("views:1")
        stack.layer.drain(60)
        (seq,) = map(int, re.findall(r"event (\d+) is poison", said))
        books = stack.snapshot().books
        assert (books.dead, books.pending, books.balanced) == (number, 0, True)
        assert any(f"event {seq} " in event.text for event in stack.snapshot().events[-5:])
    assert stack.layer.get("views:1") == b"4"
    assert stack.layer.get(POISON_KEY) == b"changed by another program"
    assert stack.perform(Heal()) == "nothing is broken"


def test_poison_that_cannot_be_put_anywhere_is_refused(open_stack: OpenStack) -> None:
    stack = open_stack(Settings(database=DatabaseSettings(write_seconds=0.1)))
    stack.perform(Inject("database.readonly"))
    with pytest.raises(Unavailable):
        stack.perform(Inject("log.poison"))
    stack.perform(Heal())
    stack.perform(Inject("log.full"))
    with pytest.raises(Unavailable):
        stack.perform(Inject("log.poison"))
    stack.perform(Heal())
    stack.layer.drain(60)
    assert stack.snapshot().books.dead == 0
