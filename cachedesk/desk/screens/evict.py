"""Eviction: which keys are to leave Redis; with the log on, the truth keeps every one of them."""

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
from cachedesk.core.policy import glob
from cachedesk.core.snapshot import Snapshot
from cachedesk.core.wording import count_of
from cachedesk.desk.screens.modal import Modal
from cachedesk.desk.views.formats import cut, data_text
from cachedesk.desk.views.key_listing import filtered, pattern_of
from cachedesk.desk.views.quantities import InvalidQuantity, share

_SHOWN_CELLS = 40


class EvictScreen(Modal[Command | None]):
    """Lets the user choose what to evict; it is dismissed with the command, or ``None``.

    Args:
        snapshot: how everything is now.
        selected: the key that is selected, if one is.
        filter_text: the filter of the list of keys; empty: none.
    """

    CSS_PATH = "evict.tcss"
    AUTO_FOCUS = "#evictions"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]

    evictions = query_one("#evictions", OptionList)
    typed = query_one("#evict-typed", Input)
    says = query_one("#evict-says", Static)

    def __init__(self, snapshot: Snapshot, selected: bytes | None, filter_text: str) -> None:
        super().__init__()
        self._snapshot = snapshot
        listed = tuple(hot.key for hot in filtered(snapshot.hot, filter_text))
        self._ready = _ready(selected, filter_text, pattern_of(filter_text, listed))
        self._complaint = ""
        self._said = Content()

    def compose(self) -> ComposeResult:
        """Yield the choices, and a line to type a pattern or a share into."""
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
            yield Static(id="evict-says", markup=False)

    def on_mount(self) -> None:
        """Begin with the first choice."""
        self.typed.display = False
        # Its message would come after what is typed next, and close the line for that.
        self.watch(self.evictions, "highlighted", self._highlighted, init=False)
        self.evictions.highlighted = 0
        self._say()

    def apply(self, snapshot: Snapshot) -> None:
        """Show how many keys there are now."""
        if self.is_mounted:
            self._snapshot = snapshot
            self._say()

    def _highlighted(self) -> None:
        self.typed.display = False
        self._complaint = ""
        self._say()

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
        self._complaint = ""
        self._say()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        text = self.typed.value.strip()
        if self._asks_for_a_pattern:
            self._complaint = "" if text else "type a pattern, like views:*"
            if text:
                self.dismiss(EvictMatching(text))
        else:
            try:
                self.dismiss(EvictShare(share(text)))
            except InvalidQuantity as error:
                self._complaint = str(error)
        self._say()

    def action_back(self) -> None:
        """Go back to the list, or close when there already."""
        if self.focused is self.typed:
            self.typed.display = False
            self.evictions.focus()
        else:
            self.dismiss(None)

    @property
    def _asks_for_a_pattern(self) -> bool:
        index = self.evictions.highlighted or 0
        return self.evictions.get_option_at_index(index).id == "pattern"

    def _say(self) -> None:
        keys = self._snapshot.redis.keys
        kept = (
            "the truth keeps all."
            if self._snapshot.safeguards.log
            else "the log is off: dirty ones are lost."
        )
        held = f"Redis holds {count_of(keys, 'key')}; {kept}"
        if not self._snapshot.redis.known:
            held = f"Redis does not answer, so what it holds is not known; {kept}"
        if self.typed.display and self._asks_for_a_pattern and (text := self.typed.value.strip()):
            hot = self._snapshot.hot
            alike = sum(glob(text).match(one.key) is not None for one in hot)
            held += f" {alike} of the {len(hot)} hottest match."
        said = Content(held)
        if self._complaint:
            said = Content.styled(f"✗ {self._complaint}", "$text-error")
        if not said.is_same(self._said):
            self._said = said
            self.says.update(said)


def _ready(
    selected: bytes | None, filter_text: str, pattern: str
) -> dict[str, tuple[str, Command]]:
    """Return the choices that need nothing more to be said, by name: their words and commands."""
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
