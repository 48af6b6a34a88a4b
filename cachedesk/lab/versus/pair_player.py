"""Plays the recordings of both sides of a pair as one."""

from __future__ import annotations

from dataclasses import replace

from cachedesk.core.snapshot import Snapshot
from cachedesk.lab.versus.pair import SEPARATOR, PairSnapshot
from cachedesk.lab.versus.side import SideView
from cachedesk.recording.player import Player
from cachedesk.recording.recording_file import RecordingFile

_SAME_LOOK_SECONDS = 0.2
_ENDED_SECONDS = 2.0


class PairPlayer(Player):
    """A ``PairSource`` that plays two recordings; both are at the same moment.

    Args:
        left: the recording of the left side.
        right: the recording of the right side.
        speed: seconds of the recordings per second, 0.25 to 16.
        playing: whether it plays from the start.
    """

    def __init__(
        self,
        left: RecordingFile,
        right: RecordingFile,
        *,
        speed: float = 1.0,
        playing: bool = True,
    ) -> None:
        self._tapes = (left, right)
        # The longer one leads: a side that died has stopped being recorded.
        self._leads_left = _end(left) > _end(right)
        super().__init__(left if self._leads_left else right, speed=speed, playing=playing)
        self._titles = (title_of(left), title_of(right))
        self.record: int | None = None
        """The record that was returned last."""
        self.at: float | None = None
        """When it was recorded, in wall-clock seconds since 1970."""

    def snapshot(self) -> PairSnapshot:  # type: ignore[override]
        """Return both snapshots of the current moment.

        Raises:
            RecordingError: a file was changed meanwhile, or is invalid.
        """
        self.record, leading = self.look()
        self.at = leading.at
        left, right = self._tapes
        if self._leads_left:
            views = (self._view(0, leading), self._beside(right, 1, leading))
        else:
            views = (self._beside(left, 0, leading), self._view(1, leading))
        snapshots = [view.snapshot for view in views if view.snapshot is not None]
        aligned = len(snapshots) == 2 and _done(snapshots[0]) == _done(snapshots[1])
        return PairSnapshot(*views, aligned=aligned)

    def _beside(self, tape: RecordingFile, side: int, leading: Snapshot) -> SideView:
        """Return the view of the other side at the moment of ``leading``."""
        seconds = leading.at - tape.header.started_at
        last = tape.length_seconds
        if seconds > last + _ENDED_SECONDS:
            view = self._view(side, tape.at(len(tape) - 1))
            return replace(view, ended="its recording ends here")
        return self._view(side, _nearest(tape, seconds, leading.at))

    def _view(self, side: int, snapshot: Snapshot) -> SideView:
        return SideView(self._titles[side], replace(snapshot, recording=""))


def title_of(tape: RecordingFile) -> str:
    """Return the title of a side, from its recording; the file's name if it is of no pair."""
    _, separator, title = tape.at(0).workload.rpartition(SEPARATOR)
    return title if separator else tape.path.name


def _end(tape: RecordingFile) -> float:
    return tape.header.started_at + tape.length_seconds


def _nearest(tape: RecordingFile, seconds: float, at: float) -> Snapshot:
    """Return the snapshot of the same look: the recorders of both sides write at slightly
    different times, and one of them may have written just before the next look."""
    record = tape.record_at(seconds)
    found = tape.at(record)
    for other in (record - 1, record + 1):
        if abs(found.at - at) <= _SAME_LOOK_SECONDS:
            break
        if 0 <= other < len(tape):
            found = min(found, tape.at(other), key=lambda one: abs(one.at - at))
    return found


def _done(snapshot: Snapshot) -> int:
    """Return how many operations a side has done, as far as its counters know."""
    reads, writes = snapshot.reads, snapshot.writes
    return (
        reads.hits
        + reads.misses
        + writes.through
        + writes.behind
        + writes.refused
        + writes.unavailable
    )
