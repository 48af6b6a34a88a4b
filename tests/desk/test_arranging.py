"""Where things stand: panels by number, buttons by room, charts by time. Pure decisions."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cachedesk.desk.actions import ACTIONS
from cachedesk.desk.modes.live_story import STORY_ACTIONS
from cachedesk.desk.modes.playback import REPLAY_ACTIONS
from cachedesk.desk.modes.versus import versus_actions
from cachedesk.desk.panels.arrangement import arranged as arranged_of
from cachedesk.desk.panels.registry import PANELS
from cachedesk.desk.panels.spec import VAST_WIDTH
from cachedesk.desk.views.buttons import places
from cachedesk.desk.views.timespan import NOW, Timespan
from cachedesk.desk.watch_actions import WATCH_ACTIONS

EVERY = {panel.number for panel in PANELS}
FLOW, HIT_RATE, QUEUE_DEPTH, LAG, LATENCY, THROUGHPUT, KEYS = range(1, 8)


def arranged(width, wishes, expanded=None, height=24):
    return arranged_of(PANELS, width, height, wishes, expanded)


def test_a_vast_screen_shows_everything_and_a_smaller_one_the_essentials():
    assert arranged(VAST_WIDTH, {}) == EVERY
    late = {panel.number for panel in PANELS if panel.shown_from == VAST_WIDTH}
    assert late >= {LATENCY, THROUGHPUT}
    assert arranged(80, {}) == EVERY - late


def test_a_low_screen_keeps_the_keys_and_the_state_of_each_part():
    assert arranged(VAST_WIDTH, {}, height=15) == {FLOW, KEYS}
    assert arranged(80, {LAG: True}, height=5) == {FLOW, KEYS, LAG}


def test_what_the_user_wants_goes_before_what_is_usual_and_one_panel_before_all():
    assert FLOW not in arranged(200, {FLOW: False})
    assert arranged(80, {LATENCY: True}) >= {LATENCY, HIT_RATE, QUEUE_DEPTH}
    assert LAG not in arranged(80, {LATENCY: True}), "three fit side by side"
    assert LAG in arranged(120, {LATENCY: True})
    assert arranged(80, {KEYS: False}, expanded=KEYS) == {KEYS}


FOOTERS = {
    "live": ACTIONS,
    "story": STORY_ACTIONS,
    "replay": REPLAY_ACTIONS,
    "versus": versus_actions(read_only=False),
    "watch": WATCH_ACTIONS,
}


@given(st.integers(20, 300), st.sampled_from(tuple(FOOTERS.values())))
def test_buttons_are_one_row_that_neither_overlaps_nor_leaves_the_bar(width, actions):
    row = places(actions, width)
    assert {place.action.name for place in row} >= {"menu", "help", "quit"}
    for one, other in pairwise(row):
        assert one.column + one.width < other.column
    assert row[-1].column + row[-1].width <= width
    if width >= 140:
        assert {action.name for action in actions if action.has_button} <= {
            place.action.name for place in row
        }


def test_a_narrow_screen_keeps_what_breaks_and_heals():
    names = [place.action.name for place in places(ACTIONS, 78)]
    assert names[:4] == ["kill-redis", "hold-redis-down", "crash-worker", "lock-database"]
    assert {"heal", "pause-worker", "menu", "help", "quit"} <= set(names)


def test_a_vast_screen_has_room_for_more_than_the_usual():
    names = {place.action.name for place in places(ACTIONS, 238)}
    assert {"filter", "sort", "record"} <= names
    assert not any(name.startswith("panel") for name in names), "their frames carry the numbers"


def test_zooming_goes_through_the_windows_and_stops_at_their_ends():
    assert NOW.seconds == 60
    assert NOW.zoomed(1).seconds == 30
    assert NOW.zoomed(1).zoomed(1).zoomed(1) == Timespan(15)
    assert NOW.zoomed(-1).zoomed(-1).zoomed(-1) == Timespan(300)
    assert Timespan(300).zoomed(0) == NOW
