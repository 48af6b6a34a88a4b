"""A short list of keys with a figure each: the hottest, or the biggest."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.desk.views.formats import cut, left, right
from cachedesk.desk.views.watch_rows import key_lines


class WatchKeys(Widget):
    """Draws a title and as many keys as there is room for.

    Args:
        title: of the list.
        empty: what to say when there is none.
    """

    DEFAULT_CSS = """
    WatchKeys { width: 1fr; height: 1fr; padding: 0 1; background: $surface; }
    """

    keys: reactive[tuple[tuple[bytes, str], ...]] = reactive(())
    note: reactive[str] = reactive("")
    empty: reactive[str] = reactive("")

    def __init__(self, title: str, empty: str, id: str) -> None:
        super().__init__(id=id)
        self._title = title
        self.set_reactive(WatchKeys.empty, empty)

    def render(self) -> Content:
        """Return the title and the keys."""
        width, height = self.size
        title = cut(f"{self._title}  {self.note}" if self.note else self._title, width)
        lines = [Content.assemble((title[: len(self._title)], "bold"), title[len(self._title) :])]
        if not self.keys:
            lines.append(Content.styled(cut(self.empty, width), "$foreground 75%"))
        for key, figure in key_lines(self.keys[: max(0, height - 1)], width):
            room = width - len(figure)
            lines.append(Content(left(key, room) + right(figure, len(figure))))
        return Content("\n").join(lines)
