"""Whose a data directory is: one process's at a time, and one user's."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from engine.scenarios import PATIENT, running

import cachedesk
from cachedesk.core.errors import DataDirectoryError

from .cases import Refused, check_refusal, digest, each, refused, truth
from .conftest import Good

NOBODY = 65534


def test_a_directory_whose_lock_was_deleted_still_has_one_owner(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as stack:
        (data / "lock").unlink()
        for _ in range(2):
            with pytest.raises(cachedesk.InUse, match="is open already in this process"):
                cachedesk.open(data).close()
        assert stack.layer.incr("views:1") == 1
        assert stack.snapshot().redis.word == "up"
    assert truth(data) == {b"views:1": b"1"}


def test_a_lock_that_is_a_link_is_refused_and_not_followed(now: Path) -> None:
    victim = now.parent / "victim"
    victim.write_bytes(b"precious")
    (now / "lock").unlink()
    (now / "lock").symlink_to(victim)
    case = refused("a link", lambda _: None, DataDirectoryError, "lock is a symlink")
    check_refusal(case, lambda: cachedesk.open(now).close(), now)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["redis.new", "log/witness.new"])
def test_what_is_replaced_is_no_link_that_is_followed(name: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    data = tmp_path / "data"
    (data / name).parent.mkdir(parents=True)
    (data / name).symlink_to(victim)
    if name.startswith("log"):
        (data / "cachedesk.db").touch()
    assert truth(data) == {}
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_what_is_made_is_the_users_own(mask: int, tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = os.umask(mask)
    try:
        with running(data) as stack:
            stack.layer.write_many([("incr", "views:1"), ("incr", "order:1")])
            stack.layer.drain(10)
            paths = [data, *data.rglob("*")]
            modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in paths}
    finally:
        os.umask(before)
    assert len(modes) >= 10
    assert {path: f"{mode:o}" for path, mode in modes.items() if mode & 0o077} == {}


def test_the_modes_of_a_directory_that_was_there_stay(now: Path) -> None:
    now.chmod(0o755)
    (now / "cachedesk.db").chmod(0o644)
    truth(now)
    assert stat.S_IMODE(now.stat().st_mode) == 0o755
    assert stat.S_IMODE((now / "cachedesk.db").stat().st_mode) == 0o644


@contextmanager
def as_another_user() -> Iterator[None]:
    """Root may do everything, so nothing is tried as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def foreign(good: Good) -> Iterator[Path]:
    """A good directory of a user who is not root."""
    home = Path(tempfile.mkdtemp(prefix="cdt-", dir="/tmp"))
    home.chmod(0o755)
    data = Path(shutil.copytree(good.now, home / "data"))
    if os.geteuid() == 0:
        for path in (data, *data.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    yield data
    shutil.rmtree(home)


def mode(name: str, bits: int) -> Refused:
    said = "" if name.startswith("log/") and not bits else name
    return refused(
        f"{name} {bits:o}", lambda data: (data / name).chmod(bits), DataDirectoryError, said
    )


FORBIDDEN = [
    mode(name, bits)
    for name in ("cachedesk.db", "log/log.db", "log/witness", "lock")
    for bits in (0o444, 0o000)
]


@each(FORBIDDEN)
def test_a_file_that_may_not_be_written_is_refused_and_nothing_is_left(
    case: Refused, foreign: Path, good: Good
) -> None:
    """A side file that was made meanwhile would have its mode, and keep the user out for good."""
    case.prepare(foreign)
    before = digest(foreign), sorted(foreign.rglob("*"))
    with as_another_user():
        with pytest.raises(DataDirectoryError, match="cannot be") as caught:
            cachedesk.open(foreign).close()
        assert case.words[0] in str(caught.value)
    assert (digest(foreign), sorted(foreign.rglob("*"))) == before
    for path in foreign.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert truth(foreign) == good.truth


def test_a_log_folder_that_may_not_be_entered_is_refused(foreign: Path) -> None:
    (foreign / "log").chmod(0o000)
    with as_another_user(), pytest.raises(DataDirectoryError, match="cannot be"):
        cachedesk.open(foreign).close()


def test_a_folder_that_becomes_unreadable_breaks_no_snapshot(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="cdt-", dir="/tmp"))
    try:
        with running(home / "data", PATIENT) as stack:
            stack.layer.incr("views:1")
            (home / "data").chmod(0o000)
            (home / "data" / "log").chmod(0o000)
            try:
                with as_another_user():
                    seen = stack.snapshot()
            finally:
                (home / "data").chmod(0o700)
                (home / "data" / "log").chmod(0o700)
            assert seen.books.balanced
            assert seen.log.bytes == 0
    finally:
        shutil.rmtree(home)
