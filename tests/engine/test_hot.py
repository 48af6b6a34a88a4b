"""The hottest keys: each place's value, what waits, and what was refused for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachedesk.core.commands import EvictKey, PauseWorker, ResumeWorker
from cachedesk.core.snapshot import HotKey
from cachedesk.stack.stack import Stack

from .poison import forbid
from .until import until


def hot(stack: Stack, key: bytes) -> HotKey:
    return next(one for one in stack.snapshot().hot if one.key == key)


def test_what_waits_is_told_apart_from_what_is_in_the_row(stack: Stack) -> None:
    stack.layer.incr("views:a", 5)
    stack.layer.drain(timeout=60)
    stack.perform(PauseWorker())
    stack.layer.write_many([("incr", "views:a", 1)] * 3)
    stack.perform(EvictKey(b"views:a"))
    key = hot(stack, b"views:a")
    assert (key.row, key.pending, key.truth, key.cached) == (b"5", 3, b"8", None)
    stack.perform(ResumeWorker())
    stack.layer.drain(timeout=60)
    key = hot(stack, b"views:a")
    assert (key.row, key.pending, key.truth) == (b"8", 0, b"8")


@pytest.mark.parametrize("last", ["set", "delete"])
def test_a_key_only_in_the_log(stack: Stack, last: str) -> None:
    stack.perform(PauseWorker())
    stack.layer.set("session:1", b"x")
    if last == "delete":
        stack.layer.delete("session:1")
    key = hot(stack, b"session:1")
    assert key.row is None
    assert key.truth == (b"x" if last == "set" else None)
    assert key.truth_known


def test_dead_letters_are_counted_by_key(stack: Stack, tmp_path: Path) -> None:
    forbid(tmp_path / "data", b"views:frozen")
    stack.layer.incr("views:frozen", 1)
    stack.layer.incr("views:free", 1)
    until(lambda: stack.pending.books().dead == 1)
    assert hot(stack, b"views:frozen").dead == 1
    assert hot(stack, b"views:free").dead == 0


def test_a_value_is_cut_and_not_the_truth_about_it(stack: Stack) -> None:
    stack.layer.set("session:long", b"v" * 1000)
    key = hot(stack, b"session:long")
    assert key.truth == key.cached == b"v" * 256
