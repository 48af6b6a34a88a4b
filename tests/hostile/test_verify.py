"""``cachedesk verify``: every kind of damage is named, and no byte of a directory changes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.conftest import Command
from engine import poison
from engine.scenarios import PATIENT, running
from engine.until import until

from cachedesk.core.commands import PauseWorker
from cachedesk.core.errors import DataDirectoryError, InUse
from cachedesk.core.events import Op
from cachedesk.stack.stack import Stack
from cachedesk.stores.embedded.verification import Verification, verify

from . import test_database_files, test_directory, test_log_files
from .cases import Refused, Served, each, put_record, sql
from .conftest import Good
from .damage import scribble

OpenStack = Callable[..., Stack]
DB = "cachedesk.db"


def every_byte(folder: Path) -> dict[str, tuple[int, int, str]]:
    """What is in ``folder``, with the lock, ``-shm`` and ``-wal`` files, and when it changed."""
    found = {}
    for path in sorted((folder, *folder.rglob("*"))):
        status = path.lstat()
        content = ""
        if stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def verified(data: Path) -> Verification:
    """Verify ``data``, which must not change by a byte."""
    before = every_byte(data)
    found = verify(data)
    assert every_byte(data) == before
    return found


def problems(data: Path) -> str:
    """What is wrong with ``data``, a line each."""
    return "\n".join(map(str, verified(data).findings))


# -- sound ones ------------------------------------------------------------------------------------


def test_a_directory_after_a_stop_in_order_is_sound(now: Path, good: Good) -> None:
    found = verified(now)
    assert found.findings == ()
    figures = found.figures
    assert (figures.rows, figures.records, figures.pending, figures.dead) == (360, 30, 30, 0)
    assert (figures.newest_seq, figures.was_open) == (391, False)


def test_a_directory_after_a_kill_is_sound(killed: Path) -> None:
    assert (killed / "log" / "log.db-wal").stat().st_size
    found = verified(killed)
    assert found.findings == ()
    assert (found.figures.pending, found.figures.was_open) == (30, True)


HARMLESS = [*test_database_files.HARMLESS, *test_log_files.HARMLESS]


@each(HARMLESS)
def test_what_does_not_matter_is_sound(case: Served, killed: Path) -> None:
    case.prepare(killed)
    assert problems(killed) == ""


def test_one_that_was_drained_and_one_that_is_new_are_sound(good: Good, tmp_path: Path) -> None:
    data = Path(shutil.copytree(good.drained, tmp_path / "drained"))
    assert problems(data) == ""
    assert verified(data).figures.pending == 0
    with running(tmp_path / "new"):
        pass
    assert problems(tmp_path / "new") == ""


def test_tombstones_dead_letters_and_blocked_events_are_sound(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    stack = open_stack(path=data)
    stack.layer.set("likes:1", "x", policy="write-through")
    stack.layer.set("order:1", "x")
    seq = poison.append(stack, Op.INCR, b"likes:1", 1)
    until(stack.layer.dead_letters)
    stack.perform(PauseWorker())
    # Not before: the worker trims what is deleted.
    stack.layer.delete("order:1")
    stack.layer.incr("views:1")
    stack.close()
    found = verified(data)
    assert found.findings == ()
    assert (found.figures.dead, found.figures.pending) == (1, 1)
    assert (found.figures.rows, found.figures.tombstones) == (1, 1)
    assert (found.figures.newest_seq or 0) > seq


# -- damaged ones ----------------------------------------------------------------------------------

OF_NOW = [*test_database_files.DAMAGED, *test_log_files.DAMAGED, *test_directory.INSIDE]
OF_KILLED = [*test_database_files.KILLED, *test_log_files.KILLED]


@each(OF_NOW)
def test_what_an_opening_refuses_is_found(case: Refused, now: Path) -> None:
    case.prepare(now)
    check(case, now)


@each(OF_KILLED)
def test_what_an_opening_after_a_kill_refuses_is_found(case: Refused, killed: Path) -> None:
    case.prepare(killed)
    check(case, killed)


def check(case: Refused, data: Path) -> None:
    """See that all words of ``case`` are in what is found, and that each finding names a file."""
    found = verified(data)
    told = "\n".join(map(str, found.findings))
    assert found.findings
    assert [word for word in case.words if word not in told and word != "nothing was changed"] == []
    for finding in found.findings:
        assert finding.file or str(data) in finding.problem
        assert finding.problem
        assert "\n" not in str(finding)
        assert "cachedesk-verify-" not in str(finding)


def test_a_page_in_the_middle_of_the_database_is_found(now: Path) -> None:
    scribble(DB, 4 * 4096, 4096)(now)
    assert "is malformed" in problems(now)


def test_all_damaged_records_are_listed_and_none_twice(now: Path) -> None:
    for number in (70, 75, 90):
        put_record(now, number, b"damaged")
    found = verified(now)
    told = [str(finding) for finding in found.findings]
    assert [f"is damaged at record {number} (checksum)" in "".join(told) for number in (70, 75, 90)]
    assert sum("is damaged at record" in line for line in told) == 3
    assert {finding.file for finding in found.findings} == {"log/log.db"}
    assert found.figures.records == 30


LAST = "WHERE key = (SELECT max(key) FROM rows)"
WRONG = [
    Served("a row from the future", lambda data: change(data, f"UPDATE rows SET seq=9999 {LAST}")),
    Served("a row of seq 0", lambda data: change(data, f"UPDATE rows SET seq=0 {LAST}")),
    Served("a row too few", lambda data: change(data, f"DELETE FROM rows {LAST}")),
    Served("a key of no bytes", lambda data: change(data, f"UPDATE rows SET key=x'' {LAST}")),
    Served("a dead letter of no operation", lambda data: letter(data, 5, "rename", b"x")),
    Served("a dead delete with a value", lambda data: letter(data, 5, "delete", b"x")),
    Served("a dead letter from the future", lambda data: letter(data, 9999, "set", b"x")),
]


def change(data: Path, statement: str) -> None:
    sql(data / DB, statement)


def letter(data: Path, seq: int, op: str, arg: bytes) -> None:
    connection = sqlite3.connect(data / DB)
    with connection:
        connection.execute(
            "INSERT INTO dead (seq, op, key, arg, reason, at, attempts) VALUES (?,?,?,?,?,?,?)",
            (seq, op, b"k", arg, "refused", 1.0, 1),
        )
    connection.close()


@each(WRONG)
def test_what_an_opening_does_not_look_at_is_found_too(case: Served, now: Path) -> None:
    case.prepare(now)
    (finding,) = verified(now).findings
    assert finding.file == DB
    assert "restore the whole data directory" in finding.advice


# -- refusals --------------------------------------------------------------------------------------


def test_a_directory_in_use_is_refused_and_is_not_disturbed(
    open_stack: OpenStack, tmp_path: Path
) -> None:
    stack = open_stack(path=tmp_path / "data")
    with pytest.raises(InUse, match=f"open already in this process, process {os.getpid()}"):
        verify(tmp_path / "data")
    stack.layer.set("order:1", "x")


def test_while_it_is_verified_it_cannot_be_opened(
    now: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cachedesk.stores.embedded import verification

    refused: list[InUse] = []
    check = verification.check_directory

    def open_meanwhile(files: object) -> None:
        with pytest.raises(InUse) as caught:
            Stack(now)
        refused.append(caught.value)
        verify_again()
        check(files)  # type: ignore[arg-type]

    def verify_again() -> None:
        monkeypatch.setattr(verification, "check_directory", check)
        assert verify(now).findings == ()

    monkeypatch.setattr(verification, "check_directory", open_meanwhile)
    assert verify(now).findings == ()
    assert len(refused) == 1
    with running(now, PATIENT) as stack:
        assert stack.layer.get("order:000") == b"sent"


@pytest.mark.parametrize("name", ["nothing", "a file", "an empty folder"])
def test_what_is_no_data_directory_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a file").write_bytes(b"mine")
    (tmp_path / "an empty folder").mkdir()
    before = every_byte(tmp_path)
    with pytest.raises(DataDirectoryError, match="data directory"):
        verify(tmp_path / name)
    assert every_byte(tmp_path) == before


def test_no_room_for_copies_is_said(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(DataDirectoryError, match=r"No space left on device; set TMPDIR"):
        verify(killed)


def test_a_file_that_another_program_has_for_itself_is_refused(now: Path) -> None:
    held = sqlite3.connect(now / DB, isolation_level=None)
    held.execute("PRAGMA locking_mode=EXCLUSIVE")
    held.execute("BEGIN EXCLUSIVE")
    try:
        # Nothing is opened that could be locked: what is committed is read as it is.
        assert verify(now).findings == ()
    finally:
        held.close()


# -- the command -----------------------------------------------------------------------------------


def test_the_command_says_sound_and_exits_with_0(cachedesk: Command, now: Path) -> None:
    done = cachedesk("verify", "--data", now)
    assert (done.returncode, done.stderr) == (0, b"")
    said = done.stdout.decode()
    assert said.startswith(
        f"{now}: sound, 360 keys, 30 log records, 30 pending events, 0 dead letters; checked in "
    )
    found = json.loads(cachedesk("verify", "--json", "--data", now).stdout)
    assert found.items() >= {"sound": True, "findings": [], "rows": 360, "pending": 30}.items()


def test_the_command_lists_what_is_wrong_and_exits_with_1(cachedesk: Command, now: Path) -> None:
    put_record(now, 75, b"damaged")
    done = cachedesk("verify", "--data", now)
    assert (done.returncode, done.stderr) == (1, b"")
    first, last = done.stdout.decode().splitlines()
    assert "log.db is damaged at record 75 (checksum); restore the whole data directory" in first
    assert f"{now}: 1 problem found, " in last
    done = cachedesk("verify", "--json", "--data", now)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert not found["sound"]
    (finding,) = found["findings"]
    assert finding["file"] == "log/log.db"
    assert "record 75" in finding["problem"]
    assert finding["advice"].startswith("restore")


def test_the_command_refuses_a_bad_call_with_2(
    cachedesk: Command, open_stack: OpenStack, tmp_path: Path
) -> None:
    open_stack(path=tmp_path / "used")
    for arguments in (("--data", tmp_path / "none"), ("--data", tmp_path / "used"), ("extra",)):
        done = cachedesk("verify", *arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.count(b"\n") == 1
