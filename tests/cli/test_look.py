"""``get``, ``dump`` and ``drain``: inspecting a data directory that is not in use."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cachedesk.core.commands import PauseWorker
from cachedesk.core.settings import Settings, WorkerSettings
from cachedesk.stack.stack import Stack

from .conftest import Command

_LAZY = msgspec.structs.replace(
    Settings(), worker=WorkerSettings(batch_events=1_000_000, batch_age_seconds=3600)
)
KEYS = {
    b"order:17": b"paid",
    "caf\u00e9".encode(): "cr\u00e8me".encode(),
    "cafe\u0301".encode(): b"another key",
    b"\xff\x00": b"\xfe",
    b"a\nb": b'"quoted", \\ and\nbroken',
    b"empty": b"",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with rows, and two events still pending in its log."""
    stack = Stack(tmp_path / "data", _LAZY)
    for key, value in KEYS.items():
        stack.layer.set(key, value)
    stack.layer.set("gone", b"x")
    stack.layer.delete("gone")
    stack.layer.incr("likes:1", 5, policy="write-through")
    stack.perform(PauseWorker())
    stack.layer.incr("likes:1", 2)
    stack.layer.incr("views:1", 3)
    stack.close()
    return tmp_path / "data"


def test_get_prints_the_raw_value(cachedesk: Command, data: Path) -> None:
    assert cachedesk("get", "order:17", "--data", data).stdout == b"paid\n"
    assert cachedesk("get", b"\xff", "--data", data).returncode == 1
    assert cachedesk("get", "empty", "--data", data).stdout == b"\n"
    done = cachedesk("get", "caf\u00e9", "--data", data, locale="C")
    assert done.stdout == "cr\u00e8me\n".encode()


def test_get_folds_pending_events_in_and_says_so(cachedesk: Command, data: Path) -> None:
    found = json.loads(cachedesk("get", "likes:1", "--json", "--data", data).stdout)
    assert found.items() >= {"key": "likes:1", "value": "7", "source": "overlay"}.items()
    assert found["pending"] == 1
    assert found["seq"] > 0
    found = json.loads(cachedesk("get", "order:17", "--json", "--data", data).stdout)
    assert (found["source"], found["pending"]) == ("database", 0)


def test_get_of_an_absent_key_is_told_apart(cachedesk: Command, data: Path) -> None:
    done = cachedesk("get", "gone", "--data", data)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"there is no key 'gone'" in done.stderr
    done = cachedesk("get", "gone", "--json", "--data", data)
    assert done.returncode == 1
    assert json.loads(done.stdout)["value"] is None


@pytest.mark.parametrize("locale", [None, "C", "POSIX"])
def test_dump_is_the_truth_sorted_by_bytes(
    cachedesk: Command, data: Path, locale: str | None
) -> None:
    done = cachedesk("dump", "--data", data, locale=locale)
    assert done.returncode == 0
    lines = done.stdout.split(b"\n")
    assert lines.pop() == b""
    pairs = [tuple(map(_as_bytes, json.loads(line))) for line in lines]
    assert pairs == sorted({**KEYS, b"likes:1": b"7", b"views:1": b"3"}.items())
    assert '["caf\u00e9","cr\u00e8me"]'.encode() in lines
    assert b'[{"base64":"/wA="},{"base64":"/g=="}]' in lines


def test_looking_changes_nothing(cachedesk: Command, data: Path) -> None:
    before = cachedesk("dump", "--data", data).stdout
    cachedesk("get", "likes:1", "--data", data)
    assert cachedesk("dump", "--data", data).stdout == before
    assert json.loads(cachedesk("get", "views:1", "--json", "--data", data).stdout)["pending"] == 1


def test_a_dump_into_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    stack = Stack(tmp_path, Settings())
    stack.layer.write_many(("set", f"key:{n}", b"v" * 500) for n in range(5000))
    stack.close()
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m cachedesk dump --data {tmp_path} | head -n 2",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
    )
    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stdout.count(b"\n") == 2
    assert done.stderr == b""


def test_drain_brings_what_is_pending_to_the_database(cachedesk: Command, data: Path) -> None:
    done = cachedesk("drain", "--data", data)
    assert done.returncode == 0
    assert done.stdout.startswith(b"drained 2 events in ")
    found = json.loads(cachedesk("get", "likes:1", "--json", "--data", data).stdout)
    assert (found["value"], found["source"], found["pending"]) == ("7", "database", 0)
    done = cachedesk("drain", "--json", "--data", data)
    assert json.loads(done.stdout).items() >= {"drained": 0, "dead": 0, "pending": 0}.items()
    assert not (data / "redis.state").exists()


def _as_bytes(field: str | dict[str, str]) -> bytes:
    if isinstance(field, str):
        return field.encode()
    import base64

    return base64.b64decode(field["base64"])
