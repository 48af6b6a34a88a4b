"""Freshness: a fill happens only if no write came since its version was noted."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from cachedesk.engine.key_versions import STRIPES, KeyVersions

from .until import Task, together, until


def noted(versions: KeyVersions, *keys: bytes) -> dict[bytes, int]:
    return {key: versions.of(key) for key in keys}


def test_a_fill_without_a_write_is_done() -> None:
    versions, filled = KeyVersions(), []
    assert versions.fill(noted(versions, b"a", b"b"), filled.append) == [b"a", b"b"]
    assert filled == [[b"a", b"b"]]


def test_a_fill_after_a_write_is_not_done() -> None:
    versions = KeyVersions()
    old = noted(versions, b"a")
    versions.bump([b"a"])
    assert versions.fill(old, lambda keys: 1 / 0) == []
    assert versions.fill(noted(versions, b"a"), lambda keys: None) == [b"a"]


@given(st.sets(st.binary(min_size=1, max_size=4), max_size=20), st.data())
def test_only_keys_that_were_not_written_are_filled(keys: set[bytes], data: st.DataObject) -> None:
    versions = KeyVersions()
    old = noted(versions, *keys)
    written = data.draw(st.sets(st.sampled_from(sorted(keys))) if keys else st.just(set()))
    versions.bump(written)
    stripes = {hash(key) % STRIPES for key in written}
    assert set(versions.fill(old, lambda keys: None)) == {
        key for key in keys if hash(key) % STRIPES not in stripes
    }


def test_a_write_waits_for_a_fill_that_has_begun() -> None:
    versions, entered, go = KeyVersions(), threading.Event(), threading.Event()

    def put(keys: list[bytes]) -> None:
        entered.set()
        assert go.wait(60)

    fill = Task(versions.fill, noted(versions, b"a"), put)
    until(entered.is_set)
    write = Task(versions.bump, [b"a"])
    lock = versions._locks[hash(b"a") % STRIPES]
    assert lock.locked()
    assert write.is_alive()
    go.set()
    assert fill.result() == [b"a"]
    write.result()
    assert versions.of(b"a") == 1


def test_fills_of_the_same_keys_in_another_order_do_not_deadlock() -> None:
    versions = KeyVersions()
    keys = [b"%d" % number for number in range(200)]

    def fill(order: list[bytes]) -> None:
        for _ in range(50):
            versions.fill(noted(versions, *order), lambda keys: None)

    def write() -> None:
        for _ in range(50):
            versions.bump(keys)

    together([lambda: fill(keys), lambda: fill(keys[::-1]), write])
    assert versions.of(b"7") >= 50


def test_an_error_in_a_put_lets_go() -> None:
    versions = KeyVersions()
    together([lambda: _fill_and_fail(versions), lambda: _fill_and_fail(versions)])
    versions.bump([b"a"])


def _fill_and_fail(versions: KeyVersions) -> None:
    def put(keys: list[bytes]) -> None:
        raise OSError("no")

    try:
        versions.fill(noted(versions, b"a"), put)
    except OSError:
        return
    raise AssertionError("the error of the put was swallowed")
