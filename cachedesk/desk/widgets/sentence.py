"""A sentence that wraps, or in one line loses clauses instead of its end."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from cachedesk.desk.views.shortening import fitted


class Sentence(Static):
    """Draws the longest of several forms of a sentence that fits, where it may not wrap."""

    def __init__(self, id: str, classes: str) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._forms: tuple[str, ...] = ()

    def set_forms(self, *forms: str) -> None:
        """Show a sentence, given in forms of which the first is the longest."""
        if forms != self._forms:
            self._forms = forms
            self.update(forms[0])

    def render(self) -> Content:
        """Return the sentence."""
        if not self._forms:
            return Content()
        one_line = self.styles.text_wrap == "nowrap"
        return Content(fitted(self._forms, self.size.width) if one_line else self._forms[0])
