"""Continuity: whether a ``-wal`` file belongs to the database file beside it.

After a kill both files are needed, and SQLite combines whatever it finds: a truncated file is
filled with zeros, a file from a backup is mixed with newer pages, and in a copy made while SQLite
moved pages some pages are old. All cases come down to one question: which pages and numbers must
the database file have, given the start and the end of the ``-wal`` file?
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cachedesk.core.errors import Damaged, DataDirectoryError
from cachedesk.stores.files.read_only import ADVICE, has_wal, looking_at, wal_of
from cachedesk.stores.files.wal_file import WalFile, numbers_in, read_wal

Steps = Mapping[str, Mapping[str, int | None]]


def check_continuity(path: Path, steps: Steps) -> None:
    """Check that the ``-wal`` file of ``path``, if there is one, continues it.

    Args:
        path: the database file.
        steps: tables of (name, number), and the most by which one commit raises each number;
            ``None``: the number never changes once it is set.

    Raises:
        Damaged: it does not; nothing was changed.
        DataDirectoryError: the file is locked or cannot be opened.
    """
    wal = read_wal(wal_of(path)) if has_wal(path) else None
    if wal is None:
        return
    if wal.lacks(path.stat().st_size):
        # A free page may be missing from both files.
        _check_every_page(path)
    for table, its_steps in steps.items():
        before, now = _numbers(path, table, wal=False), _numbers(path, table)
        if before is None or now is None:
            # The file is new, or a checkpoint into it was interrupted.
            continue
        oldest = _oldest(path, wal, table)
        for name, step in its_steps.items():
            if not _continues(before.get(name, 0), oldest.get(name), now.get(name, 0), step):
                raise Damaged(
                    f"{path} and its -wal file do not belong together (one of them was replaced, or"
                    f" they were copied one after the other while they were in use); {ADVICE}"
                )


def _continues(before: int, oldest: int | None, now: int, step: int | None) -> bool:
    """Return whether three versions of a number are consistent: the one in the database file alone,
    the oldest in the ``-wal`` file, and the one that both files give together."""
    if step is None:
        return before in (0, now)
    return before <= now and (oldest is None or oldest - before <= step)


def _check_every_page(path: Path) -> None:
    with looking_at(path) as connection:
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
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
