"""The panel of the hot keys: the filter, and under it the list that it filters."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.getters import query_one

from cachedesk.core.snapshot import HotKey
from cachedesk.desk.panels.spec import PanelTitle, PanelWidget
from cachedesk.desk.widgets.hot_keys import HotKeys
from cachedesk.desk.widgets.key_filter import KeyFilter


class KeyPanel(Container, PanelWidget[tuple[HotKey, ...]]):
    """Lists the hot keys that match the filter."""

    hot_keys = query_one(HotKeys)
    key_filter = query_one(KeyFilter)

    def __init__(self, title: PanelTitle) -> None:
        super().__init__(id="keys")
        self._title = title

    def compose(self) -> ComposeResult:
        """Yield the filter and the list."""
        yield KeyFilter()
        yield HotKeys(self._title)

    def show(self, share: tuple[HotKey, ...]) -> None:
        """List these keys."""
        self.hot_keys.show(share)

    def take_focus(self) -> None:
        """Focus the list."""
        self.hot_keys.focus()

    @on(KeyFilter.Wanted)
    def _filter(self, wanted: KeyFilter.Wanted) -> None:
        self.hot_keys.wanted = wanted.text
        if wanted.done:
            self.hot_keys.focus()

    @on(HotKeys.Listed)
    def _listed(self, listed: HotKeys.Listed) -> None:
        self.key_filter.found = (listed.keys, listed.of)
