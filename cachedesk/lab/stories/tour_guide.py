"""Guides a user through a tour: what is said, asked and awaited next, and the score.

It is driven from outside, by keys and snapshots, and has no thread and no clock of its own, so a
test can walk through a tour without a screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from cachedesk.core.commands import Command, Heal, PauseWorker, ResumeWorker, SetSafeguard
from cachedesk.core.snapshot import Snapshot
from cachedesk.lab.stories import expressions
from cachedesk.lab.stories.templates import filled
from cachedesk.lab.stories.tour_figures import tour_figures
from cachedesk.lab.stories.tour_script import Focus, Press, Tour, TourStep


class Phase(Enum):
    """What a step waits for: an answer, a key, a condition, or ``→``."""

    ASK = "ask"
    PRESS = "press"
    WAIT = "wait"
    TOLD = "told"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class TourScene:
    """The position of a tour, to display.

    ``number`` of ``stations`` is the current one. ``chosen`` and ``right`` are numbers of choices;
    ``None``: not yet, or it does not count. ``told``: what has happened. ``right_answers`` of
    ``answers`` were right so far.
    """

    title: str
    station: str
    number: int
    stations: int
    phase: Phase
    say: str
    focus: Focus = "all"
    ask: str = ""
    choices: tuple[str, ...] = ()
    chosen: int | None = None
    right: int | None = None
    press: Press | None = None
    told: str = ""
    right_answers: int = 0
    answers: int = 0


class TourGuide:
    """One walk through a tour, on one thread.

    Args:
        tour: its script.
        snapshot: the state of the stack at the beginning.
        perform: carries out a command, soon.
        clock: returns seconds.
    """

    def __init__(
        self,
        tour: Tour,
        snapshot: Snapshot,
        perform: Callable[[Command], None],
        clock: Callable[[], float],
    ) -> None:
        self._tour = tour
        self._perform = perform
        self._clock = clock
        self._latest = snapshot
        self._noted: dict[str, float] = {}
        self._steps = [
            (number, step) for number, station in enumerate(tour.station) for step in station.step
        ]
        self._at = 0
        self._right_answers = self._answers = 0
        # By kind: the command that takes back what the tour did.
        self._undo: dict[str, Command] = {}
        self._phase = Phase.TOLD
        self._chosen: int | None = None
        self._right: int | None = None
        self._told = ""
        self._waits_since = 0.0
        self._enter()

    def scene(self) -> TourScene:
        """Return the current scene."""
        number, step = self._steps[min(self._at, len(self._steps) - 1)]
        return TourScene(
            title=self._tour.title,
            station=self._tour.station[number].title,
            number=number + 1,
            stations=len(self._tour.station),
            phase=self._phase,
            say=step.say,
            focus="all" if self._phase is Phase.ENDED else step.focus,
            ask=step.ask,
            choices=tuple(step.choices),
            chosen=self._chosen,
            right=self._right,
            press=step.press,
            told=self._told,
            right_answers=self._right_answers,
            answers=self._answers,
        )

    @property
    def ended(self) -> bool:
        """Whether the last step is over."""
        return self._phase is Phase.ENDED

    @property
    def score(self) -> str:
        """The score in words."""
        return f"{self._right_answers} of {self._answers} answers right"

    def observe(self, snapshot: Snapshot) -> None:
        """Take note of a new snapshot; the condition of the step may hold now."""
        self._latest = snapshot
        if self._phase is not Phase.WAIT:
            return
        if expressions.value(self._step.wait, self._figures()):
            self._tell(counts=True)
        elif self._clock() - self._waits_since > self._step.within:
            self._tell(counts=False)

    def choose(self, number: int) -> None:
        """Answer the question with the choice of this number, from 1."""
        if self._phase is Phase.ASK and 1 <= number <= len(self._step.choices):
            self._chosen = number
            self._await_press()

    def press(self, key: str) -> None:
        """Note that the action of this key, by its default name, was carried out."""
        if self._phase is Phase.PRESS and key == self._step.press:
            self._await_condition()

    def onward(self) -> None:
        """Go on: after a step to the next one; from a question without an answer, which then does
        not count."""
        if self._phase is Phase.ASK:
            self._await_press()
        elif self._phase is Phase.TOLD:
            self._at += 1
            if self._at < len(self._steps):
                self._enter()
            else:
                self._phase = Phase.ENDED
                self.restore()

    def restore(self) -> None:
        """Take back what the tour itself has switched."""
        for command in self._undo.values():
            self._perform(command)
        self._undo.clear()

    @property
    def _step(self) -> TourStep:
        return self._steps[self._at][1]

    def _figures(self) -> dict[str, float]:
        return tour_figures(self._latest) | self._noted

    def _enter(self) -> None:
        step = self._step
        self._chosen = self._right = None
        self._told = ""
        figures = self._figures()
        for name, text in step.note.items():
            self._noted[name] = figures[name] = float(expressions.value(text, figures))
        self._act(step)
        self._phase = Phase.ASK
        if not step.ask:
            self._await_press()

    def _act(self, step: TourStep) -> None:
        for name, on in step.safeguard.items():
            self._perform(SetSafeguard(name, on))
            self._remember(f"safeguard {name}", None if on else SetSafeguard(name, True))
        if step.worker is not None:
            pauses = step.worker == "pause"
            self._perform(PauseWorker() if pauses else ResumeWorker())
            self._remember("worker", ResumeWorker() if pauses else None)
        if step.heal is not None:
            self._perform(Heal())

    def _remember(self, what: str, undo: Command | None) -> None:
        self._undo.pop(what, None)
        if undo is not None:
            self._undo[what] = undo

    def _await_press(self) -> None:
        self._phase = Phase.PRESS
        if self._step.press is None:
            self._await_condition()

    def _await_condition(self) -> None:
        self._phase = Phase.WAIT
        self._waits_since = self._clock()
        if not self._step.wait:
            self._tell(counts=True)

    def _tell(self, *, counts: bool) -> None:
        step, figures = self._step, self._figures()
        self._phase = Phase.TOLD
        told = [filled(step.because, figures), filled(step.then, figures)]
        if not counts:
            told = [f"That did not happen within {step.within:g} s; the question does not count."]
        elif step.ask:
            self._right = self._number(expressions.value(str(step.answer), figures))
            if self._chosen is not None and self._right is not None:
                self._answers += 1
                self._right_answers += self._chosen == self._right
        self._told = " ".join(filter(None, told))

    def _number(self, value: float) -> int | None:
        """Return ``value`` if it is the number of a choice."""
        numbers = range(1, len(self._step.choices) + 1)
        return next((number for number in numbers if number == value), None)
