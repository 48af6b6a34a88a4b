"""``cachedesk explain KEY``: what the row and the log hold, and what a read would get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cachedesk as cachedesk_package
from cachedesk.core.commands import PauseWorker
from cachedesk.stack.stack import Stack

from .conftest import Command


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a row of 5 and +2 pending, an applied row, and a deleted one."""
    stack = Stack(tmp_path / "data")
    stack.layer.set("order:17", b"paid")
    stack.layer.set("gone", b"x")
    stack.layer.delete("gone")
    stack.layer.incr("likes:1", 5, policy="write-through")
    stack.perform(PauseWorker())
    stack.layer.incr("likes:1", 2)
    stack.close()
    return tmp_path / "data"


def test_it_says_what_each_place_holds_and_why(cachedesk: Command, data: Path) -> None:
    done = cachedesk("explain", "likes:1", "--data", data)
    assert (done.returncode, done.stderr) == (0, b"")
    told = done.stdout.decode()
    assert "policy    write-behind (likes:*)\n" in told
    assert "Redis     unknown: it is not running" in told
    assert "log       1 event pending" in told
    assert "database  5 (seq " in told
    assert "incr +2 = 7\n" in told
    assert "a read    gets 7, from the database and the log: " in told


def test_as_json_it_has_the_deadlines(cachedesk: Command, tmp_path: Path) -> None:
    with cachedesk_package.open(tmp_path / "data") as cache:
        cache.set("order:1", 5, ttl="2h")
    found = json.loads(
        cachedesk("explain", "order:1", "--json", "--data", tmp_path / "data").stdout
    )
    assert found["expires_at"] == found["row"]["expires_at"] > 1.7e9


def test_as_json_it_agrees_with_get(cachedesk: Command, data: Path) -> None:
    found = json.loads(cachedesk("explain", "likes:1", "--json", "--data", data).stdout)
    got = json.loads(cachedesk("get", "likes:1", "--json", "--data", data).stdout)
    assert got.items() <= found.items()
    assert found["row"]["value"] == "5"
    (event,) = found["events"]
    assert (event["op"], event["arg"], event["value_after"]) == ("incr", 2, "7")
    assert (event["in_row"], event["refused"]) == (False, "")
    assert (found["dead"], found["events_before"]) == ([], 0)


@pytest.mark.parametrize(("key", "why"), [("gone", "deleted by seq 3"), ("never", "no row")])
def test_an_absent_key_is_status_1(cachedesk: Command, data: Path, key: str, why: str) -> None:
    done = cachedesk("explain", key, "--data", data)
    assert done.returncode == 1
    assert f"database  {why}\n" in done.stdout.decode()
    done = cachedesk("explain", key, "--json", "--data", data)
    assert (done.returncode, json.loads(done.stdout)["value"]) == (1, None)


def test_policies_come_from_the_settings(cachedesk: Command, data: Path) -> None:
    (data / "cachedesk.toml").write_text('[policies]\n"order:1*" = "write-behind"\n')
    found = json.loads(cachedesk("explain", "order:17", "--json", "--data", data).stdout)
    assert (found["policy"], found["pattern"]) == ("write-behind", "order:1*")


def test_bad_calls_are_status_2(cachedesk: Command, data: Path, tmp_path: Path) -> None:
    for arguments in (
        ("explain", "--data", data),
        ("explain", "", "--data", data),
        ("explain", "k", "--data", tmp_path / "none"),
    ):
        done = cachedesk(*arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.count(b"\n") == 1


def test_a_directory_in_use_is_refused(cachedesk: Command, data: Path) -> None:
    stack = Stack(data)
    try:
        done = cachedesk("explain", "order:17", "--data", data)
    finally:
        stack.close()
    assert done.returncode == 2
    assert b"is in use by process" in done.stderr
