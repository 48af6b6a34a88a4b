"""The books: accepted = applied + pending + dead, always visible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cachedesk.core.snapshot import Books, Snapshot
from cachedesk.desk.views.formats import compact, number
from cachedesk.desk.views.headline import is_starting, verdict

_LABEL = "$foreground 75%"
_FIGURE = "bold $foreground"


class BooksLine(Widget):
    """Draws the books as one line; red, with an explanation, if they do not balance."""

    DEFAULT_CSS = """
    BooksLine {
        height: 1;
        padding: 0 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        &.-broken { background: $error 35%; }
    }
    """

    books: reactive[Books | None] = reactive(None)
    """The books; ``None`` while they are unknown."""

    unaccounted: reactive[tuple[int, ...]] = reactive(())
    """The known ids of the events because of which the books do not balance."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the books of this snapshot."""
        self.books = None if is_starting(snapshot) else snapshot.books
        self.unaccounted = snapshot.unaccounted

    def watch_books(self, books: Books | None) -> None:
        """Mark the line if the books do not balance."""
        self.set_class(books is not None and not books.balanced, "-broken")

    def render(self) -> Content:
        """Return the equation and the verdict, in the widest form that fits."""
        if self.books is None:
            return Content.styled("accepted = applied + pending + dead", _LABEL)
        forms = forms_of(self.books, self.unaccounted)
        return next((form for form in forms if form.cell_length <= self.size.width), forms[-1])


def forms_of(books: Books, unaccounted: Sequence[int] = ()) -> tuple[Content, ...]:
    """Return the line and shorter forms of it.

    All of them say in words if the books do not balance; the longer ones list ids.
    """
    text = verdict(books)
    with_ids = [
        Content("  ").join([_equation(books, " ", number), _verdict(books, f"{text}: {ids}")])
        for ids in _id_lists(unaccounted)
        if not books.balanced
    ]
    brief = text.partition(":")[0]
    terse = Content.assemble(
        _verdict(books, brief),
        "  ",
        (f"{compact(books.accepted)} = {compact(books.applied)}", _FIGURE),
        (f" + {compact(books.pending)} + {compact(books.dead)}", _FIGURE),
    )
    ticked = [Content(" ").join([_equation(books, " ", number), _verdict(books, "")])]
    terse_with_ids = [
        Content.assemble(
            _verdict(books, f"DO NOT BALANCE: {ids}"),
            "  ",
            (f"{compact(books.accepted)} = {compact(books.applied)}", _FIGURE),
            (f" + {compact(books.pending)} + {compact(books.dead)}", _FIGURE),
        )
        for ids in _id_lists(unaccounted)
        if not books.balanced
    ]
    return (
        *with_ids,
        *terse_with_ids,
        Content("   ").join([_equation(books, "  ", number), _verdict(books, text)]),
        Content("  ").join([_equation(books, " ", number), _verdict(books, text)]),
        Content("  ").join([_equation(books, " ", number), _verdict(books, brief)]),
        Content("  ").join([_equation(books, " ", compact), _verdict(books, brief)]),
        *(ticked if books.balanced else ()),
        terse,
    )


def _id_lists(ids: Sequence[int]) -> Iterator[str]:
    for most in range(len(ids), 0, -1):
        more = " …" if most < len(ids) else ""
        yield " ".join(f"#{one}" for one in ids[:most]) + more


def _verdict(books: Books, text: str) -> Content:
    if books.balanced:
        return Content.assemble((f"✓ {text}", "$text-success"))
    return Content.assemble((f"✗ {text}", "bold $text-error"))


def _equation(books: Books, gap: str, written: Callable[[int], str]) -> Content:
    return Content.assemble(
        ("accepted ", _LABEL),
        (written(books.accepted), _FIGURE),
        (f"{gap}={gap}applied ", _LABEL),
        (written(books.applied), _FIGURE),
        (f"{gap}+{gap}pending ", _LABEL),
        (written(books.pending), _FIGURE),
        (f"{gap}+{gap}dead ", _LABEL),
        (written(books.dead), "bold $text-warning" if books.dead else _FIGURE),
    )
