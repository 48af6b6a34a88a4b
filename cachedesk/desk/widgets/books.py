"""The books: accepted = applied + pending + dead, always in sight."""

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
    """Draws the books in one line; red and in words when they do not balance."""

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
    """The books; ``None`` while nothing is known of them."""

    unaccounted: reactive[tuple[int, ...]] = reactive(())
    """Ids of events that are the reason why the books do not balance, as far as known."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the books of this snapshot."""
        self.books = None if is_starting(snapshot) else snapshot.books
        self.unaccounted = snapshot.unaccounted

    def watch_books(self, books: Books | None) -> None:
        """Mark the line when the books do not balance."""
        self.set_class(books is not None and not books.balanced, "-broken")

    def render(self) -> Content:
        """Return the equation and what it says, in the widest form that fits."""
        if self.books is None:
            return Content.styled("accepted = applied + pending + dead", _LABEL)
        forms = forms_of(self.books, self.unaccounted)
        return next((form for form in forms if form.cell_length <= self.size.width), forms[-1])


def forms_of(books: Books, unaccounted: Sequence[int] = ()) -> tuple[Content, ...]:
    """Return the line in ever shorter forms; bad news is in all of them, in words, and with as
    many of the ids as there is room for."""
    said = verdict(books)
    with_ids = [
        Content("  ").join([_equation(books, " ", number), _judged(books, f"{said}: {ids}")])
        for ids in _ever_fewer(unaccounted)
        if not books.balanced
    ]
    brief = said.partition(":")[0]
    terse = Content.assemble(
        _judged(books, brief),
        "  ",
        (f"{compact(books.accepted)} = {compact(books.applied)}", _FIGURE),
        (f" + {compact(books.pending)} + {compact(books.dead)}", _FIGURE),
    )
    ticked = [Content(" ").join([_equation(books, " ", number), _judged(books, "")])]
    terse_with_ids = [
        Content.assemble(
            _judged(books, f"DO NOT BALANCE: {ids}"),
            "  ",
            (f"{compact(books.accepted)} = {compact(books.applied)}", _FIGURE),
            (f" + {compact(books.pending)} + {compact(books.dead)}", _FIGURE),
        )
        for ids in _ever_fewer(unaccounted)
        if not books.balanced
    ]
    return (
        *with_ids,
        *terse_with_ids,
        Content("   ").join([_equation(books, "  ", number), _judged(books, said)]),
        Content("  ").join([_equation(books, " ", number), _judged(books, said)]),
        Content("  ").join([_equation(books, " ", number), _judged(books, brief)]),
        Content("  ").join([_equation(books, " ", compact), _judged(books, brief)]),
        *(ticked if books.balanced else ()),
        terse,
    )


def _ever_fewer(ids: Sequence[int]) -> Iterator[str]:
    for most in range(len(ids), 0, -1):
        more = " …" if most < len(ids) else ""
        yield " ".join(f"#{one}" for one in ids[:most]) + more


def _judged(books: Books, said: str) -> Content:
    if books.balanced:
        return Content.assemble((f"✓ {said}", "$text-success"))
    return Content.assemble((f"✗ {said}", "bold $text-error"))


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
