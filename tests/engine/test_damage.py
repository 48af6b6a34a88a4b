"""Damage: a file that is lost, replaced or changed is one clear error, never an empty log."""

from __future__ import annotations

import pickle
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

import cachedesk
from cachedesk.engine.errors import Damaged
from cachedesk.engine.record import encode
from cachedesk.engine.stack import Stack

from . import scenarios
from .scenarios import PATIENT, running


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A data directory with three pending records, closed in order."""
    with running(tmp_path / "data", PATIENT) as stack:
        stack.layer.set("order:1", b"paid")
        for number in range(3):
            stack.layer.set(f"session:{number}", b"x" * 50)
    return tmp_path / "data"


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The same as a kill leaves it: what is new is in the -wal files."""
    with running(tmp_path / "data", PATIENT) as stack:
        stack.layer.set("order:1", b"paid")
        for number in range(3):
            stack.layer.set(f"session:{number}", b"x" * 50)
        scenarios.copy_as_after_a_kill(tmp_path / "data", tmp_path / "killed")
    return tmp_path / "killed"


def change_record(data: Path, number: int, new: object) -> None:
    other = sqlite3.connect(data / "log" / "log.db")
    with other:
        changed = other.execute("UPDATE queue_events SET data=? WHERE _id=?", (new, number))
        assert changed.rowcount == 1
    other.close()


def refused(data: Path, message: str) -> None:
    """Opening raises one clear error, twice, and leaves the log and the database as they are."""
    kept = ("cachedesk.db", "log/log.db", "log/witness")
    before = {name: (data / name).read_bytes() for name in kept if (data / name).is_file()}
    for _ in range(2):
        with pytest.raises(Damaged, match=message):
            Stack(data).close()
    after = {name: (data / name).read_bytes() for name in before}
    assert {name for name in before if before[name] and before[name] != after[name]} == set()


def test_an_emptied_log_file_is_noticed(closed: Path) -> None:
    (closed / "log" / "log.db").write_bytes(b"")
    refused(closed, "lost events .* to 4.*restore the whole data directory")


def test_a_deleted_log_file_is_noticed(closed: Path) -> None:
    (closed / "log" / "log.db").unlink()
    refused(closed, "do not belong together")


def test_a_deleted_log_folder_is_noticed(closed: Path) -> None:
    shutil.rmtree(closed / "log")
    refused(closed, "do not belong together")


def test_a_deleted_wal_is_noticed(tmp_path: Path) -> None:
    scenarios.lost_wal_is_noticed(tmp_path)


def test_a_deleted_wal_of_the_database_is_noticed(killed: Path) -> None:
    for wal in killed.glob("cachedesk.db-*"):
        wal.unlink()
    with pytest.raises(Damaged):
        Stack(killed).close()


@pytest.mark.parametrize("policy", [scenarios.THROUGH, scenarios.BEHIND])
@pytest.mark.parametrize("gone", ["cachedesk.db", "cachedesk.db-wal"])
def test_a_lost_database_is_noticed_whatever_was_in_it(
    tmp_path: Path, gone: str, policy: str
) -> None:
    with running(tmp_path / "data") as stack:
        stack.layer.set("key", b"x", policy=policy)
        stack.layer.drain(5)
        scenarios.copy_as_after_a_kill(tmp_path / "data", tmp_path / "copy")
    for path in (tmp_path / "copy").glob(f"{gone}*"):
        path.unlink()
    with pytest.raises(Damaged):
        Stack(tmp_path / "copy").close()


def test_a_log_of_another_directory_is_noticed(closed: Path, tmp_path: Path) -> None:
    with running(tmp_path / "other", PATIENT) as stack:
        stack.layer.set("session:1", b"another")
    shutil.rmtree(closed / "log")
    shutil.copytree(tmp_path / "other" / "log", closed / "log")
    refused(closed, "do not belong together")


def test_the_log_file_alone_of_another_directory_is_noticed(closed: Path, tmp_path: Path) -> None:
    with running(tmp_path / "other", PATIENT) as stack:
        for number in range(9):
            stack.layer.set(f"session:{number}", b"another")
    shutil.copy(tmp_path / "other" / "log" / "log.db", closed / "log" / "log.db")
    refused(closed, "different logs")


def test_a_log_file_of_a_backup_is_noticed(closed: Path, tmp_path: Path) -> None:
    backup = tmp_path / "log.db"
    shutil.copy(closed / "log" / "log.db", backup)
    with running(closed, PATIENT) as stack:
        stack.layer.set("session:9", b"since the backup")
    shutil.copy(backup, closed / "log" / "log.db")
    refused(closed, "lost events 5 to 5")


@pytest.mark.parametrize(
    "garbage", [b"garbage", b"SQLite format 3\x00" + b"\xff" * 5_000], ids=["short", "a header"]
)
def test_garbage_is_noticed(closed: Path, garbage: bytes) -> None:
    (closed / "log" / "log.db").write_bytes(garbage)
    refused(closed, "log.db cannot be")


@pytest.mark.parametrize("witness", [b"", b"x" * 24, b"x" * 40, b"x" * 500], ids=len)
def test_a_damaged_witness_is_noticed(closed: Path, witness: bytes) -> None:
    (closed / "log" / "witness").write_bytes(witness)
    refused(closed, "the witness .* is damaged")


def test_a_deleted_witness_is_noticed(closed: Path) -> None:
    (closed / "log" / "witness").unlink()
    refused(closed, "do not belong together|different logs")


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    "new",
    [b"", b"\x00" * 60, "text", 5, None, pickle.dumps([1, 2]), encode(1, [])],
    ids=["empty", "zeros", "text", "integer", "null", "pickle", "no events"],
)
def test_a_damaged_record_is_noticed_wherever_it_is(closed: Path, number: int, new: object) -> None:
    change_record(closed, number, new)
    refused(closed, f"damaged at record {number}|different logs")


def test_one_flipped_bit_in_the_file_is_noticed(closed: Path) -> None:
    path = closed / "log" / "log.db"
    data = bytearray(path.read_bytes())
    data[data.index(b"x" * 50) + 25] ^= 1
    path.write_bytes(bytes(data))
    refused(closed, "damaged at record")


def test_a_damaged_record_of_a_killed_process_is_noticed(killed: Path) -> None:
    """Here what is new is in the -wal; what was refused is still all there afterwards."""
    change_record(killed, 2, b"damaged")
    for _ in range(2):
        with pytest.raises(Damaged, match="damaged at record 2"):
            Stack(killed).close()
    other = sqlite3.connect(killed / "log" / "log.db")
    assert other.execute("SELECT count(*) FROM queue_events").fetchone() == (3,)
    other.close()


def test_a_refused_open_can_be_mended_and_opened(closed: Path) -> None:
    path = closed / "log" / "log.db"
    good = path.read_bytes()
    path.write_bytes(b"garbage")
    refused(closed, "cannot be")
    path.write_bytes(good)
    with running(closed) as stack:
        assert stack.layer.get("session:2") == b"x" * 50


def test_no_pickle_anywhere() -> None:
    """Reading a file must never run code from it."""
    folder = Path(cachedesk.__file__).parent
    users = [
        path.name
        for path in folder.rglob("*.py")
        if re.search(r"^\s*(import|from)\s+\w*(pickle|marshal|shelve|dill)", path.read_text(), re.M)
    ]
    assert users == []
