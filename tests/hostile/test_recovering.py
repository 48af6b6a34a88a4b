"""``cachedesk recover``: the way back in when the log was lost and the database is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from engine.scenarios import PATIENT, running

from cachedesk.admin.inspection import recover_directory
from cachedesk.core.errors import Damaged, DataDirectoryError

from .cases import digest, sql, truth
from .conftest import Good

LOSE: dict[str, Callable[[Path], object]] = {
    "the witness": lambda data: (data / "log" / "witness").unlink(),
    "the witness, cut": lambda data: os.truncate(data / "log" / "witness", 0),
    "the file": lambda data: (data / "log" / "log.db").unlink(),
    "the file, emptied": lambda data: os.truncate(data / "log" / "log.db", 0),
    "the file, damaged": lambda data: (data / "log" / "log.db").write_bytes(b"x" * 9_000),
    "the folder": lambda data: shutil.rmtree(data / "log"),
}
UNKNOWN = "their number is not known"


@pytest.fixture
def drained(good: Good, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good.drained, tmp_path / "data"))


def goes_on(data: Path, good: Good) -> None:
    """It serves what it had, and new writes of both paths are applied."""
    assert truth(data) == good.truth
    with running(data) as stack:
        for key in ("session:000", "order:000"):
            stack.layer.set(key, b"after")
        stack.layer.drain(10)
        assert stack.layer.get_many(["session:000", "order:000"]) == [b"after", b"after"]
        assert stack.snapshot().books.balanced
    changed = {b"session:000": b"after", b"order:000": b"after"}
    assert truth(data) == {**good.truth, **changed}


@pytest.mark.parametrize("what", LOSE)
def test_a_log_that_was_drained_can_be_lost(what: str, drained: Path, good: Good) -> None:
    LOSE[what](drained)
    if what == "the file, emptied":
        # A file of no bytes that has held nothing is a new one.
        assert truth(drained) == good.truth
        return
    with pytest.raises(Damaged, match="recover"):
        truth(drained)
    if what == "the folder":
        before = digest(drained)
        with pytest.raises(DataDirectoryError, match=UNKNOWN):
            recover_directory(drained, accept_loss=False)
        assert digest(drained) == before
        assert UNKNOWN in recover_directory(drained, accept_loss=True)
    else:
        said = recover_directory(drained, accept_loss=False)
        assert "nothing is lost" in said or "nothing is known to be lost" in said
    goes_on(drained, good)


@pytest.mark.parametrize("what", ["the file", "the file, emptied", "the file, damaged"])
def test_what_was_only_in_the_log_is_given_up_only_if_that_is_said(
    what: str, now: Path, good: Good
) -> None:
    LOSE[what](now)
    before = digest(now)
    with pytest.raises(DataDirectoryError, match="events 361 to 391 are lost, unless"):
        recover_directory(now, accept_loss=False)
    assert digest(now) == before
    assert "events 361 to 391 are lost" in recover_directory(now, accept_loss=True)
    assert truth(now)[b"order:000"] == b"sent"
    assert (now / "log.lost-1").is_dir()
    with running(now, PATIENT) as stack:
        assert stack.layer.incr("views:1") == 1
        assert next(stack.pending.all().values().__iter__())[0].seq > 391


def test_a_log_of_two_processes_is_given_up_only_if_that_is_said(now: Path, good: Good) -> None:
    """As after a fork that both processes wrote to: two events have one number, so the log never
    drained, and nothing said why."""
    sql(
        now / "log" / "log.db",
        "INSERT INTO queue_events (data, timestamp)"
        " SELECT data, timestamp FROM queue_events ORDER BY _id LIMIT 3",
    )
    before = digest(now)
    with pytest.raises(Damaged, match="two processes wrote it at the same time"):
        truth(now)
    with pytest.raises(DataDirectoryError, match=UNKNOWN):
        recover_directory(now, accept_loss=False)
    assert digest(now) == before
    assert UNKNOWN in recover_directory(now, accept_loss=True)
    assert (now / "log.lost-1").is_dir()
    with running(now) as stack:
        stack.layer.incr("views:1")
        stack.layer.drain(60)
        assert stack.snapshot().books.pending == 0


def test_a_witness_that_was_lost_beside_pending_events_costs_nothing(now: Path, good: Good) -> None:
    LOSE["the witness"](now)
    assert "nothing is known to be lost" in recover_directory(now, accept_loss=False)
    goes_on(now, good)


def test_what_is_sound_is_left_alone(now: Path) -> None:
    before = digest(now)
    assert "nothing is wrong" in recover_directory(now, accept_loss=True)
    assert digest(now) == before


@pytest.mark.parametrize("how", ["older", "cut"])
def test_a_database_that_lost_something_is_not_recovered(how: str, now: Path, good: Good) -> None:
    if how == "older":
        shutil.copy(good.backup / "cachedesk.db", now)
    else:
        os.truncate(now / "cachedesk.db", 6 * 4096)
    before = digest(now)
    with pytest.raises(Damaged, match="restore the whole data directory"):
        recover_directory(now, accept_loss=True)
    assert digest(now) == before
