"""The contract of a ``CacheStore``: each function checks some sentences of the port."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cachedesk.core.clock import wall_seconds
from cachedesk.core.errors import CacheError, ConfigError, InvalidKey, Unavailable
from cachedesk.core.events import Entry, entries_of
from cachedesk.core.ports import CACHEABLE_BYTES

from .cases import CacheCase


def nothing_is_trusted_before_it_is_started(case: CacheCase) -> None:
    cache = case.cache
    assert not cache.trusted
    assert cache.trust_number is None
    with pytest.raises(CacheError):
        cache.get(b"a")
    assert set(cache.put(entries_of({b"a": b"1"}))) == {b"a"}
    assert not cache.state().known
    case.start()
    assert cache.trusted
    assert cache.get(b"a") is None


def what_was_put_is_read(case: CacheCase) -> None:
    cache = case.start()
    values = {b"a": b"1", b"b": b"", b"\x00\xff\r\n$-1": b"\r\n\x00", b"k" * 1024: b"x" * 100_000}
    assert not cache.put(entries_of(values))
    assert {key: cache.get(key) for key in values} == values
    assert cache.get_many([*values, b"none"]) == [*values.values(), None]
    assert cache.get_many([b"none", b"a", b"a"]) == [None, b"1", b"1"]
    assert cache.get_at_once(b"a") == [b"1"]
    assert cache.get_at_once(b"none", b"b") == [None, b""]
    assert cache.get_many([]) == []
    assert cache.get(b"none") is None


def the_newest_put_counts(case: CacheCase) -> None:
    cache = case.start()
    for number in range(20):
        assert not cache.put(entries_of({b"a": b"%d" % number}))
        assert cache.get(b"a") == b"%d" % number
    assert not cache.put(entries_of({b"a": None, b"never": None}))
    assert cache.get_many([b"a", b"never"]) == [None, None]


def a_value_that_is_too_long_replaces_the_old_one_by_nothing(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"old", b"b": b"old"}))
    cache.put(entries_of({b"a": b"x" * (CACHEABLE_BYTES + 1), b"b": b"y" * CACHEABLE_BYTES}))
    assert cache.get(b"a") is None
    assert cache.get(b"b") in (None, b"y" * CACHEABLE_BYTES)


def what_is_distrusted_is_not_read_again(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"old", b"b": b"old"}))
    cache.distrust([b"a"], "a test")
    assert _read(case, b"a") is None
    case.wait()
    assert cache.get(b"a") is None
    assert not cache.put(entries_of({b"a": b"new"}))
    assert cache.get(b"a") == b"new"


def to_distrust_nothing_named_is_to_look_at_it_anew(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"1"}))
    before = cache.trust_number
    cache.distrust((), "a test")
    assert cache.trust_number != before
    case.wait()
    assert cache.trust_number not in (None, before)
    # Either it knows that it is right, or it was dropped.
    assert cache.get(b"a") in (b"1", None)


def the_trust_number_lasts_as_long_as_the_trust(case: CacheCase) -> None:
    cache = case.start()
    trust_number = cache.trust_number
    assert trust_number is not None
    cache.put(entries_of({b"a": b"1", b"b": b"2"}))
    cache.get_many([b"a", b"b"])
    cache.evict_key(b"a")
    cache.evict(b"*")
    assert cache.trust_number == trust_number
    with case.down():
        assert cache.trust_number is None
    assert cache.trust_number not in (None, trust_number)
    after = cache.trust_number
    cache.distrust([b"a"], "a test")
    case.wait()
    assert cache.trust_number != after


def an_error_is_not_a_miss(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"1"}))
    calls: tuple[Callable[[], object], ...] = (
        lambda: cache.get(b"a"),
        lambda: cache.get(b"none"),
        lambda: cache.get_many([b"a", b"none"]),
        lambda: cache.get_at_once(b"a"),
        lambda: cache.get_at_once(b"a", b"b"),
        lambda: cache.sample(3),
        cache.stats,
        lambda: cache.expires_in(b"a"),
    )
    with case.down():
        assert not cache.trusted
        for call in calls:
            with pytest.raises(CacheError):
                call()
        assert not cache.state().known


def evicting_says_when_it_cannot(case: CacheCase) -> None:
    cache = case.start()
    calls: tuple[Callable[[], object], ...] = (
        lambda: cache.evict(b"*"),
        lambda: cache.evict_matching("*"),
        lambda: cache.evict_share(0.5),
        lambda: cache.evict_key(b"a"),
        cache.evict_all,
    )
    with case.down():
        for call in calls:
            with pytest.raises(Unavailable):
                call()


def what_was_written_while_it_was_away_is_not_read_old(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"old", b"b": b"old", b"c": b"old"}))
    with case.down():
        assert set(cache.put(entries_of({b"a": b"new", b"b": None}))) == {b"a", b"b"}
        cache.distrust([b"c"], "written elsewhere")
    assert cache.get(b"a") in (None, b"new")
    assert cache.get(b"b") is None
    assert cache.get(b"c") is None


def a_put_that_cannot_be_confirmed_leaves_nothing_old(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"old", b"b": b"old"}))
    with case.unconfirmed():
        assert set(cache.put(entries_of({b"a": b"new"}))) == {b"a"}
        assert _read(case, b"a") in (None, b"new")
    assert cache.get(b"a") in (None, b"new")
    assert cache.get(b"b") in (None, b"old")


def keys_are_evicted_by_name_pattern_and_share(case: CacheCase) -> None:
    cache = case.start()
    keys = [b"%c:%d" % (kind, number) for kind in b"ab" for number in range(10)]
    cache.put(entries_of(dict.fromkeys(keys, b"1")))
    assert cache.evict(b"a:[0-4]") == 5
    assert cache.evict_matching("a:?") == 5
    assert cache.get(b"a:7") is None
    assert cache.evict_key(b"b:1")
    assert not cache.evict_key(b"b:1")
    assert cache.evict_share(1 / 3) == (3, 9)
    assert cache.evict_all() == 6
    assert cache.evict_all() == 0
    assert cache.evict("*") == 0


def a_choice_that_is_none_is_an_error(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"1"}))
    for share in (0, -1, 1.5, float("nan"), True, "half"):
        with pytest.raises(ConfigError):
            cache.evict_share(share)  # type: ignore[arg-type]
    for pattern in ("", None, "\ud800"):
        with pytest.raises(ConfigError):
            cache.evict_matching(pattern)  # type: ignore[arg-type]
    with pytest.raises(InvalidKey):
        cache.evict("\ud800")
    assert cache.get(b"a") == b"1"


def a_sample_has_different_keys_that_are_there(case: CacheCase) -> None:
    cache = case.start()
    assert cache.sample(5) == []
    keys = {b"key:%d" % number for number in range(30)}
    cache.put(entries_of(dict.fromkeys(keys, b"1")))
    for most in (1, 5, 100):
        found = cache.sample(most)
        assert 0 < len(found) <= most
        assert len(set(found)) == len(found)
        assert keys.issuperset(found)


def nothing_expires_unless_it_was_said(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"1"}))
    assert cache.expires_in(b"a") is None
    assert cache.expires_in(b"none") is None


def an_entry_is_read_until_it_expires(case: CacheCase) -> None:
    cache = case.start()
    now = wall_seconds()
    cache.put({b"long": Entry(b"1", 1, now + 1_000), b"past": Entry(b"2", 2, now - 1_000)})
    assert cache.get_many([b"long", b"past"]) == [b"1", None]
    assert cache.get_at_once(b"long", b"past") == [b"1", None]
    seconds = cache.expires_in(b"long")
    assert seconds is not None
    assert 0 < seconds <= 1_000.001
    # A newer value without an expiry takes the old expiry away.
    cache.put({b"long": Entry(b"3", 3)})
    assert cache.expires_in(b"long") is None
    cache.put({b"long": Entry(b"4", 4, now - 1)})
    assert cache.get(b"long") is None
    assert cache.evict_all() <= 2
    assert cache.sample(5) == []


def it_says_what_it_holds(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"1", b"b": b"2"}))
    assert (cache.stats().keys, cache.stats().memory_bytes > 0) == (2, True)
    state = cache.state()
    assert (state.known, state.keys, state.word) == (True, 2, "up")


def a_reader_never_sees_a_value_older_than_a_put_that_returned(case: CacheCase) -> None:
    cache = case.start()
    confirmed, ended, stale = [0], threading.Event(), []

    def read() -> None:
        reads = (lambda: cache.get(b"a"), lambda: cache.get_many([b"a"])[0], at_once)
        while not ended.is_set():
            for each in reads:
                newest = confirmed[0]
                try:
                    found = each()
                except CacheError:
                    continue
                if found is not None and int(found) < newest:
                    stale.append((int(found), newest))

    def at_once() -> bytes | None:
        return cache.get_at_once(b"a")[0]

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, 400):
            if number % 40 == 0:
                cache.distrust([b"a"], "a test")
            else:
                cache.put(entries_of({b"a": b"%d" % number}))
            confirmed[0] = number
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert stale == []


def its_faults_have_names_of_their_own(case: CacheCase) -> None:
    cache = case.start()
    names = [fault.name for fault in cache.faults()]
    assert len(set(names)) == len(names)
    assert cache.name


def a_closed_cache_has_no_answer(case: CacheCase) -> None:
    cache = case.start()
    cache.put(entries_of({b"a": b"1"}))
    cache.close()
    assert not cache.trusted
    with pytest.raises(CacheError):
        cache.get(b"a")
    with pytest.raises(CacheError):
        cache.get_at_once(b"a")
    assert set(cache.put(entries_of({b"a": b"2"}))) == {b"a"}
    assert not cache.state().known
    cache.close()


def one_that_was_never_started_can_be_closed(case: CacheCase) -> None:
    case.cache.close()
    case.cache.close()


def _read(case: CacheCase, key: bytes) -> bytes | None:
    """Return what a read gives; ``None`` where there is no answer."""
    try:
        return case.cache.get(key)
    except CacheError:
        return None


CHECKS = (
    nothing_is_trusted_before_it_is_started,
    what_was_put_is_read,
    the_newest_put_counts,
    a_value_that_is_too_long_replaces_the_old_one_by_nothing,
    what_is_distrusted_is_not_read_again,
    to_distrust_nothing_named_is_to_look_at_it_anew,
    the_trust_number_lasts_as_long_as_the_trust,
    an_error_is_not_a_miss,
    evicting_says_when_it_cannot,
    what_was_written_while_it_was_away_is_not_read_old,
    a_put_that_cannot_be_confirmed_leaves_nothing_old,
    keys_are_evicted_by_name_pattern_and_share,
    a_choice_that_is_none_is_an_error,
    a_sample_has_different_keys_that_are_there,
    nothing_expires_unless_it_was_said,
    an_entry_is_read_until_it_expires,
    it_says_what_it_holds,
    a_reader_never_sees_a_value_older_than_a_put_that_returned,
    its_faults_have_names_of_their_own,
    a_closed_cache_has_no_answer,
    one_that_was_never_started_can_be_closed,
)
