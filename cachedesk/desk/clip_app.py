"""The clips of a desk: every fault from a little before it to its recovery, to play and to save."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from textual import work
from textual.app import SystemCommand

from cachedesk.core.errors import CachedeskError
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.looking_back import LookingBack
from cachedesk.desk.screens.clips import ClipsScreen, Wanted
from cachedesk.desk.views.clips import Clip, clips
from cachedesk.recording.excerpt import save_excerpt
from cachedesk.recording.playable import Playable


class ClipApp(LookingBack):
    """An app that cuts a clip of every fault."""

    @property
    def recorded(self) -> Playable:
        """What the clips are cut from."""
        return self.time_machine.ring

    def newest(self) -> Snapshot | None:
        """Return the newest snapshot; ``None`` if there is none yet."""
        return self.desk.latest

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips of the faults whose time is kept, the newest first."""
        newest, recorded = self.newest(), self.recorded
        if newest is None:
            return ()
        return clips(newest, recorded.started_at + recorded.begins_seconds)

    def action_clips(self) -> None:
        """List the clips, and play or save the one that is chosen."""
        if not self.clips:
            self._warn("There was no fault yet, so there is no clip.")
            return
        self.push_screen(ClipsScreen(self.clips), self._use)

    def more_commands(self) -> Iterable[SystemCommand]:
        """Yield how to play and to save each clip."""
        yield from super().more_commands()
        for clip in self.clips:
            play, save = partial(self.play, clip), partial(self.save, clip)
            yield SystemCommand(f"Play the clip of {clip.title}", clip.about, play)
            yield SystemCommand(f"Save the clip of {clip.title}", "As a recording.", save)

    def play(self, clip: Clip) -> None:
        """Play ``clip``, and stop at its end."""
        self.played = f"CLIP {clip.fault}"
        self._travel(partial(self.time_machine.play, clip.start_at, clip.end_at))

    def save(self, clip: Clip) -> None:
        """Save ``clip`` as a recording in the data folder."""
        name = "".join(sign for sign in clip.fault if sign.isalnum() or sign in ".-") or "clip"
        if (path := self._new_file("rec", name)) is not None:
            self._save(clip, path)

    def _use(self, wanted: Wanted | None) -> None:
        if wanted is not None:
            (self.save if wanted.save else self.play)(wanted.clip)

    @work(thread=True, group="clips")
    def _save(self, clip: Clip, path: Path) -> None:
        bookmarks = self.desk.bookmarks
        try:
            save_excerpt(path, self.recorded, clip.start_at, clip.end_at, bookmarks)
        except CachedeskError as error:
            self.notify(str(error), title="Not saved", severity="error", markup=False)
        else:
            self.saved.append(path)
            self.notify(f"Saved {path.parent.name}/{path.name}", markup=False)
