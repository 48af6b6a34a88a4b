"""Continuity: whether a ``-wal`` file goes on from the database file beside it.

After a kill both are needed, and SQLite puts together whatever it finds: a file that lost its end
is filled with zeros, one from a backup is mixed with newer pages, and of a copy that was made
while SQLite moved pages, some are old. All of these are one question: which pages and which
numbers must there be in the file, given what the ``-wal`` file begins and ends with?
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cachedesk.core.errors import Damaged, DataDirectoryError
from cachedesk.stores.files.read_only import ADVICE, has_wal, looking_at, wal_of
from cachedesk.stores.files.wal_file import WalFile, numbers_in, read_wal

Steps = Mapping[str, Mapping[str, int | None]]


def check_continuity(path: Path, steps: Steps) -> None:
    """See that the ``-wal`` file of ``path``, if it has one, goes on from it.

    Args:
        path: the database file.
        steps: tables of (name, number), and by how much one commit raises each number at most;
            ``None``: it stays what it is once it is set.

    Raises:
        Damaged: it does not; nothing was changed.
        DataDirectoryError: the file is locked or cannot be opened.
    """
    wal = read_wal(wal_of(path)) if has_wal(path) else None
    if wal is None:
        return
    if wal.lacks(path.stat().st_size):
        # A page that is free need not be anywhere.
        _check_every_page(path)
    for table, its_steps in steps.items():
        before, now = _numbers(path, table, wal=False), _numbers(path, table)
        if before is None or now is None:
            # The file is new, or a move into it was cut short.
            continue
        oldest = _oldest(path, wal, table)
        for name, step in its_steps.items():
            if not _continues(before.get(name, 0), oldest.get(name), now.get(name, 0), step):
                raise Damaged(
                    f"{path} and its -wal file do not belong together (one of them was replaced, or"
                    f" they were copied one after the other while they were in use); {ADVICE}"
                )


def _continues(before: int, oldest: int | None, now: int, step: int | None) -> bool:
    """Whether a number of the file alone, its oldest one in the ``-wal`` file, and the one that
    both of them give together, are those of one file."""
    if step is None:
        return before in (0, now)
    return before <= now and (oldest is None or oldest - before <= step)


def _check_every_page(path: Path) -> None:
    with looking_at(path) as connection:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise Damaged(f"{path} cannot be read: its end is missing; {ADVICE}")


def _numbers(path: Path, table: str, *, wal: bool = True) -> dict[str, int] | None:
    try:
        with looking_at(path, wal=wal) as connection:
            return dict(connection.execute(f"SELECT * FROM {table}"))
    except DataDirectoryError:
        return None


def _oldest(path: Path, wal: WalFile, table: str) -> dict[str, int]:
    with looking_at(path) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name=?", (table,)
        ).fetchone()
    page = wal.oldest(root)
    return (numbers_in(page) if page else None) or {}
