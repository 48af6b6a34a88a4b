"""Sentences lose whole clauses, and their numbers last."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cachedesk.core.safeguards import Safeguards
from cachedesk.desk.panels.spec import PanelTitle
from cachedesk.desk.views.chart_layout import title_parts
from cachedesk.desk.views.fault_lines import strip_line
from cachedesk.desk.views.headline import headline
from cachedesk.desk.views.shortening import shortened
from cachedesk.desk.widgets.chart import framed_title

from . import scenes

NARROW = 45
"""The room of the headline in 60 columns."""


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("all well", 8, "all well"),
        (
            "database is locked (5 attempts), the batch of 500 events goes back to the log",
            40,
            "database is locked (5 attempts)",
        ),
        ("database file gone: write-behind takes no increments", 40, "database file gone"),
        ("log full: writes wait, 12 refused, others go on", 30, "log full: 12 refused"),
        ("3 lost; 2 in the log", 10, "3 lost"),
        ("nothing can be left out of this", 10, "nothing c…"),
    ],
)
def test_a_sentence_loses_its_last_clauses_and_numbers_last(text, width, short):
    assert shortened(text, width) == short


@given(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=60), st.integers(0, 70))
def test_any_text_fits_and_what_fits_is_unchanged(text, width):
    short = shortened(text, width)
    assert cell_len(short) <= width
    if cell_len(text) <= width:
        assert short == text


LATE = replace(scenes.HEALTHY, log=replace(scenes.HEALTHY.log, oldest_seconds=40.0))
SLOW = tuple(replace(tick, applied=280) for tick in scenes.HEALTHY.ticks)


@pytest.mark.parametrize(
    "scene",
    [
        scenes.DRAINING,
        scenes.JUST_KILLED,
        scenes.LOST,
        scenes.UNBALANCED,
        scenes.paused(LATE),
        replace(LATE, ticks=SLOW),
        replace(scenes.HEALTHY, safeguards=Safeguards(log=False, read_repair=False)),
    ],
)
def test_a_headline_of_60_columns_keeps_its_number_and_is_not_cut(scene):
    said = headline(scene)
    numbers = re.findall(r"[\d,.]*\d", said.sentence)
    short = said.fitted(NARROW)
    assert cell_len(short) <= NARROW
    assert "…" not in short
    assert not numbers or re.search(r"\d", short)


def test_the_number_of_missing_events_is_the_last_to_go():
    assert headline(scenes.UNBALANCED).fitted(20) == "3 events missing"


@given(st.sampled_from(["lag 300 ms", "lag 14 m 34 s", "lag ?"]), st.integers(1, 60))
def test_the_figure_of_a_chart_is_the_last_to_go(figure, width):
    parts = title_parts(4, "Lag · staleness", figure, width)
    whole = " ".join(filter(None, (parts[0] + parts[1], parts[2])))
    assert cell_len(whole) <= width
    value = figure.removeprefix("lag ")
    if width >= cell_len(value):
        assert parts[2].endswith(value)
    framed = framed_title(PanelTitle(4, "Lag · staleness"), figure, width)
    assert framed.cell_length <= width


def test_the_number_of_a_chart_is_dropped_before_its_name():
    assert title_parts(3, "Queue depth", "32,894", 20) == ("3 ", "Queue depth", "32,894")
    assert title_parts(3, "Queue depth", "32,894", 18) == ("", "Queue depth", "32,894")
    assert title_parts(3, "Queue depth", "32,894", 14) == ("3 ", "Queue", "32,894")
    assert title_parts(3, "Queue depth", "32,894", 7) == ("", "", "32,894")


BROKEN = (
    "▼ database.lock until healed",
    "▼ redis.down 12 s left",
    "▼ log.full until healed",
    "◇ armed: worker.apply.mid_batch",
)
HINT = "h heals all"


def test_the_strip_of_faults_drops_what_is_implied_before_what_can_be_done():
    assert strip_line(BROKEN, HINT, 140) == "   ".join((*BROKEN, HINT))
    assert strip_line(BROKEN[:3], HINT, 80) == (
        "▼ database.lock   ▼ redis.down 12 s left   ▼ log.full   h heals all"
    )
    assert strip_line(BROKEN, HINT, 78) == (
        "▼ lock   ▼ down 12 s left   ▼ full   ◇ armed: apply.mid_batch   h heals all"
    )
    assert (
        strip_line(BROKEN, HINT, 60) == "▼ lock   ▼ down 12 s left   ▼ full   +1 more   h heals all"
    )
    assert strip_line(BROKEN, HINT, 20) == "▼ 4  h heals all"


@given(st.integers(0, 4), st.integers(18, 120))
def test_what_heals_is_always_said(count, width):
    line = strip_line(BROKEN[:count], HINT, width)
    assert cell_len(line) <= width
    assert line.endswith(HINT)
