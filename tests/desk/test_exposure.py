"""Exposure: where the newest writes are, and what a crash at this moment would lose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Books, Health, RedisState, Snapshot, Tick
from cachedesk.desk.views.exposure import (
    GLYPHS,
    Exposure,
    Location,
    at_stake,
    at_stake_briefly,
    at_stake_in_short,
    at_the_end,
    bar_text,
    cells_of,
    exposure,
    gone_words,
)

from . import scenes
from .piloting import RecordingControl, desk, drive, screen_text
from .scenes import FixedSource

NOW = 1_000.0
TICKS = (Tick(NOW - 90, applied=500), Tick(NOW - 50, applied=60), Tick(NOW, applied=29))
LOGGED = Snapshot(
    at=NOW, ticks=TICKS, books=Books(600, 589, 11, 0), redis=RedisState(health=Health.UP)
)
UNLOGGED = replace(LOGGED, safeguards=Safeguards(log=False))


def test_a_stack_that_has_ended_has_nothing_at_stake() -> None:
    assert at_the_end(exposure(LOGGED)) == "ended with 11 writes in the log"
    assert at_the_end(exposure(UNLOGGED)) == "ended with 11 fast writes in Redis only"
    assert at_the_end(Exposure(database=9)) == "ended with every write in the database"


def test_pending_writes_are_in_the_log_or_without_it_in_redis_only() -> None:
    assert exposure(LOGGED) == Exposure(database=89, log=11)
    assert exposure(UNLOGGED) == Exposure(database=89, redis=11)


def test_what_is_missing_from_the_books_is_gone() -> None:
    lost = replace(UNLOGGED, books=Books(600, 580, 11, 2))
    assert exposure(lost) == Exposure(database=89, redis=11, gone=7)
    assert gone_words(exposure(lost)) == "7 acknowledged writes gone"
    assert gone_words(exposure(LOGGED)) == ""


def test_what_reached_the_database_stays_there_while_more_writes_wait() -> None:
    """A first reader saw the count of a locked database go up and down."""
    waiting = replace(LOGGED, books=Books(9_600, 589, 9_011, 0))
    assert exposure(waiting).database == exposure(LOGGED).database


def test_the_sentences_name_what_would_be_lost() -> None:
    assert at_stake(exposure(LOGGED)).endswith("0 lost (11 in the log)")
    assert "11 fast writes lost, 0 payments" in at_stake(exposure(UNLOGGED))
    assert at_stake_briefly(exposure(UNLOGGED)) == "if Redis died now: 11 lost"
    assert at_stake_in_short(exposure(UNLOGGED)) == "if Redis, process or power died now: 11 lost"


def test_a_redis_that_is_down_cannot_die_now() -> None:
    down = replace(LOGGED.redis, health=Health.DOWN)
    logged, unlogged = (exposure(replace(each, redis=down)) for each in (LOGGED, UNLOGGED))
    assert at_stake(logged) == "if this process or the power died now: 0 lost (11 in the log)"
    assert at_stake_briefly(logged) == "if this process died now: 0 lost (11 in the log)"
    assert at_stake(unlogged) == "11 fast writes were in Redis only, and Redis is down"
    assert at_stake_briefly(unlogged) == "11 in Redis only, which is down"


def test_a_log_whose_file_is_gone_protects_nothing_from_the_end_of_the_process() -> None:
    log = replace(LOGGED.log, health=Health.DOWN, word="file gone")
    seen = exposure(replace(LOGGED, log=log))
    assert seen.volatile == 11
    assert at_stake(seen).startswith("if this process died now: 11 fast writes lost")
    assert at_stake_briefly(seen) == "if this process died now: 11 lost"


@pytest.mark.parametrize("width", [4, 12, 40, 118])
def test_the_bar_fills_its_width_and_hides_no_location(width: int) -> None:
    seen = Exposure(database=100_000, log=1, redis=2, gone=3)
    assert sum(cells_of(seen, width).values()) == width
    text = "".join(run for _, run in bar_text(seen, width))
    assert len(text) == width
    assert all(GLYPHS[place] in text for place in Location)


def test_without_a_write_there_is_no_bar() -> None:
    assert cells_of(Exposure(), 40) == {}
    assert bar_text(Exposure(database=1), 0) == []


def test_the_desk_shows_it_and_marks_what_is_exposed_or_gone() -> None:
    scene = replace(scenes.HEALTHY, safeguards=Safeguards(log=False))
    app = desk(RecordingControl(), FixedSource(scene))

    async def script(pilot):
        bar = app.desk.exposure
        assert "fast writes lost" in screen_text(app)
        assert bar.has_class("-exposed")
        assert not bar.has_class("-gone")
        app.desk.apply(scenes.UNBALANCED)
        await pilot.pause()
        assert bar.has_class("-gone")
        assert "✗ 3 acknowledged writes gone" in screen_text(app)

    drive(app, script, (120, 40))
