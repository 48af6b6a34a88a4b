"""The ring of the newest snapshots: what was added is what is found, within its limits."""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk.core.snapshot import Snapshot
from cachedesk.recording.delta import RECORDS_PER_WHOLE
from cachedesk.recording.player import Player
from cachedesk.recording.ring import Ring

from .recorded import BEGAN_AT, history

HISTORY = list(history(400))


def filled(snapshots, **limits):
    ring = Ring(**limits)
    for snapshot in snapshots:
        ring.add(snapshot)
    return ring


@settings(max_examples=60)
@given(
    count=st.integers(1, len(HISTORY)),
    asked=st.lists(st.floats(-10, 220), min_size=1, max_size=12),
    most_seconds=st.sampled_from([0.0, 20.0, 45.0, 90.0, 1e6]),
)
def test_the_state_at_any_moment_is_the_snapshot_that_was_added(count, asked, most_seconds):
    added = HISTORY[:count]
    ring = filled(added, most_seconds=most_seconds)
    times = [snapshot.at - BEGAN_AT for snapshot in added]
    for seconds in asked:
        wanted = max(bisect_right(times, seconds) - 1, ring.first)
        found = ring.record_at(seconds)
        assert found == wanted
        assert ring.at(found) == added[wanted]
        assert ring.seconds(found) == times[wanted]


@settings(max_examples=40)
@given(
    steps=st.lists(st.floats(0.01, 50), min_size=1, max_size=200),
    most_seconds=st.floats(0, 300),
)
def test_what_is_kept_covers_the_wanted_time_and_hardly_more(steps, most_seconds):
    ring = Ring(most_seconds=most_seconds)
    at, times = BEGAN_AT, []
    for step in steps:
        at += step
        times.append(at)
        ring.add(Snapshot(at=at))
    kept = times[ring.first :]
    assert len(ring) == len(times)
    assert ring.begins_seconds == kept[0] - times[0]
    # All that is younger is kept, and of the older at most one group.
    assert all(at < kept[0] or at in kept for at in times if times[-1] - at < most_seconds)
    assert sum(times[-1] - at >= most_seconds for at in kept) <= RECORDS_PER_WHOLE


def test_it_is_bounded_in_bytes():
    most = 20_000
    ring = Ring(most_bytes=most)
    largest = 0
    for snapshot in HISTORY:
        before = ring.bytes
        ring.add(snapshot)
        largest = max(largest, ring.bytes - before)
        # The newest group is always kept whole.
        assert ring.bytes <= most + largest * RECORDS_PER_WHOLE
    assert ring.first > 0
    assert ring.at(0) == HISTORY[ring.first], "a dropped record stands for the oldest"
    assert ring.at(len(HISTORY) + 5) == HISTORY[-1]


def test_a_clock_that_is_set_back_does_not_break_the_order():
    times = [100.0, 101.0, 50.0, 51.0, 102.0]
    ring = filled([Snapshot(at=BEGAN_AT + at) for at in times])
    assert [ring.seconds(record) for record in range(5)] == [0.0, 1.0, 1.0, 1.0, 2.0]
    assert [ring.at(record).at - BEGAN_AT for record in range(5)] == times
    assert ring.record_at(1.5) == 3


def test_a_player_plays_it_and_stops_at_its_ends():
    ring = filled(HISTORY, most_seconds=60)
    player = Player(ring, playing=False, clock=lambda: 0.0)
    assert player.look() == (ring.first, HISTORY[ring.first])
    player.skip(-5)
    assert player.where().seconds == ring.begins_seconds > 0
    player.step(2)
    assert player.snapshot() == HISTORY[ring.first + 2]
    player.seek(1e9)
    assert player.look() == (len(HISTORY) - 1, HISTORY[-1])
    ring.add(replace(HISTORY[-1], at=HISTORY[-1].at + 5))
    assert player.snapshot() == HISTORY[-1], "it stands still while the ring grows"
    player.skip(60)
    assert player.where().record == len(HISTORY)


def test_it_is_read_and_written_at_once():
    ring = Ring(most_seconds=60)
    wrong = []
    ring.add(HISTORY[0])
    done = threading.Event()

    def read():
        number = 0
        while not done.is_set():
            number = (number + 37) % len(ring)
            found = ring.at(number)
            if found not in HISTORY:
                wrong.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    for snapshot in HISTORY[1:]:
        ring.add(snapshot)
    done.set()
    reader.join()
    assert not wrong


def test_an_unchanged_snapshot_costs_next_to_nothing():
    ring = filled([HISTORY[-1]] * 3)
    assert ring.at(2) == ring.at(0)
    before = ring.bytes
    ring.add(replace(HISTORY[-1]))
    assert ring.bytes - before < 20
