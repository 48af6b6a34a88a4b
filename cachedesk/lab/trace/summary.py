"""Summaries of what was read of a trace, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cachedesk.core.printable import safe
from cachedesk.lab.trace.formats import KEYS
from cachedesk.lab.trace.reading import TraceCounts

_MOST_SHOWN = 5


def form_line(name: str, form: str, *, sure: bool, writes: float = 0.0) -> str:
    """Return the line about the format that is printed before a run.

    Args:
        name: of the trace.
        form: its format.
        sure: whether the format was named, or is unambiguous.
        writes: the share of keys that become increments.
    """
    seen = f"{safe(name, 200)} is read as {'a list of keys' if form == KEYS else form}"
    share = f"{100 * writes:g} % of its lines are increments" if writes else ""
    if not sure:
        share = share or "all operations are reads"
        return f"{seen}, judging by its content; {share} (--format overrides)"
    return f"{seen}; {share}" if share else seen


def read_lines(trace: TraceCounts, pauses: int = 0) -> Iterator[str]:
    """Yield the lines of a report on a trace; ``pauses``: the number that were cut short."""
    yield f"  trace   {trace.lines:,} lines of {trace.format}"
    for sentence in sentences(trace, pauses):
        yield f"          {sentence}"


def sentences(trace: TraceCounts, pauses: int = 0) -> Iterator[str]:
    """Yield sentences on the lines without operations, and on everything that was not replayed."""
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
        commands = counted(trace.differing, len(trace.differing))
        yield f"left out, so the end state differs from the source's: {commands}"
    if trace.expiries:
        yield (
            f"expiries: {counted(trace.expiries, _MOST_SHOWN)}; {number_of(trace.expired, 'key')}"
            " expired in the time of the trace"
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


def missing(trace: TraceCounts | None) -> Iterator[str]:
    """Yield sentences on lines that were not replayed although they may have been commands. A run
    with such lines is sound only for what was replayed."""
    if trace is None:
        return
    if trace.bad:
        yield f"Left out: {number_of(trace.bad, 'malformed line')}."
    if trace.differing:
        commands = counted(trace.differing, len(trace.differing))
        yield f"Left out, so the end state differs from the source's: {commands}."
    if trace.unfinished is not None:
        yield f"Left out: line {trace.unfinished[0]:,}, the last, is unfinished."


def number_of(count: int, noun: str) -> str:
    """Return ``1 line`` or ``2 lines``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counted(names: Counter[str], most: int) -> str:
    """Return the names with their counts, most frequent first; reasons in parentheses come before
    commands."""
    ordered = sorted(names.items(), key=lambda item: (not item[0].startswith("("), -item[1]))
    shown = ", ".join(f"{safe(name)} {count:,}" for name, count in ordered[:most])
    more = len(ordered) - most
    return f"{shown} and {more:,} other kinds" if more > 0 else shown
