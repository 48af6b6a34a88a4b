"""``dead list``, ``show``, ``replay`` and ``drop`` on a data directory that is not in use."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from engine import poison
from engine.until import until

from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.stack.stack import Stack

from .conftest import Command

pytestmark = pytest.mark.slow

_ONE_ATTEMPT = Settings(worker=WorkerSettings(batch_age_seconds=0.0, max_attempts=1))
HOSTILE = b"views:\xff\x1b[31m\n\x00"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with the row views:1 = 5 and three dead letters, 2 to 4."""
    directory = tmp_path / "data"
    stack = Stack(directory, _ONE_ATTEMPT)
    stack.layer.set("views:1", 5, policy="write-through")
    reason = "no\x1b[2J"
    poison.trigger(directory, "1", f"SELECT RAISE(ABORT, '{reason}')")
    stack.layer.incr("views:1", 20)
    stack.layer.set(HOSTILE, b"\x00\x1b]0;owned\x07" * 20, policy="write-behind")
    stack.layer.delete("views:1", policy="write-behind")
    until(lambda: stack.snapshot().books.dead == 3)
    stack.close()
    return directory


@pytest.fixture
def willing(data: Path) -> Path:
    """The same, and its database takes everything again."""
    poison.allow(data)
    return data


def value(cachedesk: Command, data: Path, key: str = "views:1") -> bytes:
    return cachedesk("get", key, "--data", data).stdout


def letters(cachedesk: Command, data: Path) -> list[int]:
    done = cachedesk("dead", "list", "--json", "--data", data)
    assert done.returncode == 0
    return [letter["seq"] for letter in json.loads(done.stdout)["dead"]]


def test_list_shows_them_as_a_table_that_harms_no_terminal(cachedesk: Command, data: Path) -> None:
    done = cachedesk("dead", "list", "--data", data)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert lines[0].split()[:3] == ["SEQ", "WRITE", "ATTEMPTS"]
    assert [line.split()[0] for line in lines[1:]] == ["2", "3", "4"]
    assert "incr views:1 20" in lines[1]
    assert r"set views:\xff\x1b[31m\n\x00" in lines[2]
    assert all(line.isprintable() for line in lines)
    assert r"no\x1b[2J" in lines[3]
    done = cachedesk("dead", "list", "--limit", 1, "--data", data)
    assert done.stdout.decode().splitlines()[-1] == "and 2 more; --limit shows them"


def test_list_as_json_is_one_object(cachedesk: Command, data: Path) -> None:
    done = cachedesk("dead", "list", "--json", "--limit", 2, "--data", data)
    assert done.stdout.count(b"\n") == 1
    found = json.loads(done.stdout)
    assert found["total"] == 3
    first, second = found["dead"]
    assert first.items() >= {"seq": 2, "op": "incr", "key": "views:1", "arg": 20}.items()
    assert first.items() >= {"reason": "no\x1b[2J", "attempts": 1}.items()
    assert second["key"] == {"base64": "dmlld3M6/xtbMzFtCgA="}


def test_show_tells_everything_about_one(cachedesk: Command, data: Path) -> None:
    done = cachedesk("dead", "show", 3, "--data", data)
    assert done.returncode == 0
    text = done.stdout.decode()
    assert all(line.isprintable() for line in text.splitlines())
    assert text.count("owned") == 20
    found = json.loads(cachedesk("dead", "show", 2, "--json", "--data", data).stdout)
    assert found.items() >= {"seq": 2, "op": "incr", "arg": 20, "attempts": 1}.items()
    done = cachedesk("dead", "show", 99, "--data", data)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"there is no dead letter 99" in done.stderr


def test_replay_applies_some_or_all(cachedesk: Command, willing: Path) -> None:
    done = cachedesk("dead", "replay", 2, "--data", willing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"replayed 2 as write ")
    assert value(cachedesk, willing) == b"25\n"
    assert letters(cachedesk, willing) == [3, 4]
    done = cachedesk("dead", "replay", "--all", "--json", "--data", willing)
    said = json.loads(done.stdout)
    assert [each["seq"] for each in said["replayed"]] == [3, 4]
    assert said["failed"] == []
    assert value(cachedesk, willing) == b""
    done = cachedesk("dead", "list", "--data", willing)
    assert done.stdout == b"There are no dead letters.\n"
    done = cachedesk("dead", "replay", "--all", "--data", willing)
    assert (done.returncode, done.stdout) == (0, b"There are no dead letters.\n")


def test_a_replay_that_is_refused_again_says_why_and_keeps_the_letter(
    cachedesk: Command, data: Path
) -> None:
    poison.limit(data)
    poison.execute(data, "UPDATE rows SET value = CAST('90' AS BLOB)")
    done = cachedesk("dead", "replay", 2, 4, 99, "--data", data)
    assert done.returncode == 1
    assert done.stdout.startswith(b"replayed 4 as write ")
    assert b"letter 2 was not replayed: the database refuses the write (above 100)" in done.stderr
    assert b"letter 99 was not replayed: there is no dead letter 99" in done.stderr
    assert b"Traceback" not in done.stderr
    assert letters(cachedesk, data) == [2, 3]
    done = cachedesk("dead", "replay", 99, "--json", "--data", data)
    assert done.returncode == 1
    assert json.loads(done.stdout)["failed"][0]["seq"] == 99


def test_drop_removes_some_or_all(cachedesk: Command, data: Path) -> None:
    done = cachedesk("dead", "drop", 3, "--data", data)
    assert (done.returncode, done.stdout) == (0, b"dropped 3\n")
    assert letters(cachedesk, data) == [2, 4]
    done = cachedesk("dead", "drop", 3, 2, "--json", "--data", data)
    assert done.returncode == 1
    assert json.loads(done.stdout)["dropped"] == [2]
    assert cachedesk("dead", "drop", "--all", "--data", data).returncode == 0
    assert letters(cachedesk, data) == []
    assert value(cachedesk, data) == b"5\n"


@pytest.mark.parametrize(
    "arguments",
    [
        *[("replay",), ("drop",), ("drop", "--all", "1"), ("drop", "x"), ("replay", "0")],
        *[("show",), ("list", "--limit", "0"), ("list", "--limit", "x"), ("bury",)],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line(cachedesk: Command, data: Path, arguments: tuple[str, ...]) -> None:
    done = cachedesk("dead", *arguments, "--data", data)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"cachedesk: ")
    assert done.stderr.count(b"\n") == 1
    assert letters(cachedesk, data) == [2, 3, 4]


@pytest.mark.parametrize("command", [("list",), ("show", 2), ("replay", 2), ("drop", "--all")])
def test_a_directory_that_is_in_use_or_none_is_refused(
    cachedesk: Command, data: Path, tmp_path: Path, command: tuple[object, ...]
) -> None:
    stack = Stack(data, _ONE_ATTEMPT)
    try:
        done = cachedesk("dead", *command, "--data", data)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"is in use by process" in done.stderr
    finally:
        stack.close()
    done = cachedesk("dead", *command, "--data", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"there is no data directory" in done.stderr
    assert not (tmp_path / "none").exists()


def test_the_data_directory_may_stand_before_the_commands(cachedesk: Command, data: Path) -> None:
    for words in (("--data", data, "dead", "list"), ("dead", "--data", data, "list")):
        assert b"incr views:1 20" in cachedesk(*words).stdout


@pytest.mark.parametrize(("point", "done"), [("commit.before", False), ("commit.after", True)])
def test_a_replay_that_is_killed_leaves_the_letter_or_the_write(
    cachedesk: Command, willing: Path, monkeypatch: pytest.MonkeyPatch, point: str, done: bool
) -> None:
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", f"through.{point}=kill")
    killed: subprocess.CompletedProcess[bytes] = cachedesk("dead", "replay", 2, "--data", willing)
    assert killed.returncode == -signal.SIGKILL
    monkeypatch.delenv("CACHEDESK_FAILPOINTS")
    assert value(cachedesk, willing) == (b"25\n" if done else b"5\n")
    assert letters(cachedesk, willing) == ([3, 4] if done else [2, 3, 4])
    # Opened as a whole it stops the server that the killed one left behind.
    assert cachedesk("drain", "--data", willing).returncode == 0
