"""Runs a story step by step, forwards and backwards.

It is a ``Source``, a ``Control`` and an ``Inspector`` over the stack of the act that is being
played, so a desk shows a story as it shows anything else. Going back replays the act from its
beginning, because the work of a real engine cannot be undone.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cachedesk.core.commands import Command
from cachedesk.core.errors import CachedeskError, Unavailable
from cachedesk.core.key_report import KeyReport
from cachedesk.core.safeguards import LABELS
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import count_of
from cachedesk.lab.judge.verdict import Verdict
from cachedesk.lab.run.timeline import Timeline
from cachedesk.lab.stories import expressions
from cachedesk.lab.stories.act_runner import ActRunner
from cachedesk.lab.stories.narration import doing
from cachedesk.lab.stories.scene import ClaimResult, Scene
from cachedesk.lab.stories.script import Act, Claim, Story
from cachedesk.lab.stories.story_figures import Figures, written
from cachedesk.lab.stories.templates import filled


@dataclass(frozen=True, slots=True)
class PlayedAct:
    """An act that was played to its end: its figures, its verdict, and its timeline."""

    act: Act
    figures: Mapping[str, float]
    verdict: Verdict
    timeline: Timeline


class StoryRunner:
    """One run of a story. One thread at a time may call ``advance`` and ``back``; any thread may
    call everything else."""

    def __init__(self, story: Story, folder: Path, failpoints: str = "") -> None:
        """Open the first act.

        Args:
            story: the story.
            folder: the parent of the data directories of the acts; it must exist.
            failpoints: armed before the stack of each act opens, as ``point=terms;…``.

        Raises:
            CachedeskError: as ``Stack``.
        """
        self.story = story
        self.played: list[PlayedAct] = []
        self.claims = _open_claims(story)
        self.failed = ""
        self._folder = folder
        self._failpoints = failpoints
        self._began = time.monotonic()
        self._turn = threading.Lock()
        self._closed = False
        self._step = 0
        self._runner = self._open_act(0)
        self._scene = self._first_scene("")
        self._scene = self._first_scene(self._opening)
        self._live: ActRunner | None = self._runner
        self._seeing = threading.Lock()
        self._last = self._runner.stack.snapshot()
        self._key_lines = self._runner.key_lines()

    def scene(self) -> Scene:
        """Return the current scene."""
        return replace(self._scene, keys=self._key_lines)

    def snapshot(self) -> Snapshot:
        """Return a snapshot of the act's stack; the last one while the stack is being closed."""
        live = self._live
        if live is not None:
            try:
                self._see(live)
            except CachedeskError:
                if self._live is live:
                    raise
        return self._last

    def perform(self, command: Command) -> str:
        """Carry out ``command`` on the stack of the act; errors as for ``Control``."""
        if self.ended:
            raise Unavailable("the story has ended: nothing runs any more")
        return self._runner.stack.perform(command)

    def inspect(self, key: bytes) -> KeyReport:
        """Return the report of ``key`` in the current act."""
        if self.ended:
            raise Unavailable("the story has ended: nothing runs any more")
        return self._runner.stack.inspect(key)

    @property
    def ended(self) -> bool:
        """Whether everything was played and the claims are decided, or the story failed."""
        return self._scene.ended

    @property
    def holds(self) -> bool:
        """Whether it was played to its end and every claim holds."""
        return not self.failed and all(outcome.holds for outcome in self.claims)

    @property
    def seconds(self) -> float:
        """The seconds since it began."""
        return time.monotonic() - self._began

    def advance(self) -> None:
        """Play the next step. After the last step of an act, judge the act and open the next one;
        after the last act, decide the claims. An error ends the story, and is in the scene."""
        with self._turn:
            if self.ended or self._closed:
                return
            self._scene = replace(self._scene, busy=True)
            try:
                self._advance()
            except CachedeskError as error:
                if not self._closed:
                    self.failed = f"{self._where}: {error}"
                    self._end()

    def back(self) -> None:
        """Replay the act up to the step before the last one played. At the beginning of an act, do
        nothing. An error ends the story, and is in the scene."""
        with self._turn:
            if self._closed or (self._step == 0 and not self.ended):
                return
            self._scene = replace(self._scene, busy=True)
            number = self._number
            steps = self._step if self.ended and not self.failed else self._step - 1
            self.failed, self.claims = "", _open_claims(self.story)
            del self.played[number:]
            self._freeze()
            self._runner.close()
            self._step = 0
            try:
                self._runner = self._open_act(number)
            except CachedeskError as error:
                self.failed = f"{self._where}: {error}"
                self._end()
                return
            replaying = replace(self._first_scene(self._opening), replaying=steps)
            self._scene = replaying if steps else self._first_scene(self._opening)
            try:
                while self._step < steps:
                    self._play(replaying)
            except CachedeskError as error:
                self.failed = f"{self._where}: {error}"
                self._end()

    def stop(self) -> None:
        """Make the current step end soon; nothing more is played."""
        self._closed = True
        self._live = None
        self._runner.stop()

    def close(self) -> None:
        """Stop the story and close the stack. A second call does nothing."""
        self.stop()
        self._runner.close()

    @property
    def _number(self) -> int:
        """The index of the current act, from 0."""
        return min(self._scene.act_number - 1, len(self.story.act) - 1)

    @property
    def _act(self) -> Act:
        return self.story.act[self._number]

    @property
    def _opening(self) -> str:
        if self._number:
            return self._act.title
        opening = self.story.about or self.story.title
        if not self.story.flip:
            return opening
        return f"Played with {_flip_words(self._act, self.story.flip)} instead. {opening}"

    @property
    def _where(self) -> str:
        return f"act {self._act.name}, step {self._step + 1}"

    def _advance(self) -> None:
        if self._step == len(self._act.step):
            self._judge()
            if len(self.played) == len(self.story.act):
                self._end()
                return
            number = len(self.played)
            self._runner = self._open_act(number)
            self._step = 0
            self._scene = replace(self._scene, act_number=number + 1)
            self._scene = replace(self._first_scene(self._opening), busy=True)
        self._play()

    def _play(self, replaying: Scene | None = None) -> None:
        """Play the next step; show ``replaying`` meanwhile, because its result is known already
        and would stand over a stack that is not yet as it says."""
        step = self._act.step[self._step]
        before = self._scene
        say = before.say if not step.say and step.say_flipped is None else step.say
        if replaying is not None and self._step + 1 < replaying.replaying:
            self._scene = replace(replaying, say=say, step=self._step + 1, busy=True)
        else:
            self._scene = replace(before, say=say, doing=doing(step), came="", busy=True)
        came = self._runner.play(step)
        self._step += 1
        last = replaying is None or self._step == replaying.replaying
        self._scene = replace(
            self._scene,
            step=self._step,
            came=came if last else "",
            busy=not last,
            replaying=0 if last or replaying is None else replaying.replaying,
        )

    def _judge(self) -> None:
        self._runner.settle()
        self._freeze()
        verdict, figures = self._runner.finish()
        self.played.append(PlayedAct(self._act, figures, verdict, self._runner.timeline()))

    def _end(self) -> None:
        finding = ""
        if not self.failed:
            figures = self._all_figures()
            self.claims = tuple(_decided(claim, figures) for claim in self.story.claim)
            finding = self._finding()
        self._freeze()
        self._runner.close()
        self._scene = replace(
            self._scene,
            busy=False,
            ended=True,
            claims=self.claims,
            failed=self.failed,
            replaying=0,
            finding=finding,
        )

    def _finding(self) -> str:
        """What the flipped story has shown; empty for any other."""
        if not self.story.flip:
            return ""
        lost = sum(len(played.verdict.lost) for played in self.played)
        gone = f"{count_of(lost, 'acknowledged write')} lost" if lost else "nothing is lost"
        broken = sum(claim.holds is False for claim in self.claims)
        verb = "holds" if broken == 1 else "hold"
        held = f"{broken} of {count_of(len(self.claims), 'claim')} no longer {verb}"
        switched = _flip_words(self._act, self.story.flip)
        if len(self.story.act) > 1:
            switched = f"{LABELS[self.story.flip]} flipped"
        return f"with {switched}, {gone}: {held if broken else 'every claim still holds'}"

    def _freeze(self) -> None:
        """Keep the last snapshot, because a stack that is being closed looks broken."""
        if self._live is not None:
            with suppress(CachedeskError):
                self._see(self._live)
            with self._seeing:
                self._live = None

    def _see(self, runner: ActRunner) -> None:
        seen = runner.stack.snapshot()
        key_lines = runner.key_lines()
        with self._seeing:
            # The runner may have been frozen and closed during the snapshot.
            if self._live is runner:
                self._last, self._key_lines = seen, key_lines

    def _all_figures(self) -> Figures:
        figures = {
            f"{played.act.name}.{name}": number
            for played in self.played
            for name, number in played.figures.items()
        }
        if len(self.played) == 1:
            figures |= self.played[0].figures
        return figures

    def _open_act(self, number: int) -> ActRunner:
        act = self.story.act[number]
        data = self._folder / act.name
        # Left over from an earlier run of this act.
        shutil.rmtree(data, ignore_errors=True)
        runner = ActRunner(act, data, f"story {self.story.name}", self._failpoints)
        if not self._closed:
            self._live = runner
        return runner

    def _first_scene(self, say: str) -> Scene:
        number = self._scene.act_number - 1 if hasattr(self, "_scene") else 0
        act = self.story.act[number]
        return Scene(
            story=self.story.name,
            title=self.story.title,
            act=act.title or act.name,
            act_number=number + 1,
            acts=len(self.story.act),
            step=0,
            steps=len(act.step),
            say=say,
            claims=self.claims,
            flipped=_flip_words(act, self.story.flip),
        )


def _flip_words(act: Act, flip: str) -> str:
    """Return the safeguard that is flipped and its state in ``act``: ``log on``."""
    return f"{LABELS[flip]} {'on' if getattr(act.safeguards, flip) else 'off'}" if flip else ""


def _open_claims(story: Story) -> tuple[ClaimResult, ...]:
    return tuple(ClaimResult(claim.says, claim.that) for claim in story.claim)


def _decided(claim: Claim, figures: Figures) -> ClaimResult:
    found = ", ".join(
        f"{name} = {written(figures[name])}" for name in expressions.names(claim.that)
    )
    holds = bool(expressions.value(claim.that, figures))
    return ClaimResult(claim.says, claim.that, holds, found, filled(claim.shows, figures))
