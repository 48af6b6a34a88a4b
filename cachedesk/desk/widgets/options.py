"""A list of options in which a click may come late."""

from __future__ import annotations

from textual.events import Click
from textual.widgets import OptionList


class Options(OptionList):
    """Textual's list of options; a click on an option that it has no more does nothing."""

    def _on_click(self, click: Click) -> None:  # type: ignore[override]
        if click.style.meta.get("option", -1) >= self.option_count:
            # The options have changed since it was drawn.
            click.prevent_default()
