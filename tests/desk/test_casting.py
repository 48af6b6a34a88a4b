"""A cast: the desk's screens as a terminal session, which a terminal plays back to the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.pilot import Pilot
from textual.strip import Strip

from cachedesk.core.snapshot import Event, EventKind, Health, Mark, Snapshot
from cachedesk.desk.modes.casting import CastApp, write_cast
from cachedesk.desk.modes.playback import ReplayApp
from cachedesk.desk.terminal.screen_changes import ScreenChanges
from cachedesk.recording.asciicast import Session, asciicast
from cachedesk.recording.frames import RecordingError
from cachedesk.recording.pacing import MOST_PER_SECOND, Shot, paced
from cachedesk.recording.player import Player
from cachedesk.recording.recording_file import RecordingFile
from tests.lab.recorded import BEGAN_AT, history, record

from .piloting import drive, screen_text
from .scenes import HEALTHY, REDIS_DOWN

SIZE = (100, 30)
MARK = Mark("redis.down", BEGAN_AT + 2, BEGAN_AT + 4)

_SEQUENCE = re.compile(r"\x1b\[(?:(\d+);(\d+)H|([\d;]*)m|\?25l)")


class Terminal:
    """A terminal that knows what a cast may send, and nothing else."""

    def __init__(self, width: int, height: int) -> None:
        self.rows = [[(" ", "")] * width for _ in range(height)]
        self._row = self._column = 0
        self._style = ""

    def feed(self, text: str) -> None:
        """Obey ``text``."""
        at = 0
        while at < len(text):
            if found := _SEQUENCE.match(text, at):
                at = found.end()
                if found[1]:
                    self._row, self._column = int(found[1]) - 1, int(found[2]) - 1
                elif found[3] is not None:
                    self._style = found[3]
                continue
            assert text[at].isprintable() or not cell_len(text[at]), repr(text[at])
            self._put(text[at])
            at += 1

    def _put(self, sign: str) -> None:
        row, width = self.rows[self._row], cell_len(sign)
        if not width:
            place = self._column - 1
            while not row[place][0]:
                place -= 1
            row[place] = (row[place][0] + sign, row[place][1])
            return
        for place in range(width):
            row[self._column + place] = ("" if place else sign, self._style)
        self._column += width

    @property
    def text(self) -> str:
        """Everything that is shown."""
        return "\n".join("".join(sign for sign, _ in row) for row in self.rows)


def scenes() -> Iterator[Snapshot]:
    """Yield eight seconds with a fault in them."""
    for number in range(16):
        at = BEGAN_AT + number / 2
        down = MARK.start_at <= at < (MARK.end_at or 0)
        scene = REDIS_DOWN if down else HEALTHY
        marks = () if at < MARK.start_at else (replace(MARK, end_at=None),) if down else (MARK,)
        yield replace(scene, at=at, uptime_seconds=number / 2, marks=marks, events=())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingFile]:
    """A recording of eight seconds."""
    path = record(tmp_path_factory.mktemp("cast") / "run.rec", scenes())
    with RecordingFile(path) as opened:
        yield opened


def filmed(recording: RecordingFile, shots: list[Shot]) -> Session:
    """Return the cast of these shots."""
    app = CastApp(recording, shots, SIZE)
    app.run()
    assert not app.crash
    return app.session()


def lines_of(session: Session) -> tuple[dict[str, Any], list[tuple[float, str, str]]]:
    """Return the header and the events of a cast, as a player reads them."""
    header, *events = map(json.loads, asciicast(session).decode().splitlines())
    return header, [(at, kind, data) for at, kind, data in events]


def shown_by_the_desk(recording: RecordingFile, record: int) -> str:
    """Return the screen of the replay at this record."""
    player = Player(recording, clock=lambda: 0.0)
    player.seek(recording.seconds(record))
    app, texts = ReplayApp(player, data_label="run.rec", follows=False), []

    async def look(pilot: Pilot[None]) -> None:
        await pilot.pause()
        texts.append(screen_text(app))

    drive(app, look, SIZE)
    return texts[0]


def test_a_terminal_that_plays_a_cast_shows_the_desk(recording: RecordingFile) -> None:
    shots = list(paced(recording))
    header, events = lines_of(filmed(recording, shots))
    assert (header["version"], header["width"], header["height"]) == (2, *SIZE)
    assert header["timestamp"] == BEGAN_AT
    assert header["duration"] == events[-1][0] == 7.5
    terminal = Terminal(*SIZE)
    expected = {record: shown_by_the_desk(recording, record) for record in (0, 5, 15)}
    assert len(set(expected.values())) == 3
    for shot in shots:
        for at, kind, data in events:
            if kind == "o" and at == pytest.approx(shot.at_seconds):
                terminal.feed(data)
        if shot.record in expected:
            assert terminal.text == expected[shot.record]
    # No cell is left to the terminal's own colours.
    assert all("48;2;" in style for row in terminal.rows for _, style in row)
    markers = [(at, data) for at, kind, data in events if kind == "m"]
    assert markers == [(2.0, "redis.down")]


def test_only_what_changes_is_sent(recording: RecordingFile) -> None:
    _, events = lines_of(filmed(recording, [Shot(0, 0.0), Shot(1, 0.5), Shot(1, 1.0)]))
    first, second = (data for _, _, data in events)
    assert first.startswith("\x1b[?25l")
    assert len(second) < len(first) / 5


def test_a_cast_that_cannot_be_read_says_so(recording: RecordingFile) -> None:
    class Lost(CastApp):
        def _show_shot(self, shot: Shot) -> Any:
            raise RecordingError("it was truncated while it was read")

    app = Lost(recording, [Shot(0, 0.0)], SIZE)
    app.run()
    assert "it was truncated while it was read" in app.crash


def test_a_cast_is_a_new_file(tmp_path: Path) -> None:
    session = Session(80, 24, 0, "a")
    path = tmp_path / "a.cast"
    assert write_cast(path, session) == path.stat().st_size
    with pytest.raises(RecordingError, match=r"a\.cast already exists; write the cast to a new"):
        write_cast(path, session)
    assert list(tmp_path.iterdir()) == [path]


SIGNS = st.text(alphabet="ab ─界é\u0301", max_size=6)
STYLES = st.sampled_from([None, Style(bold=True), Style(bgcolor="#112233"), Style(reverse=True)])
STRIPS = st.lists(st.tuples(SIGNS, STYLES).map(lambda it: Segment(*it)), max_size=4).map(
    lambda segments: Strip(segments).adjust_cell_length(8)
)


@given(st.lists(st.lists(STRIPS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_a_terminal_shows_whatever_it_is_kept_up_to_date_with(screens: list[list[Strip]]) -> None:
    changes, terminal = ScreenChanges(), Terminal(8, 2)
    for screen in screens:
        # What combines with nothing before it is shown by no terminal.
        strips = [Strip([Segment("|"), *strip]).adjust_cell_length(8) for strip in screen]
        terminal.feed(changes.to(strips))
        assert terminal.text == "\n".join(strip.text for strip in strips)
        assert changes.to(strips) == ""


def made(path: Path, snapshots: Iterator[Snapshot]) -> RecordingFile:
    """Return a recording of ``snapshots``, opened."""
    return RecordingFile(record(path, snapshots))


def test_a_faster_cast_is_shorter_and_never_too_fine(tmp_path: Path) -> None:
    with made(tmp_path / "r", history(121)) as recording:
        for speed in (0.5, 1.0, 4.0, 16.0):
            shots = list(paced(recording, speed))
            assert (shots[0].record, shots[-1].record) == (0, 120)
            assert shots[-1].at_seconds == pytest.approx(60 / speed)
            gaps = [after.at_seconds - before.at_seconds for before, after in pairwise(shots)]
            assert min(gaps[:-1]) >= 1 / MOST_PER_SECOND
            assert sum((shot.faults for shot in shots), ()) == ("redis.down",) * 3


def quiet(number: int) -> Snapshot:
    """Return a snapshot of a time in which a fault lasts from 10 to 20 s, and an event comes at
    40 s."""
    at = number / 2
    events = (Event(BEGAN_AT + 40, EventKind.INFO, "hello"),) if at >= 40 else ()
    active = 10 <= at < 20
    end = None if active else BEGAN_AT + 20
    marks = (Mark("redis.down", BEGAN_AT + 10, end),) if at >= 10 else ()
    base = replace(HEALTHY, at=BEGAN_AT + at, events=events, marks=marks)
    redis = replace(base.redis, health=Health.DOWN if active else Health.UP)
    return replace(base, redis=redis, faults=("redis.down",) if active else ())


def test_idle_times_are_cut_and_what_happens_is_not(tmp_path: Path) -> None:
    with made(tmp_path / "r", (quiet(number) for number in range(121))) as recording:
        shots = list(paced(recording, 1.0, 3.0))
    shown = {shot.record / 2 for shot in shots}
    # All of the fault, and three seconds after each thing that happened.
    assert {10 + each / 2 for each in range(21)} <= shown
    assert {each / 2 for each in range(121)} - shown == {
        *(3.5 + each / 2 for each in range(13)),
        *(23.5 + each / 2 for each in range(33)),
        *(43.5 + each / 2 for each in range(33)),
    }
    assert shots[-1].at_seconds == pytest.approx(3 + 0.5 + 10 + 3 + 0.5 + 3)
    assert shots[-1].record == 120


def test_a_gap_in_a_recording_is_cut_too(tmp_path: Path) -> None:
    path = record(tmp_path / "r", history(4))
    with RecordingFile(path) as recording:
        recording._seconds[3] = 3600.0
        assert list(paced(recording, 1.0, 2.0))[-1].at_seconds <= 3.0
        assert list(paced(recording))[-1].at_seconds == 3600.0
