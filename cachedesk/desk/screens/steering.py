"""Steering: what can be changed while everything runs, with the effect in sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cachedesk.core.commands import Command, PauseWorker, ResumeWorker, StepWorker
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.views.controls import KNOBS, REFRESH_HERTZ, Knob, expected, policy_words
from cachedesk.desk.views.quantities import NotAnAmount
from cachedesk.desk.views.safeguard_controls import SAFEGUARD_KNOBS
from cachedesk.desk.widgets.control_effect import KnobEffect, traces
from cachedesk.desk.widgets.control_list import Act, KnobLine, KnobList

_WORKER, _REFRESH = "worker", "refresh"
_ALL = (*KNOBS, *SAFEGUARD_KNOBS)
_EFFECTS = {
    _WORKER: "A paused worker flushes nothing: what is written behind waits. n flushes one batch.",
    _REFRESH: "How often the desk looks; the stack does not notice.",
}


class SteeringScreen(Modal[None]):
    """Lists the knobs; left and right turn one, Enter lets an exact value be typed or chosen.

    It stays open while things change, so that the effect is seen. Escape closes.

    Args:
        snapshot: how everything is now.
        perform: whom to hand each command.
        refresh_hz: how often the desk looks, and
        set_refresh: whom to tell another number.
    """

    CSS_PATH = "steering.tcss"
    AUTO_FOCUS = "KnobList"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("left,minus", "turn(-1)", "Less", show=False),
        Binding("right,plus", "turn(1)", "More", show=False),
        Binding("p", "pause", "Pause", show=False),
        Binding("n", "step", "Step", show=False),
        Binding("s,q", "close", "Close", show=False),
    ]

    knobs = query_one(KnobList)
    exact = query_one("#knob-exact", Input)
    choices = query_one("#knob-choices", OptionList)
    says = query_one("#knob-says", Static)
    effect = query_one(KnobEffect)

    def __init__(
        self,
        snapshot: Snapshot,
        perform: Callable[[Command], None],
        refresh_hz: float,
        set_refresh: Callable[[float], None],
    ) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._perform = perform
        self._refresh_hz = refresh_hz
        self._set_refresh = set_refresh
        self._complaint = ""
        self._said = Content()

    def compose(self) -> ComposeResult:
        """Yield the knobs, what to type or choose, what the chosen one does, and the effect."""
        with VerticalGroup(id="knob-box") as box:
            box.border_title = "Steering"
            box.border_subtitle = "← → turn · Enter: exactly · Esc closes"
            yield KnobList(id="knobs")
            yield Input(id="knob-exact", compact=True)
            yield OptionList(id="knob-choices", markup=False)
            yield Static(id="knob-says", markup=False)
            yield KnobEffect(id="knob-effect")

    def on_mount(self) -> None:
        """Begin with the first knob."""
        self._show()
        self._close_choice()

    def apply(self, snapshot: Snapshot) -> None:
        """Show how everything is now; what is chosen and what was typed stay."""
        self._snapshot = snapshot
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        self.knobs.lines = self._lines()
        self.effect.shown = traces(self._snapshot)
        self._say()

    @on(KnobList.Chosen)
    def _other_knob(self) -> None:
        self._close_choice()
        self._complain("")

    @on(KnobList.Did)
    def _did(self, did: KnobList.Did) -> None:
        match did.act:
            case Act.LESS:
                self.action_turn(-1)
            case Act.MORE:
                self.action_turn(1)
            case Act.PAUSE:
                self.action_pause()
            case Act.STEP:
                self.action_step()
            case Act.TYPE:
                self._ask()

    @on(Input.Submitted)
    def _typed(self) -> None:
        self._take(self.exact.value)

    @on(OptionList.OptionSelected)
    def _picked(self, picked: OptionList.OptionSelected) -> None:
        self._take(picked.option_id or "")

    def action_turn(self, direction: int) -> None:
        """Turn the chosen knob one step up (1) or down (-1)."""
        knob = self._knob
        if self.focused is not self.knobs:
            return
        self._complain("")
        if self.knobs.name_chosen == _WORKER:
            self.action_pause()
        elif self.knobs.name_chosen == _REFRESH:
            place = (
                REFRESH_HERTZ.index(self._refresh_hz) if self._refresh_hz in REFRESH_HERTZ else 1
            )
            self._refresh_hz = REFRESH_HERTZ[(place + direction) % len(REFRESH_HERTZ)]
            self._set_refresh(self._refresh_hz)
            self.apply(self._snapshot)
        elif knob is not None and knob.there(self._snapshot):
            command = knob.stepped(self._snapshot, direction)
            if command is None:
                self._complain(f"{knob.now(self._snapshot)} is as far as it goes")
            else:
                self._send(command)

    def action_pause(self) -> None:
        """Pause the worker, or let it go on when it is paused."""
        self._send(ResumeWorker() if self._snapshot.worker.paused else PauseWorker())

    def action_step(self) -> None:
        """Let the worker flush one batch."""
        self._send(StepWorker())

    def action_back(self) -> None:
        """Go back to the list, or close when there already."""
        if self.focused is self.knobs:
            self.action_close()
        else:
            self._complain("")
            self._close_choice()

    def action_close(self) -> None:
        """Close the screen."""
        self.dismiss(None)

    @property
    def _knob(self) -> Knob | None:
        return next((knob for knob in _ALL if knob.name == self.knobs.name_chosen), None)

    def _ask(self) -> None:
        """Let an exact value be typed, or chosen where there are few."""
        knob = self._knob
        self._complain("")
        if knob is None:
            self.action_turn(1)
        elif knob.choices:
            self._offer(knob)
        elif knob.there(self._snapshot):
            self.exact.display = True
            self.exact.clear()
            self.exact.placeholder = f"{knob.label} now: {knob.now(self._snapshot)}"
            self.exact.focus()

    def _offer(self, knob: Knob) -> None:
        self.choices.clear_options()
        for choice in knob.choices:
            words = (choice.ljust(16), "bold"), (policy_words(choice), "$foreground 75%")
            self.choices.add_option(Option(Content.assemble(*words), id=choice))
        now = knob.now(self._snapshot)
        self.choices.highlighted = knob.choices.index(now) if now in knob.choices else 0
        self.choices.display = True
        self.choices.focus()

    def _take(self, text: str) -> None:
        if (knob := self._knob) is None:
            return
        try:
            command = knob.typed(text)
        except NotAnAmount as error:
            self._complain(str(error))
            return
        self._complain("")
        self._close_choice()
        self._send(command)

    def _send(self, command: Command) -> None:
        self._perform(command)
        # The next step goes on from here, though the stack has not said yet that it is so.
        self.apply(expected(self._snapshot, command))

    def _close_choice(self) -> None:
        self.exact.display = self.choices.display = False
        self.knobs.focus()

    def _lines(self) -> tuple[KnobLine, ...]:
        now = self._snapshot
        paused = now.worker.paused
        buttons = (Act.PAUSE, "p resume" if paused else "p pause"), (Act.STEP, "n step")
        return (
            KnobLine(_WORKER, "worker", now.worker.word, buttons=buttons),
            *(
                KnobLine(
                    knob.name, knob.label, knob.now(now), knob.hint(now), turns=knob.there(now)
                )
                for knob in _ALL
            ),
            KnobLine(_REFRESH, "refresh", f"{self._refresh_hz:g} a second"),
        )

    def _complain(self, complaint: str) -> None:
        self._complaint = complaint
        self._say()

    def _say(self) -> None:
        knob = self._knob
        said = Content(
            knob.effect if knob is not None else _EFFECTS.get(self.knobs.name_chosen, "")
        )
        if self._complaint:
            said = Content.styled(f"✗ {self._complaint}", "$text-error")
        if not said.is_same(self._said):
            self._said = said
            self.says.update(said, layout=False)
