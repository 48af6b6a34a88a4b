"""Numbers, sizes, spans and raw bytes as short text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cachedesk.core.wording import percent
from cachedesk.desk.views import formats


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (99_999, "99,999"),
        (100_000, "100k"),
        (123_456, "123k"),
        (999_499, "999k"),
        (999_500, "1.00M"),
        (12_345_678, "12.3M"),
        (2**63 - 1, "9.22E"),
        (-5, "-5"),
    ],
)
def test_compact(count, text):
    assert formats.compact(count) == text


@given(st.integers(0, 2**63 - 1))
def test_a_compact_count_has_at_most_six_characters(count):
    assert len(formats.compact(count)) <= 6


def test_number():
    assert formats.number(12_345) == "12,345"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1.00 KiB"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1536, "1.50 KiB"),
        (12 * 1024**2 + 300 * 1024, "12.3 MiB"),
        (1024**3 - 1, "1.00 GiB"),
        (10**14, "90.9 TiB"),
    ],
)
def test_size(count, text):
    assert formats.size(count) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (12_897_485, 64 * 1024**2, "12.3/64.0 MiB"),
        (0, 64 * 1024**2, "0.00/64.0 MiB"),
        (70 * 1024**2, 64 * 1024**2, "70.0/64.0 MiB"),
        (12_897_485, 0, "12.3 MiB"),
    ],
)
def test_size_of(part, whole, text):
    assert formats.size_of(part, whole) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, formats.ABSENT),
        (0, 7, "0 %"),
        (7, 7, "100 %"),
        (999_999, 1_000_000, "99.9 %"),
        (1, 1_000_000, "0.0 %"),
        (2, 3, "66.6 %"),
    ],
)
def test_percent_is_all_only_when_it_is_all(part, whole, text):
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (-1.0, "0 s"),
        (130e-6, "130 µs"),
        (0.00125, "1.2 ms"),
        (0.04, "40 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.26, "1.3 s"),
        (59.96, "1 m 00 s"),
        (125.0, "2 m 05 s"),
        (3 * 3600 + 120.0, "3 h 02 m"),
        (86_400.0 * 4 + 3 * 3600, "4 d 03 h"),
    ],
)
def test_span(seconds, text):
    assert formats.span(seconds) == text


def test_uptime():
    assert formats.uptime(754.9) == "0:12:34"
    assert formats.uptime(3 * 86_400 + 4 * 3600 + 5 * 60 + 6) == "3 d 04:05:06"
    assert formats.uptime(-3) == "0:00:00"


def test_clock_is_local_and_survives_any_float():
    assert formats.clock(1_754_062_200.0) == "15:30:00"
    for at in (float("nan"), float("inf"), 1e300, -1e300):
        assert formats.clock(at) == "--:--:--"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", '""'),
        (b"views:article:1", "views:article:1"),
        ("ключ".encode(), "ключ"),
        (b"a\x00b", r"a\x00b"),
        (b"\xff", r"\xff"),
        (b"line\nbreak", r"line\x0abreak"),
        (b"\x1b[31m", r"\x1b[31m"),
        ("\u202eevil".encode(), r"\xe2\x80\xaeevil"),
        (rb"\x00", r"\x00"),
        (b"\\\x00", r"\\\x00"),
        (b"[red]x[/]", "[red]x[/]"),
    ],
)
def test_data_text(data, text):
    assert formats.data_text(data) == text


@given(st.binary(max_size=300))
def test_raw_bytes_are_always_one_printable_line(data):
    assert formats.data_text(data).isprintable()


def test_a_value_cut_inside_a_character_is_still_text():
    cut = ("x" + "値" * 200).encode()[:256]
    assert formats.data_text(cut) == "x" + "値" * 85
    assert formats.data_text(b"x" * 250 + "値".encode()[:2]).endswith(r"\xe5\x80"), "not cut there"


@given(st.text(max_size=40), st.integers(0, 30))
def test_left_and_right_fill_exactly_the_cells_they_are_given(text, width):
    line = "".join(letter for letter in text if letter.isprintable())
    for align in (formats.left, formats.right):
        assert cell_len(align(line, width)) == width


def test_cut_marks_what_it_cut():
    assert formats.cut("abcdef", 4) == "abc…"
    assert formats.cut("abcd", 4) == "abcd"
    assert formats.cut("値値値", 4) == "値 …"
    assert formats.cut("abc", 0) == ""
