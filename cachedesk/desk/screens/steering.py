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
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cachedesk.desk.amounts import NotAnAmount
from cachedesk.desk.formats import compact, percent, span
from cachedesk.desk.knobs import KNOBS, REFRESH_HERTZ, Knob, expected
from cachedesk.engine.commands import Command, PauseWorker, ResumeWorker
from cachedesk.engine.snapshot import Snapshot

_WORKER, _REFRESH = "worker", "refresh"
_EFFECTS = {
    _WORKER: "A paused worker flushes nothing: write-behind fills the log. n flushes one batch.",
    _REFRESH: "How often the desk looks; the stack does not notice.",
}


class SteeringScreen(ModalScreen[None]):
    """Lists the knobs; left and right turn one, Enter lets an exact value be typed.

    It stays open while things change, so that the effect is seen. Escape closes.

    Args:
        snapshot: how everything is now.
        perform: whom to hand each command.
        refresh_hz: how often the desk looks, and
        set_refresh: whom to tell another number.
    """

    CSS_PATH = "steering.tcss"
    AUTO_FOCUS = "#knobs"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("left,minus", "turn(-1)", "Less", show=False),
        Binding("right,plus", "turn(1)", "More", show=False),
        Binding("s", "back", "Close", show=False),
    ]

    knobs = query_one("#knobs", OptionList)
    exact = query_one("#knob-exact", Input)
    says = query_one("#knob-says", Static)
    effect = query_one("#knob-effect", Static)

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

    def compose(self) -> ComposeResult:
        """Yield the knobs, a line to type into, and what the chosen one does."""
        with VerticalGroup(id="knob-box") as box:
            box.border_title = "Steering"
            box.border_subtitle = "← → turn · Enter types a value · Esc closes"
            yield OptionList(
                *(Option(prompt, id=name) for name, prompt in self._prompts()),
                id="knobs",
                markup=False,
            )
            yield Input(id="knob-exact", compact=True)
            yield Static(id="knob-says", markup=False)
            yield Static(id="knob-effect", markup=False)

    def on_mount(self) -> None:
        """Begin with the first knob."""
        self.exact.display = False
        self.knobs.highlighted = 0
        self._say()

    def apply(self, snapshot: Snapshot) -> None:
        """Show how everything is now; the highlight and what was typed stay."""
        if not self.is_mounted:
            return
        self._snapshot = snapshot
        for index, (_, prompt) in enumerate(self._prompts()):
            if self.knobs.get_option_at_index(index).prompt != prompt:
                self.knobs.replace_option_prompt_at_index(index, prompt)
        self._say()

    @on(OptionList.OptionHighlighted, "#knobs")
    def _highlighted(self) -> None:
        self._close_input()
        self._complaint = ""
        self._say()

    @on(OptionList.OptionSelected, "#knobs")
    def _selected(self) -> None:
        knob = self._knob
        if knob is None:
            self.action_turn(1)
        elif knob.there(self._snapshot):
            self.exact.display = True
            self.exact.clear()
            self.exact.placeholder = f"{knob.label} now: {knob.now(self._snapshot)}"
            self.exact.focus()

    @on(Input.Submitted)
    def _typed(self) -> None:
        knob = self._knob
        if knob is None:
            return
        try:
            command = knob.typed(self.exact.value)
        except NotAnAmount as error:
            self._complaint = str(error)
            self._say()
            return
        self._complaint = ""
        self._perform(command)
        self._close_input()
        self.knobs.focus()

    def action_turn(self, direction: int) -> None:
        """Turn the chosen knob one step up (1) or down (-1)."""
        knob = self._knob
        if self.focused is self.exact:
            return
        if self._chosen == _WORKER:
            paused = self._snapshot.worker.paused
            self._perform(ResumeWorker() if paused else PauseWorker())
        elif self._chosen == _REFRESH:
            place = (
                REFRESH_HERTZ.index(self._refresh_hz) if self._refresh_hz in REFRESH_HERTZ else 1
            )
            self._refresh_hz = REFRESH_HERTZ[(place + direction) % len(REFRESH_HERTZ)]
            self._set_refresh(self._refresh_hz)
            self.apply(self._snapshot)
        elif knob is not None and knob.there(self._snapshot):
            command = knob.stepped(self._snapshot, direction)
            self._perform(command)
            self.apply(expected(self._snapshot, command))

    def action_back(self) -> None:
        """Go back to the list, or close when there already."""
        if self.focused is self.exact:
            self._close_input()
            self.knobs.focus()
        else:
            self.dismiss(None)

    @property
    def _chosen(self) -> str:
        index = self.knobs.highlighted
        return self.knobs.get_option_at_index(index or 0).id or ""

    @property
    def _knob(self) -> Knob | None:
        return next((knob for knob in KNOBS if knob.name == self._chosen), None)

    def _close_input(self) -> None:
        self.exact.display = False

    def _prompts(self) -> list[tuple[str, Content]]:
        worker = self._snapshot.worker
        return [
            (_WORKER, _prompt("worker", "paused" if worker.paused else worker.word)),
            *((knob.name, _prompt(knob.label, knob.now(self._snapshot))) for knob in KNOBS),
            (_REFRESH, _prompt("refresh", f"{self._refresh_hz:g} a second")),
        ]

    def _say(self) -> None:
        knob = self._knob
        meaning = knob.effect if knob is not None else _EFFECTS[self._chosen]
        said = Content.styled(f"✗ {self._complaint}", "$text-error") if self._complaint else meaning
        self.says.update(said)
        self.effect.update(_effect(self._snapshot), layout=False)


def _prompt(label: str, value: str) -> Content:
    return Content.assemble((label.ljust(14), "bold"), f"◂ {value} ▸")


def _effect(snapshot: Snapshot) -> str:
    """What the knobs move, in one line."""
    recent = snapshot.ticks[-5:]
    seconds = max(0.001, len(recent) * snapshot.tick_seconds)
    hits = sum(tick.hits for tick in recent)
    reads = hits + sum(tick.misses for tick in recent)
    rows = sum(tick.rows for tick in recent) / seconds
    return " · ".join(
        (
            f"depth {compact(snapshot.log.depth)}",
            f"lag {span(snapshot.log.oldest_seconds)}",
            f"rows {compact(round(rows))}/s",
            f"hit rate {percent(hits, reads)}",
        )
    )
