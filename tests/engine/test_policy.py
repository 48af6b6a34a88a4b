"""Policies: which path the pattern of a key chooses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.errors import ConfigError
from cachedesk.core.patterns import glob
from cachedesk.core.policy import Policy, PolicyTable, as_policy
from cachedesk.core.settings import DEFAULT_POLICIES

THROUGH, BEHIND = Policy.WRITE_THROUGH, Policy.WRITE_BEHIND


def test_the_first_match_wins() -> None:
    table = PolicyTable(
        {"order:draft:*": BEHIND, "order:*": THROUGH, "*:draft:*": THROUGH, "*": BEHIND}
    )
    assert table.of(b"order:draft:1") is BEHIND
    assert table.of(b"order:1") is THROUGH
    assert table.of(b"page:draft:1") is THROUGH
    assert table.of(b"anything") is BEHIND


@pytest.mark.parametrize("patterns", [{}, {"views:*": BEHIND}], ids=["no pattern", "another"])
def test_an_unmatched_key_is_written_through(patterns: dict[str, Policy]) -> None:
    assert PolicyTable(patterns).of(b"unmatched") is THROUGH


@pytest.mark.parametrize(
    ("key", "policy"),
    [
        (b"payment:1", THROUGH),
        (b"order:", THROUGH),
        (b"balance:x", THROUGH),
        (b"views:article:123", BEHIND),
        (b"likes:1", BEHIND),
        (b"active:1", BEHIND),
        (b"session:1", BEHIND),
        (b"analytics:1", BEHIND),
        (b"views", THROUGH),
        (b"xviews:1", THROUGH),
        (b"VIEWS:1", THROUGH),
    ],
    ids=lambda it: it.decode() if isinstance(it, bytes) else None,
)
def test_the_defaults(key: bytes, policy: Policy) -> None:
    assert PolicyTable(DEFAULT_POLICIES).of(key) == policy


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a*c", [b"ac", b"abc", b"a\nc", b"a\xff\x00c"], [b"abcd", b"xac", b"ac\n"]),
        ("a?c", [b"abc", b"a\xffc", b"a\nc"], [b"ac", b"abbc"]),
        ("[ab]*", [b"a", b"bx"], [b"c", b""]),
        ("[!ab]", [b"c", b"\xff"], [b"a", b"cc"]),
        ("[a-c]1", [b"b1"], [b"d1"]),
        ("a[*]b", [b"a*b"], [b"axb"]),
        ("a.b", [b"a.b"], [b"axb"]),
        ("(a|b)+", [b"(a|b)+"], [b"a", b"aa"]),
        ("^a$", [b"^a$"], [b"a"]),
        (r"a\d", [rb"a\d"], [b"a1"]),
        ("a*b*c*d", [b"abcd", b"a-b-c-d"], [b"acbd"]),
        ("[", [b"["], [b"a"]),
        ("é*", ["é1".encode()], [b"e1"]),
        (b"\xff*", [b"\xff\x01"], ["ÿ".encode()]),
    ],
    ids=lambda it: repr(it) if isinstance(it, (str, bytes)) else None,
)
def test_a_glob_matches_whole_keys_bytewise(
    pattern: Any, yes: list[bytes], no: list[bytes]
) -> None:
    table = PolicyTable({"first:*": THROUGH, pattern: BEHIND, "last:*": THROUGH})
    for key in yes:
        assert glob(pattern).match(key), key
        assert table.of(key) is BEHIND
    for key in no:
        assert not glob(pattern).match(key), key
        assert table.of(key) is THROUGH


@given(
    st.dictionaries(
        st.text("ab*?[]!-:.()|", min_size=1, max_size=6), st.sampled_from([THROUGH, BEHIND])
    )
)
def test_one_match_is_the_same_as_one_pattern_after_the_other(
    policies: dict[str, Policy],
) -> None:
    table = PolicyTable(policies)
    for key in (b"a", b"ab", b"b:a", b"[a]", b"a.b", b"(a|b)", b"--"):
        first = next((it for pattern, it in policies.items() if glob(pattern).match(key)), THROUGH)
        assert table.of(key) is first


def test_many_patterns() -> None:
    table = PolicyTable({f"group{n}:*": (THROUGH, BEHIND)[n % 2] for n in range(300)})
    assert [table.of(b"group%d:x" % n) for n in (0, 1, 298, 299)] == [
        THROUGH,
        BEHIND,
        THROUGH,
        BEHIND,
    ]


@pytest.mark.parametrize(
    ("name", "near"),
    [("write-behnd", "write-behind"), ("write_through", "write-through"), ("behind", "behind")],
)
def test_an_unknown_name_suggests_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ConfigError, match=rf"unknown policy '{name}'.*did you mean '.*{near}'"):
        as_policy(name)


@pytest.mark.parametrize("name", ["", "zzz", 5, None], ids=repr)
def test_a_name_like_nothing_lists_both(name: Any) -> None:
    with pytest.raises(ConfigError, match="use 'write-through' or 'write-behind'"):
        as_policy(name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("", "write-behind"), ("a*", "write-nowhere"), ("\ud800*", "write-behind")],
    ids=["empty pattern", "unknown policy", "lone surrogate"],
)
def test_a_table_that_cannot_be(pattern: str, name: str) -> None:
    with pytest.raises(ConfigError):
        PolicyTable({pattern: name})
