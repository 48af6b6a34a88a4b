"""What was read of a trace, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cachedesk.core.printable import safe
from cachedesk.lab.trace.formats import KEYS
from cachedesk.lab.trace.reading import Count

_MOST_SHOWN = 5


def form_line(name: str, form: str, *, sure: bool, writes: float = 0.0) -> str:
    """Return what is printed before a run.

    Args:
        name: of the trace.
        form: its format.
        sure: whether the format was named, or has a sign of its own.
        writes: the share of keys that become increments.
    """
    seen = f"{safe(name, 200)} is read as {'a list of keys' if form == KEYS else form}"
    share = f"{100 * writes:g} % of its lines are increments" if writes else ""
    if not sure:
        share = share or "all operations are reads"
        return f"{seen}, judging by its content; {share} (--format overrides)"
    return f"{seen}; {share}" if share else seen


def read_lines(trace: Count, pauses: int = 0) -> Iterator[str]:
    """Yield the lines of a report on what was read; ``pauses``: how many were cut short."""
    yield f"  trace   {trace.lines:,} lines of {trace.format}"
    for sentence in sentences(trace, pauses):
        yield f"          {sentence}"


def sentences(trace: Count, pauses: int = 0) -> Iterator[str]:
    """Yield what became of the lines that came to nothing, and of what else was not replayed."""
    if trace.before:
        yield f"left out before the first line of the format: {number_of(trace.before, 'line')}"
    if trace.blank:
        yield f"{number_of(trace.blank, 'line')} without a command"
    if trace.bad:
        shown = "; ".join(f"line {number}: {safe(what, 120)}" for number, what in trace.examples)
        more = trace.bad - len(trace.examples)
        rest = f"; and {more:,} more" if more > 0 else ""
        yield f"skipped: {number_of(trace.bad, 'malformed line')}: {shown}{rest}"
    if trace.unfinished is not None:
        line, what = trace.unfinished
        yield f"line {line:,}, the last, is unfinished and was left out: {safe(what, 120)}"
    if meaningless := trace.skipped - trace.differing:
        yield f"not applicable here, left out: {counted(meaningless, _MOST_SHOWN)}"
    if trace.differing:
        told = counted(trace.differing, len(trace.differing))
        yield f"left out, so the end state differs from the source's: {told}"
    if trace.expiries:
        yield (
            f"expiries that were dropped: {counted(trace.expiries, _MOST_SHOWN)}; hit rate and"
            " memory are those of values that stay"
        )
    for what, lines in trace.changed.most_common():
        yield f"{what}: {number_of(lines, 'line')}"
    if trace.unended:
        yield (
            f"line {trace.unended:,}, the last, has no line break: it was used as it is, but may"
            " be truncated"
        )
    if pauses:
        yield f"cut to a minute: {number_of(pauses, 'longer pause')}"


def missing(trace: Count | None) -> Iterator[str]:
    """Yield in sentences which lines were not replayed although they may have been commands. A run
    that lacks any is sound for what was replayed, and no more."""
    if trace is None:
        return
    if trace.bad:
        yield f"Left out: {number_of(trace.bad, 'malformed line')}."
    if trace.differing:
        told = counted(trace.differing, len(trace.differing))
        yield f"Left out, so the end state differs from the source's: {told}."
    if trace.unfinished is not None:
        yield f"Left out: line {trace.unfinished[0]:,}, the last, is unfinished."


def number_of(count: int, noun: str) -> str:
    """Return ``1 line`` or ``2 lines``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counted(names: Counter[str], most: int) -> str:
    """Return the names with their counts, most frequent first; what says why a line was left out
    before the rest."""
    ordered = sorted(names.items(), key=lambda item: (not item[0].startswith("("), -item[1]))
    shown = ", ".join(f"{safe(name)} {count:,}" for name, count in ordered[:most])
    more = len(ordered) - most
    return f"{shown} and {more:,} other kinds" if more > 0 else shown
