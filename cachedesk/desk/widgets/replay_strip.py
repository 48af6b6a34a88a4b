"""The replay strip: the position in the recording, and a bar to change it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.views.formats import cut
from cachedesk.recording.player import Playback

PLAYED, COMING, HERE, FAULT, BOOKMARKED = "━", "─", "●", "▼", "◆"

_GAP = "  "
_WORDY_CELLS, _DATED_CELLS = 70, 100
_STYLES = {
    PLAYED: "$primary",
    COMING: "$foreground 40%",
    HERE: "bold $text-primary",
    FAULT: "bold $text-warning",
    BOOKMARKED: "bold $text-accent",
}


_NOWHERE = Playback(0, 1, 0.0, 0.0, playing=False, speed=1.0)


@dataclass(frozen=True, slots=True)
class StripView:
    """The content of the strip.

    Args:
        where: the position.
        at: when the shown snapshot was recorded, in wall-clock seconds since 1970.
        faults: the seconds of the recording at which faults began.
        bookmarks: the seconds that the user has marked.
        name: what is played.
        hint: what stands at the right instead of the date.
    """

    where: Playback = _NOWHERE
    at: float | None = None
    faults: tuple[float, ...] = ()
    bookmarks: tuple[float, ...] = ()
    name: str = "REPLAY"
    hint: str = ""


def timecode(seconds: float, length_seconds: float) -> str:
    """Return a position in a recording as ``01:40``, or ``1:01:40`` in a long recording."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    if length_seconds < 3600:
        return f"{minutes:02}:{second:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def state_of(where: Playback, *, brief: bool = False) -> str:
    """Return the state and the speed, as a sign and, unless ``brief``, in words."""
    sign, word = ("▶", "") if where.playing else ("■", "end ") if where.ended else ("‖", "paused ")
    return f"{sign} {'' if brief else word}{where.speed:g}x"


def cell_of(seconds: float, length_seconds: float, cells: int) -> int:
    """Return the cell of a bar of ``cells`` cells that stands for this second."""
    if length_seconds <= 0 or cells <= 1:
        return 0
    return max(0, min(cells - 1, round(seconds / length_seconds * (cells - 1))))


def seconds_of(cell: int, length_seconds: float, cells: int) -> float:
    """Return the second that this cell of the bar stands for."""
    return length_seconds * max(0, min(cell, cells - 1)) / max(1, cells - 1)


def bar_of(
    where: Playback, faults: Iterable[float], cells: int, bookmarks: Iterable[float] = ()
) -> str:
    """Return the bar, with the position, the starts of faults and the bookmarks."""
    if cells < 1:
        return ""
    here = cell_of(where.seconds, where.length_seconds, cells)
    drawn = [PLAYED if cell < here else COMING for cell in range(cells)]
    for signs, sign in ((faults, FAULT), (bookmarks, BOOKMARKED)):
        for seconds in signs:
            if cells and 0 <= seconds <= where.length_seconds:
                drawn[cell_of(seconds, where.length_seconds, cells)] = sign
    drawn[here] = HERE
    return "".join(drawn)


class ReplayStrip(Widget):
    """Draws a ``StripView`` as one line.

    A click or a drag on the bar seeks, a click elsewhere plays or pauses.
    """

    DEFAULT_CSS = """
    ReplayStrip {
        height: 1;
        padding: 0 1;
        background: $primary 20%;
        color: $foreground;
        pointer: pointer;
    }
    """

    ALLOW_SELECT = False

    view: reactive[StripView] = reactive(StripView())

    @dataclass
    class Sought(Message):
        """The user seeks to this second of the recording."""

        seconds: float

    class Toggled(Message):
        """The user pauses or resumes."""

    def render(self) -> Content:
        """Return the line; without room for all of it, without the date."""
        before, after = self._sides()
        bar = bar_of(self.view.where, self.view.faults, self._bar_cells(), self.view.bookmarks)
        return Content.assemble(
            (before[: len(self.view.name)], "bold $text-primary"),
            (before[len(self.view.name) :], "bold $foreground"),
            *((cell, _STYLES[cell]) for cell in bar),
            (after, "$foreground 75%"),
        )

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Seek and follow the mouse, or play or pause."""
        if self._over_bar(event.x):
            self.capture_mouse()
            self._seek(event.x)
        else:
            self.post_message(self.Toggled())

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Follow the mouse while its button is held."""
        if self.app.mouse_captured is self:
            self._seek(event.x)

    def on_mouse_up(self) -> None:
        """Stop following the mouse."""
        self.release_mouse()

    def _seek(self, x: int) -> None:
        length = self.view.where.length_seconds
        self.post_message(self.Sought(seconds_of(x - self._bar_at(), length, self._bar_cells())))

    def _over_bar(self, x: int) -> bool:
        return 0 <= x - self._bar_at() < self._bar_cells()

    def _bar_at(self) -> int:
        """The first cell of the bar, from the left edge of the widget."""
        return self.gutter.left + cell_len(self._sides()[0])

    def _bar_cells(self) -> int:
        before, after = self._sides()
        return max(0, self.size.width - cell_len(before) - cell_len(after))

    def _sides(self) -> tuple[str, str]:
        """Return the texts at the left and at the right of the bar."""
        where = self.view.where
        length = where.length_seconds
        here, end = timecode(where.seconds, length), timecode(length, length)
        # As wide as its longest form, so that the bar does not move under the mouse.
        width = self.size.width
        brief = width < _WORDY_CELLS
        state = state_of(where, brief=brief).ljust(len("‖ 0.25x" if brief else "‖ paused 0.25x"))
        before = f"{self.view.name}{_GAP}{state}{_GAP}{here} / {end}{_GAP}"
        dated = width >= _DATED_CELLS and (self.view.hint or self.view.at is not None)
        after = self.view.hint or _date(self.view.at or 0.0)
        return cut(before, width), f"{_GAP}{after}" if dated else ""


def _date(at: float) -> str:
    try:
        return time.strftime("recorded %Y-%m-%d %H:%M:%S", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return ""  # a recording may hold any float
