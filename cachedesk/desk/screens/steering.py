"""Steering: settings that can be changed at run time, and the effect of a change."""

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
from cachedesk.desk.views.components import worker_view
from cachedesk.desk.views.controls import (
    CONTROLS,
    REFRESH_HERTZ,
    SteeringControl,
    expected,
    policy_words,
)
from cachedesk.desk.views.quantities import InvalidQuantity
from cachedesk.desk.views.safeguard_controls import SAFEGUARD_CONTROLS
from cachedesk.desk.widgets.control_effect import ControlEffect, traces
from cachedesk.desk.widgets.control_list import Act, ControlLine, ControlList
from cachedesk.desk.widgets.options import Options

_WORKER, _REFRESH = "worker", "refresh"
_ALL = (*CONTROLS, *SAFEGUARD_CONTROLS)
_EFFECTS = {
    _WORKER: "A paused worker flushes nothing: write-behind events wait. n flushes one batch.",
    _REFRESH: "How often the screen is refreshed; the stack is not affected.",
}


class SteeringScreen(Modal[None]):
    """Lists the controls; left and right change one, Enter asks for an exact value.

    It stays open after a change, so that the effect can be seen. Escape closes it.

    Args:
        snapshot: the newest snapshot.
        perform: carries out a command.
        refresh_hz: the desk's refreshes per second.
        set_refresh: changes the refreshes per second.
    """

    CSS_PATH = "steering.tcss"
    AUTO_FOCUS = "ControlList"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("left,minus", "turn(-1)", "Less", show=False),
        Binding("right,plus", "turn(1)", "More", show=False),
        Binding("p", "pause", "Pause", show=False),
        Binding("n", "step", "Step", show=False),
        Binding("s,q", "close", "Close", show=False),
    ]

    controls = query_one(ControlList)
    exact = query_one("#control-exact", Input)
    choices = query_one("#control-choices", OptionList)
    message = query_one("#control-message", Static)
    effect = query_one(ControlEffect)

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
        self._error = ""
        self._shown_message = Content()

    def compose(self) -> ComposeResult:
        """Yield the controls, the inputs for a value, the explanation, and the effect."""
        with VerticalGroup(id="control-box") as box:
            box.border_title = "Steering"
            box.border_subtitle = "← → change · Enter sets a value · Esc closes"
            yield ControlList(id="controls")
            yield Input(id="control-exact", compact=True)
            yield Options(id="control-choices", markup=False)
            yield Static(id="control-message", markup=False)
            yield ControlEffect(id="control-effect")

    def on_mount(self) -> None:
        """Show the controls with the first one chosen."""
        self._show()
        self._close_choice()

    def apply(self, snapshot: Snapshot) -> None:
        """Show a new snapshot; the chosen control and the input stay."""
        self._snapshot = snapshot
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        self.controls.lines = self._lines()
        self.effect.shown = traces(self._snapshot)
        self._show_message()

    @on(ControlList.Chosen)
    def _other_control(self) -> None:
        self._close_choice()
        self._show_error("")

    @on(ControlList.Did)
    def _did(self, did: ControlList.Did) -> None:
        if did.act is Act.TYPE:
            self._ask()
            return
        # A click may come while a value of this control is being typed or chosen.
        self._close_choice()
        match did.act:
            case Act.LESS:
                self._turn(-1)
            case Act.MORE:
                self._turn(1)
            case Act.PAUSE:
                self.action_pause()
            case Act.STEP:
                self.action_step()

    @on(Input.Submitted)
    def _typed(self) -> None:
        self._take(self.exact.value)

    @on(OptionList.OptionSelected)
    def _picked(self, picked: OptionList.OptionSelected) -> None:
        self._take(picked.option_id or "")

    def action_turn(self, direction: int) -> None:
        """Turn the chosen control one step up (1) or down (-1), if the list has the focus."""
        # The list of choices does not use the arrow keys, so they arrive here from there as well.
        if self.focused is self.controls:
            self._turn(direction)

    def _turn(self, direction: int) -> None:
        control = self._control
        self._show_error("")
        if self.controls.name_chosen == _WORKER:
            self.action_pause()
        elif self.controls.name_chosen == _REFRESH:
            place = (
                REFRESH_HERTZ.index(self._refresh_hz) if self._refresh_hz in REFRESH_HERTZ else 1
            )
            self._refresh_hz = REFRESH_HERTZ[(place + direction) % len(REFRESH_HERTZ)]
            self._set_refresh(self._refresh_hz)
            self.apply(self._snapshot)
        elif control is not None and control.available(self._snapshot):
            command = control.stepped(self._snapshot, direction)
            if command is None:
                self._show_error(f"{control.now(self._snapshot)} is the limit")
            else:
                self._send(command)

    def action_pause(self) -> None:
        """Pause the worker, or resume it if it is paused."""
        self._send(ResumeWorker() if self._snapshot.worker.paused else PauseWorker())

    def action_step(self) -> None:
        """Let the worker flush one batch."""
        self._send(StepWorker())

    def action_back(self) -> None:
        """Return to the list, or close the screen if the list has the focus."""
        if self.focused is self.controls:
            self.action_close()
        else:
            self._show_error("")
            self._close_choice()

    def action_close(self) -> None:
        """Close the screen."""
        self.dismiss(None)

    @property
    def _control(self) -> SteeringControl | None:
        return next(
            (control for control in _ALL if control.name == self.controls.name_chosen), None
        )

    def _ask(self) -> None:
        """Ask for an exact value: an input, or a list if there are few values."""
        control = self._control
        self._show_error("")
        if control is None:
            self._turn(1)
        elif control.choices:
            self._offer(control)
        elif control.available(self._snapshot):
            self.exact.display = True
            self.exact.clear()
            self.exact.placeholder = f"{control.label} now: {control.now(self._snapshot)}"
            self.exact.focus()

    def _offer(self, control: SteeringControl) -> None:
        self.choices.clear_options()
        for choice in control.choices:
            words = (choice.ljust(16), "bold"), (policy_words(choice), "$foreground 75%")
            self.choices.add_option(Option(Content.assemble(*words), id=choice))
        now = control.now(self._snapshot)
        self.choices.highlighted = control.choices.index(now) if now in control.choices else 0
        self.choices.display = True
        self.choices.focus()

    def _take(self, text: str) -> None:
        if (control := self._control) is None:
            return
        try:
            command = control.typed(text)
        except InvalidQuantity as error:
            self._show_error(str(error))
            return
        self._show_error("")
        self._close_choice()
        self._send(command)

    def _send(self, command: Command) -> None:
        self._perform(command)
        # The next step starts from this value, though no snapshot has confirmed it yet.
        self.apply(expected(self._snapshot, command))

    def _close_choice(self) -> None:
        self.exact.display = self.choices.display = False
        self.controls.focus()

    def _lines(self) -> tuple[ControlLine, ...]:
        now = self._snapshot
        paused = now.worker.paused
        buttons = (Act.PAUSE, "p resume" if paused else "p pause"), (Act.STEP, "n step")
        return (
            ControlLine(_WORKER, "worker", worker_view(now).word, buttons=buttons),
            *(
                ControlLine(
                    control.name,
                    control.label,
                    control.now(now),
                    control.hint(now),
                    turns=control.available(now),
                )
                for control in _ALL
            ),
            ControlLine(_REFRESH, "refresh", f"{self._refresh_hz:g} per second"),
        )

    def _show_error(self, error: str) -> None:
        self._error = error
        self._show_message()

    def _show_message(self) -> None:
        control = self._control
        content = Content(
            control.effect if control is not None else _EFFECTS.get(self.controls.name_chosen, "")
        )
        if self._error:
            content = Content.styled(f"✗ {self._error}", "$text-error")
        if not content.is_same(self._shown_message):
            self._shown_message = content
            self.message.update(content, layout=False)
