"""Poison: what makes a database refuse one write and take the others, as a user's own schema
might."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cachedesk.core.events import Argument, Op, WriteEvent
from cachedesk.stack.stack import Stack

FORBIDDEN = "this key is frozen"
TOO_MUCH = "above 100"


def execute(directory: Path, *statements: str) -> list[tuple[object, ...]]:
    """Run statements on the database by a connection of its own; return the last one's rows."""
    other = sqlite3.connect(directory / "cachedesk.db", timeout=60)
    try:
        with other:
            for statement in statements:
                rows = other.execute(statement).fetchall()
    finally:
        other.close()
    return rows


def trigger(directory: Path, when: str, then: str) -> None:
    """Make a trigger that runs ``then`` before each write of a row for which ``when`` holds."""
    execute(
        directory,
        "DROP TRIGGER IF EXISTS says_no",
        f"CREATE TRIGGER says_no BEFORE INSERT ON rows WHEN {when} BEGIN {then}; END",
    )


def forbid(directory: Path, key: bytes, how: str = f"SELECT RAISE(ABORT, '{FORBIDDEN}')") -> None:
    """Let the database refuse every write of ``key``."""
    trigger(directory, f"NEW.key = x'{key.hex()}'", how)


def limit(directory: Path) -> None:
    """Let the database refuse every value above 100."""
    too_much = "CAST(CAST(NEW.value AS TEXT) AS INTEGER) > 100"
    trigger(directory, too_much, f"SELECT RAISE(ABORT, '{TOO_MUCH}')")


def allow(directory: Path) -> None:
    """Let the database take everything again."""
    execute(directory, "DROP TRIGGER says_no")


def attempts(directory: Path) -> dict[int, int]:
    """Return how often each event was refused, of those that are not decided."""
    return dict(execute(directory, "SELECT seq, attempts FROM attempts"))  # type: ignore[arg-type]


def append(stack: Stack, op: Op, key: bytes, arg: Argument) -> int:
    """Put an event into the log without looking at it; return its seq."""
    layer = stack.layer
    event = WriteEvent(next(layer._truth.through._seqs), op, key, arg, 1.0)
    layer._truth.logged._log.append([event])
    layer._truth.backlog.accept([event], {})
    return event.seq
