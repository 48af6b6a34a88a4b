"""The command line arms CACHEDESK_FAILPOINTS in each stack that it opens; the library never."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Command

pytestmark = pytest.mark.slow

OPENS_A_STACK = [
    ("run", "--ops", 10),
    ("drain",),
    ("dead", "drop", 1),
    ("story", "the-gap", "--headless"),
    ("compare", "--ops", 10, "--vary", "clients=1,2"),
]


@pytest.fixture
def data(cachedesk: Command, tmp_path: Path) -> Path:
    """A data directory that was used before."""
    assert cachedesk("run", "--ops", 10, "--data", tmp_path / "data").returncode == 0
    return tmp_path / "data"


@pytest.mark.parametrize("command", OPENS_A_STACK, ids=lambda command: command[0])
def test_the_command_obeys_it(
    cachedesk: Command, data: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[object, ...]
) -> None:
    where = ("--data", data) if command[0] in ("run", "drain", "dead") else ()
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", "boot.serve.before=raise(Unavailable)")
    done = cachedesk(*command, *where)
    assert (done.returncode, done.stderr) == (2, b"cachedesk: failpoint boot.serve.before\n")
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", "boot.serve.befor=kill")
    done = cachedesk(*command, *where)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"did you mean 'boot.serve.before'?" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_the_processes_under_torture_obey_it(
    cachedesk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each dies as it opens, the judge does not, and nothing is found broken."""
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", "boot.serve.before=kill")
    done = cachedesk("torture", "--cycles", 3, "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["kills"], found["writes"]) == (3, 0)


def test_a_bench_is_not_measured_with_failpoints(
    cachedesk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHEDESK_FAILPOINTS", "log.append.after=sleep(1)")
    done = cachedesk("bench", "--quick")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"CACHEDESK_FAILPOINTS is set" in done.stderr
