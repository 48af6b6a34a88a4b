"""The panel of the hot keys: the filter and the list that it filters."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.getters import query_one

from cachedesk.core.snapshot import HotKey
from cachedesk.desk.panels.spec import PanelTitle, PanelWidget
from cachedesk.desk.widgets.key_filter import KeyFilter
from cachedesk.desk.widgets.key_table import KeyTable


class KeyPanel(Container, PanelWidget[tuple[HotKey, ...]]):
    """Lists the hot keys that match the filter."""

    key_table = query_one(KeyTable)
    key_filter = query_one(KeyFilter)

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="keys")
        self._title = title

    def compose(self) -> ComposeResult:
        """Yield the filter and the list."""
        yield KeyFilter()
        yield KeyTable(self._title)

    def show(self, share: tuple[HotKey, ...]) -> None:
        """List these keys."""
        self.key_table.show(share)

    def take_focus(self) -> None:
        """Focus the list."""
        self.key_table.focus()

    @on(KeyFilter.Changed)
    def _filter(self, changed: KeyFilter.Changed) -> None:
        self.key_table.filter_text = changed.text
        if changed.done:
            self.key_table.focus()

    @on(KeyTable.Listed)
    def _listed(self, listed: KeyTable.Listed) -> None:
        self.key_filter.found = (listed.keys, listed.of)
