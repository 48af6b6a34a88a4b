"""Dead letters of a running stack: list, replay, drop.

A dead letter prevents its event from being applied when the log delivers it again. So before a
letter is removed, the worker is expedited until the log has acked the event: from then on it is not
delivered again. Replay and drop hold the key exclusively, as a write-through does.
"""

from __future__ import annotations

import time

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.engine_event import EventCode
from cachedesk.core.errors import (
    DatabaseError,
    DatabaseUncertain,
    InvalidValue,
    NoDeadLetter,
    OutcomeUnknown,
    Unavailable,
)
from cachedesk.core.events import COUNTER_MAX, Op, as_amount, as_value
from cachedesk.core.ports import SystemOfRecord
from cachedesk.core.recorder import Announce
from cachedesk.core.writes import Change, Receipt
from cachedesk.engine.backlog.backlog import Backlog
from cachedesk.engine.key_locks import KeyLocks
from cachedesk.engine.worker_controls import WorkerControls
from cachedesk.engine.write_through import WriteThrough


class DeadLetterAdmin:
    """Lists, replays and drops dead letters. Thread-safe."""

    def __init__(
        self,
        *,
        database: SystemOfRecord,
        backlog: Backlog,
        locks: KeyLocks,
        controls: WorkerControls,
        through: WriteThrough,
        announce: Announce,
    ) -> None:
        self._database = database
        self._locks = locks
        self._backlog = backlog
        self._pending = backlog.pending
        self._announce = announce
        self._controls = controls
        self._through = through

    def oldest(self, limit: int, after_seq: int) -> list[DeadLetter]:
        """Return up to ``limit`` letters above ``after_seq``, oldest first.

        Raises:
            InvalidValue: a number is not an int, or below 0.
            Unavailable: the database cannot be read.
        """
        for number in (limit, after_seq):
            if not isinstance(number, int) or not 0 <= number <= COUNTER_MAX:
                raise InvalidValue(f"a limit and a seq must be ints of at least 0, not {number!r}")
        try:
            return self._database.letters(limit, after_seq)
        except DatabaseError as error:
            raise Unavailable(f"the dead letters cannot be listed: {error}") from error

    def replay(self, seq: int, deadline: float) -> Receipt:
        """Apply a letter as a new write and remove it, in one transaction.

        Args:
            seq: the seq of the letter.
            deadline: ``time.monotonic()`` seconds after which to give up.

        Returns:
            The receipt of the new write.

        Raises:
            NoDeadLetter: there is no letter ``seq``.
            InvalidValue: the letter does not hold a valid write.
            Unavailable: not possible by ``deadline``; nothing was changed.
            OutcomeUnknown: the commit failed; it is unknown whether it took effect.
            NotACounter, CounterOverflow, WriteRefused: it is refused again; the letter stays.
        """
        letter = self._letter(seq)
        change = _change(letter)
        self._wait_until_acked(seq, deadline)
        receipt = self._through.replay(seq, change, deadline)
        self._announce(EventCode.DEAD_LETTER_REPLAYED, seq=seq, new_seq=receipt.seq)
        return receipt

    def drop(self, seq: int, deadline: float) -> None:
        """Remove a letter permanently; arguments as for ``replay``.

        Raises:
            NoDeadLetter: there is no letter ``seq``.
            Unavailable: not possible by ``deadline``; nothing was changed.
            OutcomeUnknown: the disk failed during the commit, and still fails.
        """
        letter = self._letter(seq)
        self._wait_until_acked(seq, deadline)
        with self._locks.exclusive({letter.key}, deadline):
            try:
                with self._database.transaction(deadline) as transaction:
                    found = transaction.remove_letter(seq)
            except DatabaseUncertain as error:
                if self._is_there(seq, deadline, error):
                    raise Unavailable(f"dead letter {seq} was not dropped: {error}") from error
                found = True
            except DatabaseError as error:
                raise Unavailable(f"dead letter {seq} was not dropped: {error}") from error
            if not found:
                raise NoDeadLetter(f"there is no dead letter {seq}")
            self._pending.count_dropped()
        self._announce(
            EventCode.DEAD_LETTER_DROPPED,
            seq=seq,
            op=letter.op,
            key=letter.key.decode(errors="replace"),
        )

    def _is_there(self, seq: int, deadline: float, uncertain: DatabaseUncertain) -> bool:
        """Return whether the letter ``seq`` exists after a failed commit, which the next
        transaction settles."""
        try:
            with self._database.transaction(deadline) as transaction:
                return bool(transaction.dead_between(seq, seq))
        except DatabaseError:
            raise OutcomeUnknown(f"dead letter {seq}: {uncertain}") from uncertain

    def _letter(self, seq: int) -> DeadLetter:
        if isinstance(seq, int) and 0 < seq <= COUNTER_MAX:
            for letter in self.oldest(1, seq - 1):
                if letter.seq == seq:
                    return letter
        raise NoDeadLetter(f"there is no dead letter {seq!r}")

    def _wait_until_acked(self, seq: int, deadline: float) -> None:
        with self._controls.expedite():
            if not self._backlog.wait_until_acked(seq, deadline - time.monotonic()):
                raise Unavailable(
                    f"dead letter {seq} cannot be removed before the worker has flushed the events"
                    " that were logged with it; nothing was changed: try again"
                )


def _change(letter: DeadLetter) -> Change:
    try:
        op = Op[letter.op.upper()]
        arg = letter.arg
        if op is Op.SET:
            arg = as_value(arg)  # type: ignore[arg-type]
        elif op is Op.INCR:
            arg = as_amount(arg)  # type: ignore[arg-type]
    except (KeyError, ValueError, OverflowError) as error:
        raise InvalidValue(
            f"dead letter {letter.seq} does not hold a valid write ({error}): drop it"
        ) from error
    return Change(op, letter.key, arg, letter.expires_at)
