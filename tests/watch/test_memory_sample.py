"""Memory by prefix, from a sample of the keys."""

from __future__ import annotations

import random

import pytest

from cachedesk.watch.memory_sample import MemorySample
from cachedesk.watch.patterns import Patterns


def keys(chance: random.Random) -> list[tuple[bytes, int]]:
    """Return keys of two kinds, in the order of a hash."""
    made = [(b"page:%d" % it, 1000 + it % 100) for it in range(8000)]
    made += [(b"session:%d" % it, 100) for it in range(12_000)]
    chance.shuffle(made)
    return made


def test_a_sample_is_scaled_up_and_says_how_sure_it_is() -> None:
    outside = 0
    for seed in range(20):
        everything = keys(random.Random(seed))
        sample = MemorySample(Patterns().of)
        sample.add(everything[:1000])
        found = sample.result(len(everything))
        assert (found.sampled, found.of, found.complete) == (1000, 20_000, False)
        page = next(it for it in found.patterns if it.pattern == b"page:*")
        assert page is found.patterns[0], "the biggest first"
        outside += abs(page.keys - 8000) > page.keys_error
        outside += abs(page.size - 8000 * 1049.5) > page.size_error
        assert 0 < page.keys_error < 1000
    assert outside <= 8, "a 95 % interval holds the truth nearly always"


def test_all_keys_are_a_count() -> None:
    sample = MemorySample(Patterns().of)
    sample.add([(b"a:1", 10), (b"a:2", 30)])
    sample.add([(b"b:1", 5)])
    sample.end_pass()
    found = sample.result(3)
    assert found.complete
    assert [(it.pattern, it.keys, it.size, it.size_error) for it in found.patterns] == [
        (b"a:*", 2, 40, 0),
        (b"b:*", 1, 5, 0),
    ]
    assert [(it.key, it.size) for it in found.biggest] == [(b"a:2", 30), (b"a:1", 10), (b"b:1", 5)]


def test_the_last_pass_is_shown_until_the_next_has_seen_enough() -> None:
    sample = MemorySample(Patterns().of)
    sample.add((b"a:%d" % it, 10) for it in range(100))
    sample.end_pass()
    sample.add((b"a:%d" % it, 40) for it in range(50))
    assert sample.result(100).patterns[0].size == 1000
    sample.end_pass()
    assert sample.result(50).patterns[0].size == 2000
    sample.add((b"a:%d" % it, 1) for it in range(6000))
    assert sample.result(7000).patterns[0].size == 7000


def test_a_pass_that_is_begun_again_forgets_what_it_saw() -> None:
    sample = MemorySample(Patterns().of)
    sample.add([(b"old:1", 10)])
    sample.begin_pass()
    sample.add([(b"new:1", 10)])
    sample.end_pass()
    assert [it.pattern for it in sample.result(1).patterns] == [b"new:*"]


def test_nothing_sampled_is_nothing_known() -> None:
    assert MemorySample(Patterns().of).result(5).patterns == ()


@pytest.mark.parametrize("count", [3, 500])
def test_so_many_big_keys_are_kept(count: int) -> None:
    sample = MemorySample(Patterns().of)
    sample.add((b"k:%d" % it, it) for it in range(count))
    sizes = [it.size for it in sample.result(count).biggest]
    assert sizes == sorted(range(count), reverse=True)[:50]
