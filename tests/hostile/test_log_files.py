"""The write-behind log, damaged in every way: one clear error, or exact service."""

from __future__ import annotations

import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from engine.scenarios import PATIENT, copy_as_after_a_kill, running
from engine.test_record import sealed

import cachedesk
from cachedesk.core.errors import Damaged, DataDirectoryError
from cachedesk.core.events import COUNTER_MAX, MAX_KEY_BYTES, Op, WriteEvent
from cachedesk.stores.files import watermarks
from cachedesk.stores.queue_log.record import encode

from .cases import (
    Prepare,
    Refused,
    Served,
    check_refusal,
    each,
    put_record,
    refused,
    sql,
    truth,
)
from .conftest import Good
from .damage import (
    a_folder_instead,
    a_link_to_nowhere,
    a_pipe_instead,
    remove,
    scribble,
    shorter,
    truncate,
    write,
)

MIDDLE = 75  # The records in the log of ``now`` have the numbers 61 to 90.
SEQ = 377
PAGE = 4096


def log(data: Path) -> Path:
    return data / "log" / "log.db"


def record(new: bytes | str | int | None) -> Prepare:
    return lambda data: put_record(data, MIDDLE, new)


def body(*parts: object) -> Prepare:
    """A record with a right checksum and any form; ``EPOCH`` stands for the right one."""

    def prepare(data: Path) -> None:
        epoch = watermarks.read_watermarks(data / "log" / "witness").epoch
        form = [epoch if part == "EPOCH" else part for part in parts]
        put_record(data, MIDDLE, sealed(msgspec.msgpack.encode(form)))

    return prepare


def event(
    seq: int = SEQ, op: int = Op.SET, key: object = b"session:014", arg: object = b"x"
) -> list:
    return [seq, op, key, arg, 1.0]


LOST = "has lost events"
RESTORE = "restore the whole data directory from one backup"
AT = f"is damaged at record {MIDDLE}"

DAMAGED = [
    refused("no bytes", write("log/log.db", b""), Damaged, LOST, RESTORE),
    refused("garbage", write("log/log.db", b"garbage"), Damaged, "log.db cannot be read"),
    refused("zeros", write("log/log.db", bytes(8 * PAGE)), Damaged, "log.db cannot be read"),
    refused("one byte", truncate("log/log.db", 1e-4), Damaged, "log.db cannot be read"),
    refused("a header only", truncate("log/log.db", 0.02), Damaged, "log.db cannot be read"),
    refused("a quarter", truncate("log/log.db", 0.25), Damaged, "malformed", RESTORE),
    refused("half", truncate("log/log.db", 0.5), Damaged, "malformed"),
    refused("without its last page", shorter("log/log.db", PAGE), Damaged, "malformed"),
    refused("without its last byte", shorter("log/log.db", 1), Damaged, "its end is missing"),
    refused("random magic", scribble("log/log.db", 0, 16), Damaged, "not a database"),
    refused("random header", scribble("log/log.db", 16, 84), Damaged, "log.db"),
    refused("random schema", scribble("log/log.db", 100, PAGE - 100), Damaged, "malformed"),
    refused("a random page", scribble("log/log.db", -3 * PAGE, PAGE), Damaged, "log.db"),
    refused("deleted", remove("log/log.db"), Damaged, "do not belong together"),
    refused("deleted, its witness too", lambda data: shutil.rmtree(data / "log"), Damaged, RESTORE),
    refused("deleted witness", remove("log/witness"), Damaged, "do not belong together"),
    refused("a folder", a_folder_instead("log/log.db"), DataDirectoryError, "is a directory"),
    refused("a pipe", a_pipe_instead("log/log.db"), DataDirectoryError, "is a pipe"),
    refused("a link", a_link_to_nowhere("log/log.db"), DataDirectoryError, "a broken symlink"),
    refused("witness a folder", a_folder_instead("log/witness"), DataDirectoryError, "a directory"),
    refused("witness a pipe", a_pipe_instead("log/witness"), DataDirectoryError, "is a pipe"),
    refused("witness of no bytes", write("log/witness", b""), Damaged, "(0 bytes instead of 56)"),
    refused("witness cut", truncate("log/witness", 0.9), Damaged, "(50 bytes instead of 56)"),
    refused("witness too long", write("log/witness", b"x" * 9_999), Damaged, "(9999 bytes"),
    refused("witness random", scribble("log/witness", 0, 56), Damaged, "another kind of file"),
    refused("witness of another log", scribble("log/witness", 8, 8), Damaged, "belong together"),
    refused("seqs of the witness", scribble("log/witness", 16, 8), Damaged, LOST),
    refused("a flipped bit", scribble("log/log.db", -200, 1), Damaged, "checksum", "is damaged"),
    refused("record empty", record(b""), Damaged, AT, "checksum", "nothing was changed"),
    refused("record zeros", record(bytes(60)), Damaged, AT, "checksum"),
    refused("record a text", record("text"), Damaged, AT),
    refused("record a number", record(5), Damaged, AT),
    refused("record nothing", record(None), Damaged, AT),
    refused("record a pickle", record(pickle.dumps(print)), Damaged, AT, "checksum"),
    refused("record no msgpack", record(sealed(b"\xc1" * 50)), Damaged, AT),
    refused("record another form", body({"a": 1}), Damaged, AT),
    refused("record newer", body(99, "EPOCH", []), Damaged, "format 99", "upgrade cachedesk"),
    refused("record newer, of another form", body(3, {"a": 1}), Damaged, "format 3", "upgrade"),
    refused("record of version 0", body(0, "EPOCH", [event()]), Damaged, AT, "format 0"),
    refused(
        "witness newer", write("log/witness", b"cdwitns2" + bytes(80)), Damaged, "upgrade cachedesk"
    ),
    refused(
        "record of another log", record(encode(7, [WriteEvent(*event())])), Damaged, "different"
    ),
    refused("record without events", body(1, "EPOCH", []), Damaged, AT, "no events"),
    refused("an operation nobody knows", body(1, "EPOCH", [event(op=9)]), Damaged, AT),
    refused("a set to a number", body(1, "EPOCH", [event(arg=5)]), Damaged, AT),
    refused("an increment by a text", body(1, "EPOCH", [event(op=Op.INCR)]), Damaged, AT),
    refused("an increment too far", body(1, "EPOCH", [event(op=Op.INCR, arg=2**63)]), Damaged, AT),
    refused("a deadline of no time", body(2, "EPOCH", [[*event(), float("inf")]]), Damaged, AT),
    refused(
        "a delete that expires", body(2, "EPOCH", [[*event(op=3, arg=None), 1.0]]), Damaged, AT
    ),
    refused("a delete with a value", body(1, "EPOCH", [event(op=Op.DELETE)]), Damaged, AT),
    refused("a seq of 0", body(1, "EPOCH", [event(0)]), Damaged, AT),
    refused("a seq too high", body(1, "EPOCH", [event(COUNTER_MAX + 1)]), Damaged, AT),
    refused("seqs backwards", body(1, "EPOCH", [event(9), event(8)]), Damaged, AT, "seq 8"),
    refused(
        "a record of two processes",
        body(1, "EPOCH", [event(370)]),
        Damaged,
        AT,
        "event 370 comes after event",
        "would never drain",
        "recover",
    ),
    refused("an empty key", body(1, "EPOCH", [event(key=b"")]), Damaged, AT),
    refused("a long key", body(1, "EPOCH", [event(key=b"k" * (MAX_KEY_BYTES + 1))]), Damaged, AT),
    refused("a key of text", body(1, "EPOCH", [event(key="session")]), Damaged, AT),
    refused(
        "no such time",
        body(1, "EPOCH", [[*event()[:4], float("nan")]]),
        Damaged,
        AT,
        f"seq {SEQ}",
    ),
    refused(
        "no table", lambda data: sql(log(data), "DROP TABLE queue_events"), Damaged, "log.db is not"
    ),
    refused(
        "a column missing",
        lambda data: sql(log(data), "ALTER TABLE queue_events RENAME data TO date"),
        Damaged,
        "was altered",
    ),
    refused(
        "its last record deleted",
        lambda data: sql(log(data), "DELETE FROM queue_events WHERE _id=90"),
        Damaged,
        "has lost events 391 to 391",
    ),
    refused(
        "all records deleted",
        lambda data: sql(log(data), "DELETE FROM queue_events"),
        Damaged,
        LOST,
    ),
    refused(
        "the database in its place",
        lambda data: shutil.copy(data / "cachedesk.db", log(data)),
        Damaged,
        "is not the log",
    ),
]


@each(DAMAGED)
def test_a_damaged_log_is_refused(case: Refused, now: Path) -> None:
    case.prepare(now)
    check_refusal(case, lambda: cachedesk.open(now).close(), now)


KILLED = [
    refused("no -wal", remove("log/log.db-wal", "log/log.db-shm"), Damaged, LOST),
    refused("-wal of no bytes", write("log/log.db-wal", b""), Damaged, LOST),
    refused("-wal random", scribble("log/log.db-wal", 0, 5_000), Damaged, LOST),
    refused("half of the -wal", truncate("log/log.db-wal", 0.5), Damaged, LOST),
    refused("-wal without its end", shorter("log/log.db-wal", 1), Damaged, LOST),
    refused("a -wal that is all", write("log/log.db", b""), Damaged, "log.db was emptied"),
    refused("a record", record(b"damaged"), Damaged, AT, "nothing was changed"),
    refused(
        "a -wal that is a folder", a_folder_instead("log/log.db-wal"), DataDirectoryError, "-wal"
    ),
]


@each(KILLED)
def test_a_damaged_log_of_a_killed_process_is_refused(case: Refused, killed: Path) -> None:
    case.prepare(killed)
    check_refusal(case, lambda: cachedesk.open(killed).close(), killed)


HARMLESS = [
    Served("nothing", lambda data: None),
    Served("no -shm", remove("log/log.db-shm", "cachedesk.db-shm")),
    Served("-shm random", scribble("log/log.db-shm", 0, 30_000)),
    Served("a column more", lambda data: sql(log(data), "ALTER TABLE queue_events ADD mine TEXT")),
    Served("a table of the user's", lambda data: sql(log(data), "CREATE TABLE mine (x)")),
    Served("a witness half made", write("log/witness.new", b"half")),
]


@each(HARMLESS)
def test_what_does_not_matter_is_served(case: Served, killed: Path, good: Good) -> None:
    case.prepare(killed)
    assert truth(killed) == good.truth


def test_a_lost_file_of_a_log_that_was_empty_lost_nothing(good: Good, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(good.drained, data)
    log(data).write_bytes(b"")
    assert truth(data) == good.truth
    with cachedesk.open(data) as cache:
        cache.incr("views:1", 5)
        cache.drain(60)
        assert cache.get("views:1") == b"5"


def test_a_refused_directory_can_be_mended_and_opened(now: Path, good: Good) -> None:
    whole = log(now).read_bytes()
    log(now).write_bytes(b"garbage")
    for _ in range(2):
        with pytest.raises(Damaged):
            cachedesk.open(now).close()
    log(now).write_bytes(whole)
    assert truth(now) == good.truth


def test_a_witness_of_the_first_version_is_taken_on(now: Path, good: Good) -> None:
    """It was shorter; so was the table of the database."""
    os.truncate(now / "log" / "witness", 40)
    sql(now / "cachedesk.db", "DELETE FROM meta WHERE name='openings'")
    for _ in range(2):
        assert truth(now) == good.truth
    assert watermarks.read_watermarks(now / "log" / "witness").openings == 2


Restore = Callable[[Path, Path], object]
HALF_RESTORED: list[tuple[str, Restore]] = [
    ("the database", lambda old, data: shutil.copy(old / "cachedesk.db", data)),
    ("the log", lambda old, data: shutil.copytree(old / "log", data / "log", dirs_exist_ok=True)),
    ("the log's file", lambda old, data: shutil.copy(old / "log" / "log.db", data / "log")),
    ("the witness", lambda old, data: shutil.copy(old / "log" / "witness", data / "log")),
]


@pytest.mark.parametrize("whose", ["backup", "other"])
@pytest.mark.parametrize("stop", ["now", "killed", "drained"])
@pytest.mark.parametrize(
    "restore", [it for _, it in HALF_RESTORED], ids=[it for it, _ in HALF_RESTORED]
)
def test_a_directory_that_was_half_restored_is_refused_unless_nothing_is_missing(
    restore: Restore, stop: str, whose: str, good: Good, tmp_path: Path
) -> None:
    """Of a backup, and of another directory altogether."""
    data = tmp_path / "data"
    shutil.copytree(getattr(good, stop), data)
    restore(getattr(good, whose), data)
    try:
        cachedesk.open(data).close()
    except Damaged:
        shutil.rmtree(data)
        shutil.copytree(getattr(good, stop), data)
        restore(getattr(good, whose), data)
        check_refusal(REFUSED, lambda: cachedesk.open(data).close(), data)
    else:
        assert (stop, whose) in MAY_BE_WHOLE
        assert truth(data) == good.truth


REFUSED = refused("half restored", lambda data: None, Damaged, RESTORE)
# The -wal file of a killed process has all that is new; a drained log has nothing that is.
MAY_BE_WHOLE = {("killed", "backup"), ("killed", "other"), ("drained", "backup")}


def test_a_database_of_an_old_backup_is_not_mixed_with_a_new_wal(
    good: Good, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(good.now, data)
    with running(data, PATIENT) as stack:
        stack.layer.set("order:000", b"the newest")
        copy_as_after_a_kill(data, tmp_path / "killed")
    shutil.copy(good.backup / "cachedesk.db", tmp_path / "killed")
    check_refusal(REFUSED, lambda: cachedesk.open(tmp_path / "killed").close(), tmp_path / "killed")


def test_an_older_database_is_noticed_though_the_log_goes_on(good: Good, tmp_path: Path) -> None:
    """Every write was write-behind and the log has new events: only the dropped events show it."""
    data = tmp_path / "data"
    with cachedesk.open(data) as cache:
        cache.set("session:1", b"old")
        cache.drain(60)
        copy_as_after_a_kill(data, tmp_path / "backup")
        cache.set("session:1", b"new")
        cache.drain(60)
        cache._drain._controls.pause()
        cache.set("session:2", b"pending")
    for file in (tmp_path / "backup").glob("cachedesk.db*"):
        shutil.copy(file, data)
    with pytest.raises(Damaged, match="has lost writes up to 2"):
        cachedesk.open(data).close()


def test_no_pickle_anywhere() -> None:
    """Reading a file must never run code from it."""
    folder = Path(cachedesk.__file__).parent
    users = [
        path.name
        for path in folder.rglob("*.py")
        if re.search(r"^\s*(import|from)\s+\w*(pickle|marshal|shelve|dill)", path.read_text(), re.M)
    ]
    assert users == []
