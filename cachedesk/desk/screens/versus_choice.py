"""The choice of what two stacks differ in, on the desk of a running one."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cachedesk.core.printable import printable
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.views.versus_offers import Offer

_LABEL, _NOW = 18, 16
_ABOUT = "Left: set up as this stack is now. Right: the same with one difference."


class VersusChoiceScreen(Modal[str | None]):
    """Lists what may differ; gives the difference as ``NAME=VALUE``, or ``None``.

    Args:
        offers: what may differ, with the values of the right side.
        refusal: returns why a difference is invalid; empty if it is valid.
    """

    CSS_PATH = "versus_choice.tcss"
    # With priority, because the list would scroll with these keys; the input has its own use.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("left", "change(-1)", "Previous value", show=False, priority=True),
        Binding("right", "change(1)", "Next value", show=False, priority=True),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (23, "-high")]  # noqa: RUF012

    rows = getters.query_one("#versus-rows", OptionList)
    typed = getters.query_one("#versus-typed", Input)
    message = getters.query_one("#versus-message", Static)

    def __init__(self, offers: tuple[Offer, ...], refusal: Callable[[str], str]) -> None:
        super().__init__()
        self._offers = offers
        self._refusal = refusal
        self._chosen = [0] * len(offers)

    def compose(self) -> ComposeResult:
        """Yield the list, the input, and the sentence on the highlighted row."""
        with Vertical(id="versus-box") as box:
            box.border_title = "Two stacks side by side"
            box.border_subtitle = "Enter opens · ←→ value · Tab types · Esc closes"
            yield Static(_ABOUT, id="versus-about", markup=False)
            yield Static(_columns("", "left", "right"), id="versus-head")
            yield OptionList(*map(Option, map(self._prompt, range(len(self._offers)))),
                             id="versus-rows")  # fmt: skip
            yield Input(
                id="versus-typed",
                compact=True,
                placeholder="or NAME=VALUE, like worker.retry_seconds=1",
            )
            yield Static(id="versus-message", markup=False)

    def on_mount(self) -> None:
        """Highlight the first row."""
        self.rows.highlighted = 0

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for changing a value while the input has the keys."""
        return action != "change" or self.focused is self.rows

    def action_change(self, step: int) -> None:
        """Take the next value of the highlighted row (1), or the previous one (-1)."""
        row = self.rows.highlighted
        if row is not None:
            self._chosen[row] = (self._chosen[row] + step) % len(self._offers[row].values)
            self.rows.replace_option_prompt_at_index(row, self._prompt(row))

    def action_close(self) -> None:
        """Close the list; nothing is opened."""
        self.dismiss(None)

    @on(OptionList.OptionHighlighted, "#versus-rows")
    def _explain(self, event: OptionList.OptionHighlighted) -> None:
        self._say(self._offers[event.option_index].sentence)

    @on(OptionList.OptionSelected, "#versus-rows")
    def _choose(self, event: OptionList.OptionSelected) -> None:
        row = event.option_index
        self._take(self._offers[row].values[self._chosen[row]].difference)

    @on(Input.Submitted, "#versus-typed")
    def _choose_typed(self, event: Input.Submitted) -> None:
        self._take(event.value.strip())

    def _take(self, difference: str) -> None:
        if refusal := self._refusal(difference):
            self._say(refusal, wrong=True)
        else:
            self.dismiss(difference)

    def _say(self, sentence: str, *, wrong: bool = False) -> None:
        self.message.set_class(wrong, "-wrong")
        self.message.update(printable(sentence))

    def _prompt(self, row: int) -> Content:
        offer = self._offers[row]
        value = offer.values[self._chosen[row]].shown
        of = len(offer.values)
        several = f"  ◂▸ {self._chosen[row] + 1}/{of}" if of > 1 else ""
        return Content.assemble(
            _columns(offer.label, offer.now, ""),
            (value, "bold $text-warning"),
            (several, "$foreground 60%"),
        )


def _columns(label: str, now: str, other: str) -> Content:
    return Content.assemble(
        (f"  {label.ljust(_LABEL)}", "bold"),
        (now.ljust(_NOW), "$foreground 75%"),
        ("→ " if not other else "  ", "$foreground 60%"),
        (other, "$foreground 75%"),
    )
