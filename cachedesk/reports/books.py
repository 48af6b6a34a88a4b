"""The event balance of a verdict as blocks: the sum, and violations by id and key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cachedesk.lab.judge.verdict import Difference, Verdict
from cachedesk.reports.document import Balance, Block, Prose, Table
from cachedesk.reports.words import NOTHING, count_of, ids, number, shown, span

MOST_ROWS = 20


def books(verdict: Verdict) -> Iterator[Block]:
    """Yield the event balance of ``verdict``, and violations by id and key."""
    yield Balance(
        verdict.accepted,
        verdict.applied,
        verdict.pending,
        verdict.dead,
        len(verdict.lost),
        len(verdict.duplicated),
        known=verdict.judged,
    )
    if verdict.lost:
        yield Prose(
            f"{count_of(len(verdict.lost), 'acknowledged write')} lost: {ids(verdict.lost)}."
        )
        # A verdict from a saved recording may lack the keys.
        keys = verdict.lost_keys or (b"",) * len(verdict.lost)
        pairs = list(zip(verdict.lost, keys, strict=False))
        yield _long_table(("id", "key"), [(str(seq), shown(key)) for seq, key in pairs])
    for found, what in (
        (verdict.duplicated, "applied twice"),
        (verdict.phantoms, "applied although the call failed"),
    ):
        if found:
            yield Prose(f"{count_of(len(found), 'write')} {what}: {ids(found)}.")
    for differences, what in (
        (verdict.wrong, "wrong in the database"),
        (verdict.unfounded, "with a receipt or refusal that does not follow from its value"),
    ):
        if differences:
            yield Prose(f"{count_of(len(differences), 'key')} {what}:")
            yield _long_table(("key", "should be", "is"), [_values(each) for each in differences])
    if verdict.stale_reads:
        yield Prose(f"{count_of(verdict.stale_reads, 'stale read')}; of the first of them:")
        yield _long_table(
            ("key", "should be", "was read", "versions behind", "for"),
            [
                (
                    *_values(read),
                    NOTHING if read.versions is None else number(read.versions),
                    NOTHING if read.seconds is None else span(read.seconds),
                )
                for read in verdict.stale
            ],
        )
    if verdict.dirty_reads:
        yield Prose(
            f"{count_of(verdict.dirty_reads, 'read')} rested on a write that was lost later."
        )
    if verdict.uncertain:
        yield Prose(
            "Of these keys the outcome of the last write is unknown, so they are not judged:"
        )
        yield _long_table(("key",), [(shown(key),) for key in verdict.uncertain])


def _values(difference: Difference) -> tuple[str, str, str]:
    return shown(difference.key), _cut(difference.expected), _cut(difference.found)


def _cut(value: bytes | None) -> str:
    if value is None or len(value) <= 80:
        return shown(value)
    return f"{shown(value[:80])}… ({len(value):,} bytes)"


def _long_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    kept = list(rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        more = (f"and {len(rows) - MOST_ROWS:,} more",)
        kept.append(more + ("",) * (len(columns) - 1))
    everything = frozenset(range(len(columns)))
    return Table(columns, tuple(kept), everything, frozenset(range(len(kept))))
