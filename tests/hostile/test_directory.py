"""The data directory: missing, in the way, oddly named, not writable."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli.conftest import Command
from engine.scenarios import PATIENT, running

import cachedesk
from cachedesk.core.errors import DataDirectoryError

from .cases import check_message, check_refusal, digest, each, refused, truth
from .conftest import Good
from .damage import a_folder_instead, a_link_to_nowhere, a_pipe_instead, write


@dataclass(frozen=True, slots=True)
class Place:
    """A place that cannot be a data directory, and the expected message."""

    name: str
    make: Callable[[Path], Path | str]
    words: tuple[str, ...]


def a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"mine")
    return folder / "file"


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def a_link(folder: Path, to: str) -> Path:
    (folder / "link").symlink_to(to)
    return folder / "link"


PLACES = [
    Place("a file", a_file, ("is a file; name a directory",)),
    Place("below a file", lambda folder: a_file(folder) / "data", ("cannot be used",)),
    Place("a pipe", a_pipe, ("is a file; name a directory",)),
    Place("a device", lambda folder: "/dev/null", ("is a file; name a directory",)),
    Place("a link to nowhere", lambda folder: a_link(folder, "nowhere"), ("a broken symlink",)),
    Place("a link to itself", lambda folder: a_link(folder, "link"), ("a broken symlink",)),
    Place("a link to a file", lambda folder: a_link(folder, str(a_file(folder))), ("is a file",)),
    Place("no name", lambda folder: "", ("is empty; name a directory",)),
    Place("a NUL in the name", lambda folder: f"{folder}/a\0b", ("cannot be used",)),
    Place("half a character", lambda folder: f"{folder}/\ud800", ("cannot be used",)),
    Place("a name too long", lambda folder: folder / ("x" * 256), ("File name too long",)),
    Place("a path too long", lambda folder: folder / ("xxx/" * 1_100), ("too long for SQLite",)),
    Place("too long for SQLite", lambda folder: folder / ("d/" * 250), ("491 bytes",)),
    Place("where nothing can be made", lambda folder: "/proc/cachedesk", ("cannot be used",)),
    Place("in a link to nowhere", lambda folder: a_link(folder, "n") / "d", ("cannot be used",)),
]


@each(PLACES)
def test_what_cannot_be_a_data_directory_is_refused(case: Place, tmp_path: Path) -> None:
    path = case.make(tmp_path)
    before = digest(tmp_path)
    with pytest.raises(DataDirectoryError) as caught:
        cachedesk.open(path).close()
    message = str(caught.value)
    assert all(word in message for word in case.words)
    assert "\n" not in message
    assert digest(tmp_path) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
def test_the_command_says_it_in_one_line_though_the_path_has_two(
    cachedesk: Command, tmp_path: Path
) -> None:
    (tmp_path / "a\nb").write_bytes(b"mine")
    done = cachedesk("run", "--ops", "1", "--data", tmp_path / "a\nb")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    check_message(done.stderr.decode().strip(), ("is a file; name a directory",))


INSIDE = [
    refused("the lock a folder", a_folder_instead("lock"), DataDirectoryError, "is a directory"),
    refused("the lock a pipe", a_pipe_instead("lock"), DataDirectoryError, "lock is a pipe"),
    refused("the lock a link", a_link_to_nowhere("lock"), DataDirectoryError, "a broken symlink"),
    refused(
        "the state a folder", a_folder_instead("redis.state"), DataDirectoryError, "a directory"
    ),
    refused("the state a pipe", a_pipe_instead("redis.state"), DataDirectoryError, "a pipe"),
    refused(
        "redis a file", write("redis", b"mine"), DataDirectoryError, "redis is not a directory"
    ),
    refused(
        "the log a file",
        lambda data: (shutil.rmtree(data / "log"), (data / "log").write_bytes(b"mine")),
        DataDirectoryError,
        "log is not a directory",
    ),
    refused(
        "the log a link",
        lambda data: (shutil.rmtree(data / "log"), (data / "log").symlink_to("nowhere")),
        DataDirectoryError,
        "log is not a directory",
    ),
]


@each(INSIDE)
def test_what_has_one_of_our_names_and_is_something_else_is_refused(
    case: object, now: Path
) -> None:
    case.prepare(now)  # type: ignore[attr-defined]
    check_refusal(case, lambda: cachedesk.open(now).close(), now)  # type: ignore[arg-type]


NAMES: list[tuple[str, str | bytes]] = [
    ("spaces", " a  b "),
    ("line breaks", "a\nb\r\nc"),
    ("of a URI", "a?mode=memory&cache=shared#b%20%00"),
    ("quotes", "'\"`$(true)"),
    ("a colon", "file:a"),
    ("a memory database's", ":memory:"),
    ("an option's", "--data"),
    ("not UTF-8", b"caf\xe9\xff"),
    ("far away letters", "\u6570\u636e \U0001f600 e\u0301"),
    ("a glob's", "[a]*?"),
    ("as long as may be", "n" * 255),
    ("deep", "d/" * 150 + "data"),
]


@pytest.mark.parametrize("name", [it for _, it in NAMES], ids=[it for it, _ in NAMES])
def test_any_name_is_served(name: str | bytes, tmp_path: Path) -> None:
    data = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + os.fsencode(name)))
    with running(data, PATIENT) as stack:
        stack.layer.write_many([("set", "order:1", b"paid"), ("incr", "views:1", 2)])
        stack.layer.evict("*")
        assert stack.layer.get("order:1") == b"paid"
    assert (data / "cachedesk.db").stat().st_size > 0
    assert truth(data) == {b"order:1": b"paid", b"views:1": b"2"}


def test_a_missing_directory_is_made_with_all_above_it(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b" / "data"
    assert truth(data) == {}
    assert truth(data) == {}


def test_a_link_to_a_directory_is_served(now: Path, good: Good, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(now)
    assert truth(tmp_path / "link") == good.truth


def test_a_relative_name_means_the_place_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another data directory of the same name is where the process goes while it is open."""
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        with cachedesk.open("data") as cache:
            cache.set("order:1", place)
    with cachedesk.open("data") as cache:
        monkeypatch.chdir(tmp_path / "here")
        # A listing under way keeps the connection, so that the next reader opens one of its own.
        listing = cache.items()
        assert next(listing) == (b"order:1", b"there")
        cache.evict("*")
        assert cache.get("order:1") == b"there"
        assert list(listing) == []
        cache.set("order:2", b"there")
    assert b"order:2" not in truth(tmp_path / "here" / "data")
    assert truth(tmp_path / "there" / "data")[b"order:2"] == b"there"


@pytest.fixture
def unwritable(now: Path) -> Iterator[Path]:
    """A data directory in which nothing can be made; for root, only its file system can say so."""
    if os.geteuid() != 0:
        now.chmod(0o500)
        yield now
        now.chmod(0o700)
        return
    done = subprocess.run(["chattr", "-R", "+i", str(now)], capture_output=True)
    if done.returncode:
        pytest.skip("root may write everywhere, and this file system has no immutable files")
    yield now
    subprocess.run(["chattr", "-R", "-i", str(now)], check=True)


def test_a_directory_that_cannot_be_written_is_refused(unwritable: Path) -> None:
    before = digest(unwritable)
    with pytest.raises(DataDirectoryError, match=r"cannot be (written|used)"):
        cachedesk.open(unwritable).close()
    assert digest(unwritable) == before


@pytest.mark.parametrize("owner", [b"", b"text\n\n", b"\xff" * 99, b"-5", b"9" * 30], ids=repr)
def test_whatever_the_lock_file_says_whoever_has_it_is_respected(
    owner: bytes, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as stack:
        (tmp_path / "data" / "lock").write_bytes(owner)
        with pytest.raises(cachedesk.InUse) as caught:
            cachedesk.open(tmp_path / "data").close()
        check_message(str(caught.value), ("is open already in this process",))
        assert stack.layer.incr("views:1") == 1
