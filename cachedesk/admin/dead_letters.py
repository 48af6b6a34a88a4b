"""Lists, replays and drops the dead letters of a data directory that is not in use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cachedesk.admin.inspection import opened
from cachedesk.console.output import json_text
from cachedesk.console.signals import Signals
from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.errors import CachedeskError, NoDeadLetter
from cachedesk.core.failpoints import Failpoints
from cachedesk.core.printable import safe
from cachedesk.core.settings import Settings
from cachedesk.engine.cache_layer import CacheLayer
from cachedesk.stack.stack import Stack

_HEADINGS = ("SEQ", "WRITE", "ATTEMPTS", "ACCEPTED AT (UTC)", "REASON")
_BRIEF, _WHOLE = 40, 4_000
_LETTERS_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Action:
    """The result for one letter: replayed as the write ``applied_as``, dropped, or the reason of
    the failure."""

    seq: int
    applied_as: int | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Actions:
    """The results for several letters. ``verb``: ``"replayed"`` or ``"dropped"``."""

    verb: str
    actions: Sequence[Action]
    interrupted_by: int | None = None

    @property
    def exit_code(self) -> int:
        """0 if all of the requested actions succeeded."""
        return self.interrupted_by or int(any(action.failure for action in self.actions))

    def as_json(self) -> dict[str, object]:
        """Return the JSON that ``dead replay --json`` and ``dead drop --json`` print."""
        done = [action for action in self.actions if not action.failure]
        return {
            self.verb: [
                action.seq
                if action.applied_as is None
                else {"seq": action.seq, "as": action.applied_as}
                for action in done
            ],
            "failed": [
                {"seq": action.seq, "error": action.failure}
                for action in self.actions
                if action.failure
            ],
        }

    def lines(self) -> Iterator[str]:
        """Yield a line for each action that succeeded."""
        for action in self.actions:
            if not action.failure:
                as_write = "" if action.applied_as is None else f" as write {action.applied_as}"
                yield f"{self.verb} {action.seq}{as_write}"

    def failures(self) -> Iterator[str]:
        """Yield a line for each action that failed, with the reason."""
        for action in self.actions:
            if action.failure:
                yield f"letter {action.seq} was not {self.verb}: {safe(action.failure, _WHOLE)}"


def listed(data: Path, limit: int) -> tuple[list[DeadLetter], int]:
    """Return the oldest letters in ``data``, and the number of all.

    Raises:
        DataDirectoryError: it is not a data directory, is in use, or is damaged.
    """
    with opened(data) as state:
        return state.database.letters(limit), state.database.count()[1]


def found(data: Path, seq: int) -> DeadLetter:
    """Return one letter.

    Raises:
        NoDeadLetter: there is no such letter.
        DataDirectoryError: as for ``listed``.
    """
    with opened(data) as state:
        for letter in state.database.letters(1, seq - 1):
            if letter.seq == seq:
                return letter
    raise NoDeadLetter(f"there is no dead letter {seq}")


def replay(
    data: Path, settings: Settings, seqs: Sequence[int] | None, failpoints: str = ""
) -> Actions:
    """Apply letters as new writes, each in its own transaction, in the order of their seqs.

    Args:
        data: a data directory that is not in use.
        settings: the settings to open it with.
        seqs: the letters; ``None``: all that exist now.
        failpoints: armed before the stack opens, as ``point=terms;…``.

    Raises:
        DataDirectoryError: as for ``listed``.
    """

    def replay_one(layer: CacheLayer, seq: int) -> Action:
        return Action(seq, layer.replay_dead(seq).seq)

    return _do("replayed", replay_one, data, settings, seqs, failpoints=failpoints)


def drop(
    data: Path, settings: Settings, seqs: Sequence[int] | None, failpoints: str = ""
) -> Actions:
    """Remove letters for good; arguments and errors as for ``replay``."""

    def drop_one(layer: CacheLayer, seq: int) -> Action:
        layer.drop_dead(seq)
        return Action(seq)

    return _do("dropped", drop_one, data, settings, seqs, failpoints=failpoints)


def letter_as_json(letter: DeadLetter) -> dict[str, object]:
    """Return the JSON of a letter that ``dead show --json`` prints."""
    return {
        "seq": letter.seq,
        "op": letter.op,
        "key": json_text(letter.key),
        "arg": json_text(letter.arg) if isinstance(letter.arg, bytes) else letter.arg,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "at": letter.at,
        "expires_at": letter.expires_at,
    }


def table(letters: Sequence[DeadLetter], total: int) -> Iterator[str]:
    """Yield ``letters`` as lines with aligned columns."""
    if not total:
        yield "There are no dead letters."
        return
    rows = [
        _HEADINGS,
        *(
            (
                str(letter.seq),
                _write(letter, _BRIEF),
                str(letter.attempts),
                _utc(letter.at),
                safe(letter.reason, 2 * _BRIEF),
            )
            for letter in letters
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(cell.ljust(width) for cell, width in cells).rstrip()
    if total > len(letters):
        yield f"and {total - len(letters):,} more; --limit shows them"


def page(letter: DeadLetter) -> Iterator[str]:
    """Yield the details of one letter, one per line."""
    yield f"seq       {letter.seq}"
    yield f"write     {_write(letter, _WHOLE)}"
    yield f"reason    {safe(letter.reason, _WHOLE)}"
    yield f"attempts  {letter.attempts}"
    yield f"accepted  {_utc(letter.at)} UTC"


def _do(
    verb: str,
    action: Callable[[CacheLayer, int], Action],
    data: Path,
    settings: Settings,
    seqs: Sequence[int] | None,
    *,
    failpoints: str,
) -> Actions:
    with opened(data) as state:
        # Only the current letters: the user has not seen those that are added from now on.
        seqs = [*_all(state.database.letters)] if seqs is None else sorted(set(seqs))
    actions: list[Action] = []
    with Signals() as signals:
        stack = Stack(data, settings, failpoints=Failpoints(failpoints)) if seqs else None
        try:
            for seq in seqs:
                if signals.received.is_set() or stack is None:
                    break
                try:
                    actions.append(action(stack.layer, seq))
                except CachedeskError as error:
                    actions.append(Action(seq, failure=str(error)))
        finally:
            if stack is not None:
                stack.close()
    return Actions(verb, actions, signals.exit_code)


def _all(letters: Callable[[int, int], list[DeadLetter]]) -> Iterator[int]:
    after = 0
    while some := letters(_LETTERS_PER_PAGE, after):
        yield from (letter.seq for letter in some)
        after = some[-1].seq


def _write(letter: DeadLetter, most: int) -> str:
    words = [letter.op, safe(letter.key, most)]
    if letter.arg is not None:
        words.append(safe(letter.arg if isinstance(letter.arg, bytes) else str(letter.arg), most))
    return " ".join(words)


def _utc(at: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
    except (OverflowError, ValueError, OSError):
        return str(at)
