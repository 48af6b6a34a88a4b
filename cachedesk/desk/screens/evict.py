"""Eviction: choose the keys to evict from Redis; with the log on, no data is lost."""

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

from cachedesk.core.commands import Command, EvictAll, EvictKey, EvictMatching, EvictShare
from cachedesk.core.patterns import glob
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.views.formats import cut, data_text
from cachedesk.desk.views.key_listing import filtered, pattern_of
from cachedesk.desk.views.quantities import InvalidQuantity, share

_SHOWN_CELLS = 40


class EvictScreen(Modal[Command | None]):
    """Lets the user choose what to evict; its result is the command, or ``None``.

    Args:
        snapshot: the newest snapshot.
        selected: the selected key; ``None``: no key is selected.
        filter_text: the filter of the list of keys; empty: no filter.
    """

    CSS_PATH = "evict.tcss"
    AUTO_FOCUS = "#evictions"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]

    evictions = query_one("#evictions", OptionList)
    typed = query_one("#evict-typed", Input)
    message = query_one("#evict-message", Static)

    def __init__(self, snapshot: Snapshot, selected: bytes | None, filter_text: str) -> None:
        super().__init__()
        self._snapshot = snapshot
        listed = tuple(hot.key for hot in filtered(snapshot.hot, filter_text))
        self._ready = _ready(selected, filter_text, pattern_of(filter_text, listed))
        self._error = ""
        self._shown_message = Content()

    def compose(self) -> ComposeResult:
        """Yield the choices, and an input for a pattern or a share."""
        with VerticalGroup(id="evict-box") as box:
            box.border_title = "Evict from Redis"
            box.border_subtitle = "Enter evicts · Esc closes"
            yield OptionList(
                *(Option(label, id=name) for name, (label, _) in self._ready.items()),
                Option("the keys of a pattern …", id="pattern"),
                Option("a share of all keys …", id="share"),
                id="evictions",
                markup=False,
            )
            yield Input(id="evict-typed", compact=True)
            yield Static(id="evict-message", markup=False)

    def on_mount(self) -> None:
        """Highlight the first choice."""
        self.typed.display = False
        # The message of the list would arrive after the next key and close the input for it.
        self.watch(self.evictions, "highlighted", self._highlighted, init=False)
        self.evictions.highlighted = 0
        self._show_message()

    def apply(self, snapshot: Snapshot) -> None:
        """Show the current number of keys."""
        if self.is_mounted:
            self._snapshot = snapshot
            self._show_message()

    def _highlighted(self) -> None:
        self.typed.display = False
        self._error = ""
        self._show_message()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        name = event.option_id or ""
        if name in self._ready:
            self.dismiss(self._ready[name][1])
            return
        self.typed.display = True
        self.typed.clear()
        self.typed.placeholder = "a pattern, like views:*" if name == "pattern" else "like 25 %"
        self.typed.focus()

    @on(Input.Changed)
    def _typing(self) -> None:
        self._error = ""
        self._show_message()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        text = self.typed.value.strip()
        if self._asks_for_a_pattern:
            self._error = "" if text else "type a pattern, like views:*"
            if text:
                self.dismiss(EvictMatching(text))
        else:
            try:
                self.dismiss(EvictShare(share(text)))
            except InvalidQuantity as error:
                self._error = str(error)
        self._show_message()

    def action_back(self) -> None:
        """Return to the list, or close the screen if the list has the focus."""
        if self.focused is self.typed:
            self.typed.display = False
            self.evictions.focus()
        else:
            self.dismiss(None)

    @property
    def _asks_for_a_pattern(self) -> bool:
        index = self.evictions.highlighted or 0
        return self.evictions.get_option_at_index(index).id == "pattern"

    def _show_message(self) -> None:
        keys = self._snapshot.redis.keys
        kept = (
            "the log and SQLite keep them."
            if self._snapshot.safeguards.log
            else "the log is off: dirty ones are lost."
        )
        sentence = f"Redis holds {count_of(keys, 'key')}; {kept}"
        if not self._snapshot.redis.known:
            sentence = f"Redis does not answer, so its keys are unknown; {kept}"
        if self.typed.display and self._asks_for_a_pattern and (text := self.typed.value.strip()):
            hot = self._snapshot.hot
            matching = sum(glob(text).match(one.key) is not None for one in hot)
            sentence += f" {matching} of the {len(hot)} hottest match."
        content = Content(sentence)
        if self._error:
            content = Content.styled(f"✗ {self._error}", "$text-error")
        if not content.is_same(self._shown_message):
            self._shown_message = content
            self.message.update(content)


def _ready(
    selected: bytes | None, filter_text: str, pattern: str
) -> dict[str, tuple[str, Command]]:
    """Return the choices that need no further input: a mapping of name to label and command."""
    choices: dict[str, tuple[str, Command]] = {}
    if selected is not None:
        shown = cut(data_text(selected), _SHOWN_CELLS)
        choices["key"] = (f"the selected key, {shown}", EvictKey(selected))
    if filter_text:
        shown = cut(filter_text, _SHOWN_CELLS)
        choices["filtered"] = (f"every key like the filter, {shown}", EvictMatching(pattern))
    for part in (0.1, 0.5):
        choices[f"share-{part * 100:.0f}"] = (f"{part * 100:.0f} % of all keys", EvictShare(part))
    choices["all"] = ("all keys", EvictAll())
    return choices
