"""Each screen has a picture at each size: the table of what the other tests compare."""

from __future__ import annotations

from pathlib import Path

import pytest

SIZES = ("60x20", "80x24", "120x40", "160x50")
SCREENS = (
    *(
        f"test_snapshots/test_desk[{state}-SIZE]"
        for state in (
            *("healthy", "redis-down", "all-down", "lost", "draining", "empty"),
            *("just-killed", "projector"),
        )
    ),
    "test_snapshots/test_past[frozen-SIZE]",
    *(
        f"test_snapshots/test_modal[{name}-SIZE]"
        for name in ("faults", "evict", "help", "steering", "stories")
    ),
    "test_snapshots/test_inspector[PENDING-SIZE]",
    "test_story/test_story[step-SIZE]",
    "test_tour/test_a_tour_looks_like_this[ask-SIZE]",
    "test_replay/test_a_replay_looks_like_this[SIZE]",
    "test_versus_screen/test_picture[lost-SIZE]",
    "test_watch_screen/test_picture[healthy-SIZE]",
    "test_incident_card_pictures/test_card[held-SIZE]",
)
PICTURES = Path(__file__).parent / "__snapshots__"


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_has_a_picture_at_each_size(screen):
    missing = [
        size for size in SIZES if not (PICTURES / f"{screen}.svg".replace("SIZE", size)).is_file()
    ]
    assert not missing
