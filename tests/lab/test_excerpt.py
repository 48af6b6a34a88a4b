"""Excerpts: a part of a recording or of a ring is a recording that says the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedesk.core.snapshot import Mark
from cachedesk.recording.excerpt import excerpt, save_excerpt
from cachedesk.recording.frames import RecordingError
from cachedesk.recording.recording_file import RecordingFile
from cachedesk.recording.ring import Ring

from .recorded import BEGAN_AT, history, record

HISTORY = list(history(300))


def ring(**limits):
    kept = Ring(**limits)
    for snapshot in HISTORY:
        kept.add(snapshot)
    return kept


KEPT = ring()


@settings(max_examples=25)
@given(start=st.floats(-5, 160), length=st.floats(0, 100))
def test_an_excerpt_holds_the_snapshots_of_its_time(tmp_path_factory, start, length):
    path = tmp_path_factory.mktemp("excerpt") / "clip.rec"
    save_excerpt(path, KEPT, BEGAN_AT + start, BEGAN_AT + start + length)
    first = KEPT.record_at(start)
    last = max(first, KEPT.record_at(start + length))
    with RecordingFile(path) as tape:
        assert list(tape.snapshots()) == HISTORY[first : last + 1]
        assert tape.started_at == HISTORY[first].at
        assert [tape.seconds(place) for place in range(len(tape))] == pytest.approx(
            [each.at - HISTORY[first].at for each in HISTORY[first : last + 1]]
        )


def test_it_can_be_cut_from_a_recording_too(tmp_path):
    with RecordingFile(record(tmp_path / "whole", HISTORY)) as whole:
        assert excerpt(whole, BEGAN_AT + 20, BEGAN_AT + 50) == excerpt(
            KEPT, BEGAN_AT + 20, BEGAN_AT + 50
        )


def test_it_has_the_bookmarks_of_its_time_from_their_moment_on(tmp_path):
    marks = tuple(Mark(f"bookmark {at}", BEGAN_AT + at, BEGAN_AT + at) for at in (1, 22, 90))
    save_excerpt(tmp_path / "clip", KEPT, BEGAN_AT + 20, BEGAN_AT + 30, marks)
    with RecordingFile(tmp_path / "clip") as tape:
        found = [[mark for mark in it.marks if mark.is_bookmark] for it in tape.snapshots()]
    assert found == [[]] * 4 + [[marks[1]]] * 17


def test_that_it_was_recorded_is_not_said(tmp_path):
    kept = Ring()
    kept.add(replace(HISTORY[0], recording="run.rec"))
    save_excerpt(tmp_path / "clip", kept, BEGAN_AT, BEGAN_AT)
    with RecordingFile(tmp_path / "clip") as tape:
        assert tape.at(0).recording == ""


def test_what_is_no_longer_kept_is_left_out(tmp_path):
    kept = ring(most_seconds=30.0)
    save_excerpt(tmp_path / "clip", kept, BEGAN_AT, BEGAN_AT + 1000)
    with RecordingFile(tmp_path / "clip") as tape:
        assert list(tape.snapshots()) == HISTORY[kept.first :]


def test_records_of_one_time_stay_apart(tmp_path):
    kept = Ring()
    for at in (100.0, 50.0, 60.0):
        kept.add(replace(HISTORY[0], at=BEGAN_AT + at))
    save_excerpt(tmp_path / "clip", kept, BEGAN_AT, BEGAN_AT + 200)
    with RecordingFile(tmp_path / "clip") as tape:
        assert [it.at - BEGAN_AT for it in tape.snapshots()] == [100.0, 50.0, 60.0]


def test_a_file_that_exists_is_left_alone(tmp_path):
    path = tmp_path / "clip"
    path.write_text("mine")
    with pytest.raises(RecordingError, match="already exists"):
        save_excerpt(path, KEPT, BEGAN_AT, BEGAN_AT + 9)
    assert path.read_text() == "mine"
