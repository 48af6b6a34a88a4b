"""The browser tab of a served process: what is known of it, and how long it stays open.

A process may show one app after another in its tab: the desk, a story, and the desk again. This
module is cheap to import, and does nothing in a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class BrowserTab:
    """The tab of this process.

    Args:
        size: columns and rows, once they have changed.
        focused: whether it has the focus.
        closed: whether the user has closed it, so that every app must end.
        kept: whether another app may follow in it.
        close: closes it; ``None`` before the first app, and in a terminal.
    """

    size: tuple[int, int] | None = None
    focused: bool = False
    closed: bool = False
    kept: bool = False
    close: Callable[[], None] | None = None

    def note(self, kind: str, payload: dict[str, object]) -> None:
        """Remember what the server reports of the tab, for the next app in it."""
        match kind:
            case "resize":
                width, height = payload["width"], payload["height"]
                if isinstance(width, int) and isinstance(height, int):
                    self.size = width, height
            case "focus" | "blur":
                self.focused = kind == "focus"
            case "quit":
                self.closed = True


TAB = BrowserTab()
"""That of this process; its first app begins to use it."""


@contextmanager
def one_tab() -> Iterator[None]:
    """Keep the tab open from one app to the next during the ``with`` block; then close it."""
    TAB.kept = True
    try:
        yield
    finally:
        TAB.kept = False
        if TAB.close is not None:
            TAB.close()
