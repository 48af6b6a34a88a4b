"""A session as a source and a control: its rate and its recording, live, on the real engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedesk.core.commands import Bookmark, EvictAll, Inject, PauseWorker, Record, SetRate
from cachedesk.core.errors import CachedeskError, ConfigError, Unavailable
from cachedesk.core.snapshot import EventKind
from cachedesk.lab.load.driver import Load
from cachedesk.lab.load.traffic import WorkloadTraffic
from cachedesk.lab.run.session import Session
from cachedesk.recording.frames import RecordingError
from cachedesk.recording.recorder import Recorder
from cachedesk.recording.recording_file import RecordingFile
from tests.engine.until import unhurried, until


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session at 200 operations a second that does not end by itself."""
    traffic = WorkloadTraffic("article", 1)
    with Session(tmp_path / "data", unhurried(), traffic, Load(4, 200.0)) as running:
        running.start()
        yield running


def said(session: Session, kind: EventKind = EventKind.INFO) -> list[str]:
    """Return what the event ring says of this kind."""
    return [event.text for event in session.snapshot().events if event.kind is kind]


def test_a_snapshot_says_what_drives_the_stack_and_how_fast(session: Session) -> None:
    shown = session.snapshot()
    assert (shown.workload, shown.rate, shown.recording) == ("workload article, seed 1", 200.0, "")
    session.driver.join()
    shown = session.snapshot()
    assert (shown.workload, shown.rate) == ("", None)
    with pytest.raises(Unavailable, match="the workload has ended"):
        session.perform(SetRate(100))


def test_the_rate_changes_while_it_runs(session: Session) -> None:
    assert session.perform(SetRate(3000)) == "the workload does 3,000 operations a second"
    assert session.snapshot().rate == 3000
    before = session.driver.tally().done
    until(lambda: session.driver.tally().done > before + 600)
    # Three times what two hundred a second are in a tick of half a second.
    until(lambda: any(tick.hits + tick.writes > 300 for tick in session.snapshot().ticks))
    assert session.perform(SetRate(0.5)) == "the workload does 0.5 operations a second"
    until(lambda: sum(tick.hits + tick.writes for tick in session.snapshot().ticks[-2:]) <= 3)
    everything = "the workload does as many operations as it can"
    assert session.perform(SetRate(None)) == everything
    assert session.snapshot().rate is None
    assert said(session)[-1] == everything
    before = session.driver.tally().done
    until(lambda: session.driver.tally().done > before + 2000)


@pytest.mark.parametrize("rate", [0, -1, 1_000_000.5, float("nan"), float("inf"), 1e300])
def test_a_rate_that_is_none_is_refused_and_changes_nothing(session: Session, rate: float) -> None:
    with pytest.raises(ConfigError, match="a rate is above 0 and at most 1,000,000"):
        session.perform(SetRate(rate))
    assert session.snapshot().rate == 200


def test_everything_else_is_the_stacks(session: Session) -> None:
    session.perform(PauseWorker())
    assert session.snapshot().worker.paused
    until(lambda: session.snapshot().redis.keys)
    session.perform(EvictAll())
    with pytest.raises(CachedeskError):
        session.perform(Inject("no.such.fault"))


def test_what_is_recorded_is_what_was_there(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "r"
    assert session.perform(Record(str(path))) == f"recording to {path}"
    assert session.snapshot().recording == str(path)
    with pytest.raises(RecordingError, match="is being recorded to; stop that recording first"):
        session.perform(Record(str(tmp_path / "other")))
    session.perform(Inject("redis.kill"))
    until(lambda: session.snapshot().redis.restarts)
    assert session.perform(Bookmark(1, 5.0)) == "bookmark 1"
    until(lambda: session.recorded is not None and session.recorded.records >= 3)
    ended = session.perform(Record(None))
    assert ended.startswith(f"recorded {path}: ")
    assert session.snapshot().recording == ""
    assert {f"recording to {path}", ended} <= set(said(session))
    with RecordingFile(path) as tape:
        played = list(tape.snapshots())
    last = session.snapshot()
    assert all(len(snapshot.catalogue) == len(last.catalogue) for snapshot in played)
    assert set(played[-1].ticks) & set(last.ticks)
    assert [mark.name for mark in played[-1].marks] == ["redis.kill", "bookmark 1"]
    assert all(snapshot.rate == 200 for snapshot in played)
    assert played[-1].books.accepted <= last.books.accepted
    assert [snapshot.at for snapshot in played] == sorted(snapshot.at for snapshot in played)
    with pytest.raises(RecordingError, match="nothing is being recorded"):
        session.perform(Record(None))


def test_one_recording_may_follow_another(session: Session, tmp_path: Path) -> None:
    for name in ("a", "b"):
        session.perform(Record(str(tmp_path / name)))
        session.perform(Record(None))
        with RecordingFile(tmp_path / name) as tape:
            assert tape.at(0).recording == ""
    with pytest.raises(RecordingError, match="already exists"):
        session.perform(Record(str(tmp_path / "a")))


def test_the_data_directory_is_not_a_place_for_recordings(session: Session, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RecordingError, match="is inside the data directory"):
        session.perform(Record(str(tmp_path / "data" / "log" / ".." / "r")))
    with pytest.raises(RecordingError, match="cannot create"):
        session.perform(Record("a\0b"))
    with pytest.raises(RecordingError, match="Is a directory"):
        session.perform(Record(""))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_that_is_no_text_can_be_recorded_to(session: Session, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/r\xff")
    session.perform(Record(path))
    until(lambda: session.recorded is not None and session.recorded.records >= 2)
    session.perform(Record(None))
    with RecordingFile(Path(path)) as tape:
        assert tape.at(len(tape) - 1).recording.endswith("/r\N{REPLACEMENT CHARACTER}")


def test_a_disk_that_is_full_ends_the_recording_and_is_said_and_the_stack_goes_on(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.perform(Record(str(tmp_path / "r")))

    def full(recorder: Recorder, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "_write", full)
        until(lambda: said(session, EventKind.ERROR))
    assert said(session, EventKind.ERROR) == ["the recording ended: No space left on device"]
    assert session.snapshot().recording == ""
    accepted = session.snapshot().books.accepted
    until(lambda: session.snapshot().books.accepted > accepted)
    with RecordingFile(tmp_path / "r") as tape:
        assert tape.at(0).workload
    session.perform(Record(str(tmp_path / "again")))


def test_a_session_that_is_closed_ends_its_recording(session: Session, tmp_path: Path) -> None:
    session.perform(Record(str(tmp_path / "r")))
    report = session.finish()
    assert report.recorded is not None
    assert report.recorded.trouble == ""
    assert report.as_json()["recording"]
    with RecordingFile(tmp_path / "r") as tape:
        last = tape.at(len(tape) - 1)
    assert (last.workload, last.books.pending) == ("", 0)
    assert last.books.accepted == report.verdict.accepted
