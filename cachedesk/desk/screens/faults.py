"""The fault catalogue: every fault, what it does, and whether it can be injected now."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cachedesk.core.commands import Heal, Inject
from cachedesk.core.snapshot import FaultState, Snapshot
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.views.fault_lines import DEFAULT_PLACE, countdown, state_of
from cachedesk.desk.widgets.options import Options


class FaultsScreen(Modal[Inject | Heal | None]):
    """Lets the user choose a fault, its place and its duration; Enter injects or heals it.

    Its result is the chosen command, or ``None``.

    Args:
        snapshot: the newest snapshot, which holds the catalogue.
    """

    CSS_PATH = "faults.tcss"
    AUTO_FOCUS = "#fault-list"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (28, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]

    faults = query_one("#fault-list", OptionList)
    choices = query_one("#fault-choices", OptionList)
    argument = query_one("#fault-argument", Input)
    duration = query_one("#fault-duration", Input)
    message = query_one("#fault-message", Static)

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._catalogue = snapshot.catalogue
        self._at = snapshot.at
        self._shown_message = ""

    def compose(self) -> ComposeResult:
        """Yield the list, what Enter will do, and the options of the highlighted fault."""
        with VerticalGroup(id="fault-box") as box:
            box.border_title = "Faults"
            box.border_subtitle = "Enter breaks or heals · Tab: options · Esc closes"
            yield Options(*self._options(), id="fault-list", markup=False)
            yield Static(id="fault-message", markup=False)
            yield Options(id="fault-choices", markup=False)
            yield Input(id="fault-argument", compact=True)
            yield Input(
                id="fault-duration",
                compact=True,
                placeholder="heal after how many seconds? (empty: never)",
                restrict=r"[0-9]*\.?[0-9]*",
            )

    def on_mount(self) -> None:
        """Highlight the first fault."""
        # The message of the list would arrive after the next key and clear what was typed.
        self.watch(self.faults, "highlighted", self._highlighted, init=False)
        self.faults.highlighted = 0
        if not self._catalogue:
            self._offer(None)

    def apply(self, snapshot: Snapshot) -> None:
        """Show the current state of the faults; the highlight and the input stay."""
        if not self.is_mounted or len(snapshot.catalogue) != len(self._catalogue):
            return
        before = self._chosen
        self._catalogue, self._at = snapshot.catalogue, snapshot.at
        for index, (_, prompt) in enumerate(self._prompts()):
            if self.faults.get_option_at_index(index).prompt != prompt:
                self.faults.replace_option_prompt_at_index(index, prompt)
        now = self._chosen
        if before is not None and now is not None and before.available != now.available:
            self._offer(now)
        else:
            self._show_message()

    def _highlighted(self) -> None:
        self._offer(self._chosen)

    @on(OptionList.OptionSelected, "#fault-list")
    def _selected(self) -> None:
        fault = self._chosen
        if fault is not None and fault.choices and fault.available:
            self.choices.focus()
        else:
            self._carry_out()

    @on(OptionList.OptionSelected, "#fault-choices")
    @on(Input.Submitted)
    def _confirmed(self) -> None:
        self._carry_out()

    def action_back(self) -> None:
        """Return to the list, or close the screen if the list has the focus."""
        if self.focused is self.faults:
            self.dismiss(None)
        else:
            self.faults.focus()

    @property
    def _chosen(self) -> FaultState | None:
        index = self.faults.highlighted
        return self._catalogue[index] if index is not None and self._catalogue else None

    def _prompts(self) -> list[tuple[str, Content]]:
        return [
            (
                fault.name,
                Content.assemble(
                    (fault.name.ljust(20), "bold" if fault.available else "$foreground 75%"),
                    " ",
                    (state_of(fault, self._at), "$text-warning" if fault.since_at else ""),
                ),
            )
            for fault in self._catalogue
        ]

    def _options(self) -> list[Option]:
        return [Option(prompt, id=name) for name, prompt in self._prompts()]

    def _offer(self, fault: FaultState | None) -> None:
        """Show the options of ``fault`` and hide all others."""
        offers = fault is not None and fault.available
        self.choices.display = bool(offers and fault and fault.choices)
        self.argument.display = bool(offers and fault and fault.argument and not fault.choices)
        self.duration.display = bool(offers and fault and fault.lasting)
        self.argument.clear()
        self.duration.clear()
        self.choices.clear_options()
        if fault is not None and fault.choices:
            self.choices.add_options([DEFAULT_PLACE, *fault.choices])
            self.choices.highlighted = 0
        if fault is not None:
            self.argument.placeholder = f"{fault.argument} (empty: the default)"
        self._show_message()

    def _show_message(self) -> None:
        fault = self._chosen
        if fault is None:
            self._update("No faults are available.")
            return
        lines = [f"{fault.title[0].upper()}{fault.title[1:]}."]
        if fault.since_at is not None:
            lines.append(f"Active, {countdown(fault, self._at)}. Enter heals it.")
        elif fault.obstacle:
            lines.append(f"Not now: {fault.obstacle}.")
        self._update("\n".join(lines))

    def _update(self, text: str) -> None:
        # Called with each snapshot: an unchanged text needs no new layout.
        if text != self._shown_message:
            self._shown_message = text
            self.message.update(text)

    def _carry_out(self) -> None:
        fault = self._chosen
        if fault is None:
            return
        if fault.since_at is not None:
            self.dismiss(Heal(fault.name))
        elif fault.obstacle:
            self._update(f"Not now: {fault.obstacle}.")
        else:
            argument = self._argument(fault)
            name = f"{fault.name}:{argument}" if argument else fault.name
            seconds = self.duration.value.strip(". ") if fault.lasting else ""
            self.dismiss(Inject(name, float(seconds) if seconds else None))

    def _argument(self, fault: FaultState) -> str:
        if fault.choices:
            index = self.choices.highlighted or 0
            return fault.choices[index - 1] if index else ""
        return self.argument.value.strip() if fault.argument else ""
