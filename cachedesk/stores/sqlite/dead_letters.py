"""Dead letters: events that cannot be applied, kept with the reason until replayed or dropped.

The seq of a dead letter also prevents its event from being applied when the log delivers it again,
so a dead letter is removed only after the event was acked in the log (see
``engine.dead_letter_admin``). How often an event was refused before it became a dead letter is
stored too, so the count survives a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.events import Argument, Op, Refusal

_BURY = (
    "INSERT INTO dead (seq, op, key, arg, reason, at, expires_at, attempts)"
    " VALUES (:seq, :op, :key, :arg, :reason, :at, :expires_at,"
    " coalesce((SELECT attempts FROM attempts WHERE seq = :seq), 1))"
)
_COUNT = "INSERT OR REPLACE INTO attempts (seq, attempts) VALUES (?, ?)"
_LETTERS = (
    "SELECT seq, op, key, arg, reason, attempts, at, expires_at FROM dead WHERE seq > ?"
    " ORDER BY seq LIMIT ?"
)
_LETTERS_OF = (
    "SELECT seq, op, reason, attempts, at, expires_at FROM dead WHERE key = ?"
    " ORDER BY seq DESC LIMIT ?"
)

_SEQS_PER_SELECT = 500


def bury(connection: sqlite3.Connection, refusals: Iterable[Refusal]) -> None:
    """Store events as dead letters, with the reason and the number of attempts."""
    letters = [
        {
            "seq": event.seq,
            "op": event.op.name.lower(),
            "key": event.key,
            "arg": b"%d" % event.arg if isinstance(event.arg, int) else event.arg,
            "reason": reason,
            "at": event.at,
            "expires_at": event.expires_at,
        }
        for event, reason in refusals
    ]
    connection.executemany(_BURY, letters)
    connection.executemany("DELETE FROM attempts WHERE seq = :seq", letters)


def letters(connection: sqlite3.Connection, limit: int, after_seq: int) -> list[DeadLetter]:
    """Return the oldest ``limit`` letters whose seq is above ``after_seq``."""
    return [
        DeadLetter(seq, op, key, _argument(op, arg), *rest)
        for seq, op, key, arg, *rest in connection.execute(_LETTERS, (after_seq, limit))
    ]


def letters_of(connection: sqlite3.Connection, key: bytes, most: int) -> list[DeadLetter]:
    """Return the newest letters of ``key``, oldest first, without their arguments."""
    found = connection.execute(_LETTERS_OF, (key, most)).fetchall()
    return [DeadLetter(seq, op, key, None, *rest) for seq, op, *rest in reversed(found)]


def between(connection: sqlite3.Connection, first_seq: int, last_seq: int) -> set[int]:
    """Return the seqs of the letters from ``first_seq`` to ``last_seq``."""
    found = connection.execute(
        "SELECT seq FROM dead WHERE seq BETWEEN ? AND ?", (first_seq, last_seq)
    )
    return {seq for (seq,) in found}


def remove(connection: sqlite3.Connection, seq: int) -> bool:
    """Remove a letter; return whether there was one."""
    return connection.execute("DELETE FROM dead WHERE seq = ?", (seq,)).rowcount > 0


def among(connection: sqlite3.Connection, seqs: Sequence[int]) -> set[int]:
    """Return which of ``seqs`` are letters."""
    return {seq for seq, _ in _of_each(connection, "SELECT seq, attempts FROM dead", seqs)}


def attempts(connection: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, int]:
    """Return how often each of these events was refused; events never refused are left out."""
    return dict(_of_each(connection, "SELECT seq, attempts FROM attempts", seqs))


def count_attempts(connection: sqlite3.Connection, counted: Mapping[int, int]) -> None:
    """Store how often events were refused, so that a restart does not reset the count."""
    connection.executemany(_COUNT, counted.items())


def forget_attempts(connection: sqlite3.Connection, through_seq: int) -> None:
    """Delete the refusal counts of events up to ``through_seq``."""
    connection.execute("DELETE FROM attempts WHERE seq <= ?", (through_seq,))


_WITH_NUMBERS = (Op.INCR.name.lower(), Op.EXPIRE.name.lower())


def _argument(op: str, arg: bytes | None) -> Argument:
    if op in _WITH_NUMBERS and arg is not None and arg.removeprefix(b"-").isdigit():
        return int(arg)
    return arg


def _of_each(
    connection: sqlite3.Connection, select: str, seqs: Sequence[int]
) -> Iterator[tuple[int, int]]:
    for start in range(0, len(seqs), _SEQS_PER_SELECT):
        some = seqs[start : start + _SEQS_PER_SELECT]
        yield from connection.execute(f"{select} WHERE seq IN ({','.join('?' * len(some))})", some)
