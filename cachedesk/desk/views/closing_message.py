"""What the desk says when its user leaves: what was written, whether all of it is safe, where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from cachedesk.console.output import is_served, is_terminal, print_text, short_path
from cachedesk.core.snapshot import Books
from cachedesk.core.wording import count_of, span


def lost_writes(books: Books) -> int:
    """Return how many acknowledged writes are nowhere."""
    return max(0, books.accepted - books.applied - books.pending - books.dead)


def closing_message(
    seconds: float, books: Books, data: Path, saved: Iterable[Path] = ()
) -> Iterator[str]:
    """Yield the sentences to print.

    Args:
        seconds: how long the stack was open.
        books: as they were when it was closed.
        data: the data directory.
        saved: the pictures and recordings that were made.
    """
    missing = lost_writes(books)
    lost = f"{missing:,} LOST" if missing else "none lost"
    said = [f"{span(seconds)}, {count_of(books.accepted, 'write')} accepted, {lost}"]
    if books.pending:
        events = "event is" if books.pending == 1 else "events are"
        said.append(f"{books.pending:,} {events} pending in the log, and applied at the next start")
    if books.dead:
        said.append(f'{count_of(books.dead, "dead letter")}: "cachedesk dead list" shows them')
    yield f"{'; '.join(said)}. The data is in {short_path(data)}."
    yield from saved_file_lines(saved)


def saved_file_lines(saved: Iterable[Path]) -> Iterator[str]:
    """Yield where each of the pictures and recordings is that are there."""
    for path in saved:
        if path.exists():
            yield f"saved {short_path(path)}"


def print_closing_message(sentences: Iterable[str]) -> None:
    """Print them where they can be read, once the screen of the desk is gone."""
    if is_terminal() and not is_served() and (lines := list(sentences)):
        print_text("\n".join(lines))
