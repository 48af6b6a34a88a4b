"""The fault catalogue: what can be broken, what it will do, and whether it can be broken now."""

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


class FaultsScreen(Modal[Inject | Heal | None]):
    """Lets the user choose a fault, where it strikes and for how long; Enter breaks or heals.

    It is dismissed with the command that was chosen, or ``None``.

    Args:
        snapshot: how everything is now, the faults among it.
    """

    CSS_PATH = "faults.tcss"
    AUTO_FOCUS = "#fault-list"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (28, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]

    faults = query_one("#fault-list", OptionList)
    choices = query_one("#fault-choices", OptionList)
    argument = query_one("#fault-argument", Input)
    duration = query_one("#fault-duration", Input)
    says = query_one("#fault-says", Static)

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._catalogue = snapshot.catalogue
        self._at = snapshot.at
        self._said = ""

    def compose(self) -> ComposeResult:
        """Yield the list, what may be chosen for the fault in it, and what Enter will do."""
        with VerticalGroup(id="fault-box") as box:
            box.border_title = "Faults"
            box.border_subtitle = "Enter breaks or heals · Tab: how · Esc closes"
            yield OptionList(*self._options(), id="fault-list", markup=False)
            yield Static(id="fault-says", markup=False)
            yield OptionList(id="fault-choices", markup=False)
            yield Input(id="fault-argument", compact=True)
            yield Input(
                id="fault-duration",
                compact=True,
                placeholder="heal after how many seconds? (empty: never)",
                restrict=r"[0-9]*\.?[0-9]*",
            )

    def on_mount(self) -> None:
        """Begin with the first fault."""
        # Its message would come after what is typed next, and clear that.
        self.watch(self.faults, "highlighted", self._highlighted, init=False)
        self.faults.highlighted = 0
        if not self._catalogue:
            self._offer(None)

    def apply(self, snapshot: Snapshot) -> None:
        """Show how the faults are now; the highlight and what was typed stay."""
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
            self._say()

    def _highlighted(self) -> None:
        self._offer(self._chosen)

    @on(OptionList.OptionSelected, "#fault-list")
    def _selected(self) -> None:
        fault = self._chosen
        if fault is not None and fault.choices and fault.available:
            self.choices.focus()
        else:
            self._do()

    @on(OptionList.OptionSelected, "#fault-choices")
    @on(Input.Submitted)
    def _confirmed(self) -> None:
        self._do()

    def action_back(self) -> None:
        """Go back to the list, or close when there already."""
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
        """Show what may be chosen for ``fault``, and nothing else."""
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
            self.argument.placeholder = f"{fault.argument} (empty: the usual)"
        self._say()

    def _say(self) -> None:
        fault = self._chosen
        if fault is None:
            self._tell("There is nothing to break here.")
            return
        lines = [f"{fault.title[0].upper()}{fault.title[1:]}."]
        if fault.since_at is not None:
            left = countdown(fault, self._at)
            lines.append(f"Active, {left}. Enter heals it.")
        elif fault.obstacle:
            lines.append(f"Not now: {fault.obstacle}.")
        self._tell("\n".join(lines))

    def _tell(self, said: str) -> None:
        # Told again with each snapshot: the same words need no other layout.
        if said != self._said:
            self._said = said
            self.says.update(said)

    def _do(self) -> None:
        fault = self._chosen
        if fault is None:
            return
        if fault.since_at is not None:
            self.dismiss(Heal(fault.name))
        elif fault.obstacle:
            self._tell(f"Not now: {fault.obstacle}.")
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
