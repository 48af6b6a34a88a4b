"""The message after the desk was closed: what was written, what was lost, where the data is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cachedesk.console.output import is_served, is_terminal, print_bytes, print_text, short_path
from cachedesk.core.snapshot import Books
from cachedesk.core.wording import count_of, span


def lost_writes(books: Books) -> int:
    """Return how many acknowledged writes were lost."""
    return max(0, books.accepted - books.applied - books.pending - books.dead)


def closing_message(
    seconds: float, books: Books, data: Path, saved: Iterable[Path] = ()
) -> Iterator[str]:
    """Yield the sentences to print.

    Args:
        seconds: how long the stack was open.
        books: the books at the time when it was closed.
        data: the data directory.
        saved: the paths of the pictures and recordings.
    """
    missing = lost_writes(books)
    lost = f"{missing:,} LOST" if missing else "none lost"
    parts = [f"{span(seconds)}, {count_of(books.accepted, 'write')} accepted, {lost}"]
    if books.pending:
        events = "event is" if books.pending == 1 else "events are"
        parts.append(
            f"{books.pending:,} {events} pending in the log, to be applied at the next start"
        )
    if books.dead:
        parts.append(f'{count_of(books.dead, "dead letter")}: "cachedesk dead list" shows them')
    yield f"{'; '.join(parts)}. The data is in {short_path(data)}."
    yield from saved_file_lines(saved)


def saved_file_lines(saved: Iterable[Path]) -> Iterator[str]:
    """Yield a line for each of the ``saved`` files that exists."""
    for path in saved:
        if path.exists():
            yield f"saved {short_path(path)}"


def print_closing_message(sentences: Iterable[str]) -> None:
    """Print the sentences if there is a terminal, once the screen of the desk is gone."""
    if is_terminal() and not is_served() and (lines := list(sentences)):
        print_text("\n".join(lines))


@contextmanager
def while_closing(words: str) -> Iterator[None]:
    """Show ``words`` on the terminal, if there is one, during the ``with`` block only."""
    shows = is_terminal() and not is_served()
    if shows:
        print_bytes(words.encode())
    try:
        yield
    finally:
        if shows:
            print_bytes(b"\r" + b" " * len(words) + b"\r")
