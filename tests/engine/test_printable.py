"""Whatever strangers chose for a key, a terminal shows it and does nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.printable import printable, safe


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"views:article:1", "views:article:1"),
        ("h\u00e9 \u4e2d".encode(), "h\u00e9 \u4e2d"),
        (b"a\x1b[31mred", r"a\x1b[31mred"),
        (b"a\nSound: all is well.", r"a\nSound: all is well."),
        ("left\u202egnp".encode(), r"left\u202egnp"),
        (b"\xff\0\r\x9b", r"\xff\x00\r\x9b"),
        ("\ud800", r"\ud800"),
        ("x" * 100, "x" * 80 + "…"),
    ],
)
def test_what_is_no_printable_character_is_escaped(raw: bytes | str, shown: str) -> None:
    assert safe(raw) == shown


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)), st.integers(1, 100))
def test_it_is_one_printable_line_of_limited_length(raw: bytes | str, most: int) -> None:
    shown = safe(raw, most)
    assert shown.isprintable()
    assert len(shown) <= most + 1


@dataclass(frozen=True)
class Inner:
    text: str
    number: int = 1


@dataclass(frozen=True)
class Outer:
    inner: Inner
    many: tuple[Inner, ...] = ()
    texts: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()


def test_every_text_in_a_value_is_made_fit() -> None:
    bad = "a\x1b[2J\n  b"
    made = printable(Outer(Inner(bad), (Inner("well"), Inner(bad)), (bad,), (1.0,)))
    good = r"a\x1b[2J b"
    assert made == Outer(Inner(good), (Inner("well"), Inner(good)), (good,), (1.0,))


def test_what_is_fit_stays_the_same_object() -> None:
    value = Outer(Inner("well"), (Inner("[red]markup[/]"),), ("x",), (1.0,))
    assert printable(value) is value
