"""Which keys belong together."""

from __future__ import annotations

import pytest

from cachedesk.watch import patterns
from cachedesk.watch.patterns import REST, Patterns


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("views:article:123", "views:article:*"),
        ("session:9f3aab12cd", "session:*"),
        ("user:550e8400-e29b-41d4-a716-446655440000:cart", "user:*:cart"),
        ("key:000000000123", "key:*"),
        ("key000123", "key*"),
        ("sess:aB3dE5fG7hI9jK1lM3", "sess:*"),
        ("cache_user_42", "cache_user_*"),
        ("v2:users:7", "v2:users:*"),
        ("day:2024-05-06:hits", "day:*:hits"),
        ("img/2024/05/x.png", "img/*/*/x.png"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_what_looks_like_an_id_is_one_thing(key: str, pattern: str) -> None:
    found = Patterns().of(key.encode())
    assert found.decode() == pattern
    assert Patterns().of(found) == found


def test_a_place_with_many_words_holds_ids_too() -> None:
    names = Patterns()
    words = [b"%c%c" % (97 + it // 26, 97 + it % 26) for it in range(100)]
    for word in words:
        names.of(b"user:%s:cart" % word)
        names.of(b"user:%s" % word)
    assert names.of(b"user:anna:cart") == b"user:*:cart"
    assert names.of(b"user:aa") == b"user:*"
    assert names.of(b"user:aa:cart") == b"user:*:cart", "what was named before is of the same"


def test_a_hexadecimal_id_without_a_digit_is_one_where_such_ids_stand() -> None:
    names = Patterns()
    early = names.of(b"session:cafbed")
    assert early == b"session:cafbed", "it may be a word"
    names.of(b"session:9f3aab")
    assert names.of(early) == b"session:*", "what was named before is of the same"
    assert names.of(b"session:fbeedb") == b"session:*"
    assert names.of(b"session:cafe") == b"session:cafe", "the ids are longer"
    assert names.of(b"session:fbeedb:cart") == b"session:fbeedb:cart", "another place"
    names.of(b"user:123456")
    assert names.of(b"user:decade") == b"user:decade", "a number is no hexadecimal id"


def test_few_words_stay_apart() -> None:
    names = Patterns()
    assert len({names.of(b"%s:1" % word) for word in (b"likes", b"views", b"order")}) == 3


def test_the_number_of_patterns_is_bounded() -> None:
    names = Patterns()
    found = set()
    for first in range(3000):
        # Letters only: nothing of it looks like an id.
        word = bytes(97 + first // 26**place % 26 for place in range(3))
        found.add(names.of(b"%s:%s:x" % (word, word[::-1])))
    assert len({names.of(it) for it in found}) <= patterns.MOST_NAMESPACES * 2 + 1
    assert REST in found
    assert sum(map(len, names._words.values())) < patterns.MOST_PLACES * patterns.WIDEST


def test_any_bytes_have_a_pattern() -> None:
    names = Patterns()
    for key in (b"\x00\xff\x01", b":::", b"a:" * 500, bytes(range(256)), "ключ:1".encode()):
        assert len(names.of(key)) < 300
