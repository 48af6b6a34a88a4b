"""Verdicts: the findings of the ledger, as frozen values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """A key with its expected value and the value found; ``None`` is absent."""

    key: bytes
    expected: bytes | None
    found: bytes | None


@dataclass(frozen=True, slots=True)
class StaleRead(Difference):
    """A read that was older than an acknowledged write: ``versions`` newer values of the key had
    been acknowledged, the first of them ``seconds`` before the read; ``None`` if that is older than
    the ledger records."""

    versions: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings of the ledger, by id and key.

    ``accepted`` writes were acknowledged; of these, ``applied`` are part of a row, ``pending`` are
    in the log, ``dead`` are dead letters, and ``lost`` are nowhere. ``duplicated`` became part of a
    row twice (or their id was used twice). ``phantoms`` were applied although their call failed.
    ``wrong``: keys whose truth is not what was acknowledged; ``unfounded``: receipts and refusals
    that do not follow from the key's value. ``stale_reads`` counts reads that were older than an
    acknowledged write, with some of them in ``stale``. ``uncertain``: keys whose last write has an
    unknown outcome, so that any value is right. ``lost_keys``: the keys of the ids in ``lost``, in
    the same order. ``dirty_reads``: reads of a value from a write that was lost later. ``judged``:
    whether there was a ledger; without one only ``accepted``, ``pending`` and ``dead`` are valid.
    """

    accepted: int
    applied: int
    pending: int
    dead: int
    lost: tuple[int, ...]
    duplicated: tuple[int, ...]
    phantoms: tuple[int, ...]
    wrong: tuple[Difference, ...]
    unfounded: tuple[Difference, ...]
    stale_reads: int
    stale: tuple[StaleRead, ...]
    uncertain: tuple[bytes, ...]
    lost_keys: tuple[bytes, ...] = ()
    dirty_reads: int = 0
    judged: bool = True

    @property
    def sound(self) -> bool:
        """Whether every promise that the ledger can judge was kept."""
        return not (
            self.lost
            or self.duplicated
            or self.phantoms
            or self.wrong
            or self.unfounded
            or self.stale_reads
        )


def unjudged(accepted: int) -> Verdict:
    """Return a verdict without judgement on ``accepted`` writes."""
    return Verdict(accepted, 0, 0, 0, (), (), (), (), (), 0, (), (), judged=False)


def kept_words(verdicts: Sequence[Verdict]) -> str:
    """Return a summary of sound verdicts, without a capital or a full stop."""
    accepted, applied, pending, dead = (
        sum(getattr(verdict, name) for verdict in verdicts)
        for name in ("accepted", "applied", "pending", "dead")
    )
    if not accepted:
        return "there was no write to keep"
    kept = f"every one of the {accepted:,} acknowledged writes was kept"
    if not (pending or dead):
        return f"{kept}, each applied once"
    parts = [f"{applied:,} applied once"]
    if pending:
        parts.append(f"{pending:,} pending")
    if dead:
        parts.append(f"{dead:,} as {'a dead letter' if dead == 1 else 'dead letters'}")
    return f"{kept}: {', '.join(parts)}"


def refused_words(count: int) -> Iterator[str]:
    """Yield a sentence about ``count`` writes that the stack refused; nothing if there are none."""
    if count:
        were = "1 write was" if count == 1 else f"{count:,} writes were"
        yield (
            f"Refused: {were} not acknowledged and changed nothing: the value is not a counter, or"
            " would leave the range of 64 bits."
        )
