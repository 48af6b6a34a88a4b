"""Play one story after another on the desk, as long as the user chooses another one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from cachedesk.console.signals import Signals
from cachedesk.desk.appearance import Appearance
from cachedesk.desk.modes.live_story import StoryApp
from cachedesk.desk.onboarding import note_passed
from cachedesk.desk.story_choice import StoryChoice, offers_after
from cachedesk.desk.terminal.leaving import Deadline
from cachedesk.desk.terminal.running import run_app
from cachedesk.lab.stories.script import Story
from cachedesk.lab.stories.story_runner import StoryRunner

PASSED = "every claim holds"


class StorySession:
    """Stories on the desk, one at a time; ``close`` may be called from any thread.

    Args:
        appearance: how the desk looks.
        crash_folder: the folder for pictures and for the traceback of an internal error; ``None``
            disables saving.
        failpoints: armed before the stack of each act opens, as ``point=terms;…``.
    """

    def __init__(
        self, appearance: Appearance, crash_folder: Path | None, failpoints: str = ""
    ) -> None:
        self._appearance = appearance
        self._crash_folder = crash_folder
        self._failpoints = failpoints
        self._runner: StoryRunner | None = None
        self.saved: list[Path] = []
        """The pictures that were saved."""

    def play(
        self,
        choice: StoryChoice,
        signals: Signals,
        deadline: Deadline,
        *,
        story: Story | None = None,
        folder: Path | None = None,
    ) -> int:
        """Play ``choice``, and what is chosen after it, until the user leaves.

        Args:
            choice: what to play first.
            signals: ends the story when a signal arrives; it is active already.
            deadline: armed when a signal arrives.
            story: the story of ``choice``, if it was read already.
            folder: the parent of the data directories of the first story; by default a temporary
                one, as for those after it.

        Returns:
            The exit status of the last story: 0; 1 if a claim is broken; as ``run_app``.

        Raises:
            CachedeskError: a story cannot be read, or its stack not opened.
        """
        wanted: StoryChoice | None = choice
        status = 0
        while wanted is not None:
            with tempfile.TemporaryDirectory(
                prefix="cachedesk-story-", ignore_cleanup_errors=True
            ) as temporary:
                place = folder or Path(temporary)
                status, wanted = self._one(
                    wanted, story or wanted.story(), place, signals, deadline
                )
            story = folder = None
            if signals.received.is_set():
                break
        return status

    def close(self) -> None:
        """Stop the story that is being played and close its stack."""
        if self._runner is not None:
            self._runner.close()

    def _one(
        self,
        choice: StoryChoice,
        story: Story,
        folder: Path,
        signals: Signals,
        deadline: Deadline,
    ) -> tuple[int, StoryChoice | None]:
        self._runner = runner = StoryRunner(story, folder, self._failpoints)
        try:
            app = StoryApp(
                runner,
                refresh_hz=self._appearance.refresh_hz,
                theme=self._appearance.theme,
                folder=self._crash_folder,
                offers=offers_after(choice, story),
            )
            status = run_app(app, signals, deadline, self._crash_folder, _leaving(runner, app))
            self.saved += app.saved
            if runner.ended and runner.holds and not choice.flip:
                note_passed(story.name, PASSED)
            return status, app.wanted if isinstance(app.wanted, StoryChoice) else None
        finally:
            runner.close()


def _leaving(runner: StoryRunner, app: StoryApp) -> Callable[[], None]:
    def leave() -> None:
        # A step may wait for a condition that never holds; it must not delay the exit.
        runner.stop()
        app.exit()

    return leave


def play_stories(session: StorySession, choice: StoryChoice, story: Story, folder: Path) -> int:
    """Play ``story``, which is that of ``choice``, in ``folder``, and what is chosen after it.

    Returns:
        The exit status, as of ``StorySession.play``.

    Raises:
        CachedeskError: as ``StorySession.play``.
    """
    with Signals() as signals, Deadline(session.close, lambda: signals.exit_code or 1) as deadline:
        return session.play(choice, signals, deadline, story=story, folder=folder)
