"""The texts of the inspector: the stores, which of them answers a read, and the fold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from cachedesk.core.codecs import readable
from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.events import Argument, Op
from cachedesk.core.key_report import AnswerSource, Held, KeyReport, Step
from cachedesk.core.key_text import operation_name
from cachedesk.core.wording import count_of
from cachedesk.desk.views.formats import (
    ABSENT,
    CUT_MARK,
    CUT_VALUE_BYTES,
    UNKNOWN,
    cut,
    data_text,
    number,
    size,
    span,
)

VALUE_CELLS = 24
"""The maximum width of a value in a sentence, in cells."""

_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+")


class Emphasis(StrEnum):
    """How a text is emphasised; its words say the same without colour."""

    WELL = "well"
    AHEAD = "ahead"
    QUIET = "quiet"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class PlaceView:
    """The view of one store: its state as a glyph and a word, its value, and further facts, the
    most important first. ``error``: why its value is unknown; empty: it is known."""

    name: str
    glyph: str
    word: str
    emphasis: Emphasis
    value: str
    facts: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What answers a read now, and why, as a sentence."""

    source: str
    why: str
    emphasis: Emphasis


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line of the fold: a glyph for the state of the event, and the texts of the columns."""

    glyph: str
    seq: str
    what: str
    age: str
    after: str
    note: str = ""


def places(report: KeyReport) -> tuple[PlaceView, PlaceView, PlaceView]:
    """Return the views of Redis, the log and SQLite for the key."""
    return _redis(report), _log(report), _sqlite(report)


def verdict(report: KeyReport) -> Verdict:
    """Return which store would answer a read now, and why."""
    without = _without_redis(report)
    match report.source:
        case AnswerSource.REDIS:
            return _redis_answers(report)
        case AnswerSource.OVERLAY:
            source = f"Row + {number(report.pending)} pending answer"
            return Verdict(source, f"{without}; folded, {_outcome(report)}", Emphasis.WELL)
        case AnswerSource.DATABASE:
            why = f"{without}, nothing is pending; {_row_content(report)}"
            return Verdict("SQLite answers", why, Emphasis.WELL)
        case AnswerSource.LOG:
            why = f"{without}, SQLite cannot be read; by the pending events, {_outcome(report)}"
            return Verdict("The log answers", why, Emphasis.WARNING)
        case AnswerSource.NONE:
            why = f"{without} and SQLite cannot be read"
            return Verdict("Nothing can answer", why, Emphasis.BROKEN)


def equations(report: KeyReport) -> tuple[str, ...]:
    """Return the fold as an equation, ``row 10,480 @ seq 912 + 2 pending = 10,483``, and shorter
    forms of it."""
    if not report.row.known:
        row = f"row {UNKNOWN}"
    elif report.row.value is None:
        row = "deleted row" if report.row_seq else "no row"
    else:
        row = f"row {value_text(report.row, VALUE_CELLS)}"
    seq = f" @ seq {number(report.row_seq)}" if report.row_seq else ""
    pending = f"{number(report.pending)} pending" if report.pending else "nothing pending"
    sum_ = f" + {pending} = {in_words(report.truth)}"
    shortest = value_text(report.truth, VALUE_CELLS // 2)
    return (f"{row}{seq}{sum_}", f"{row}{sum_}", f"+ {pending} = {shortest}")


def step_rows(report: KeyReport) -> tuple[StepRow, ...]:
    """Return a row for each pending event, oldest first, with the value of the key after it."""
    rows = []
    if report.skipped:
        what = f"{number(report.skipped)} earlier events"
        rows.append(StepRow("⋯", "", what, "", value_text(report.base)))
    rows += [_step_row(step, report.at) for step in report.steps]
    return tuple(rows)


def letter_lines(letters: tuple[DeadLetter, ...]) -> tuple[str, ...]:
    """Return a line for each dead letter of the key."""
    return tuple(
        f"dead letter {number(letter.seq)}  {letter.op}: {data_text(letter.reason.encode())}"
        for letter in letters
    )


def policy_line(report: KeyReport) -> str:
    """Return the policy of the key and the pattern that it comes from."""
    why = report.pattern or "no pattern matches"
    return f"{report.policy} ({data_text(why.encode(errors='replace'))})"


def value_text(held: Held, width: int = CUT_VALUE_BYTES) -> str:
    """Return a value in at most ``width`` cells.

    A counter has thousands separators, any other value is ``data_text``; an en dash stands for an
    absent value, a question mark for an unknown one.
    """
    if not held.known:
        return UNKNOWN
    if held.value is None:
        return ABSENT
    return cut(_plain(held.value, held.size), width)


def in_words(held: Held) -> str:
    """Return a value as part of a sentence."""
    if not held.known:
        return "unknown"
    return "absent" if held.value is None else value_text(held, VALUE_CELLS)


def _plain(value: bytes, whole: int) -> str:
    if len(value) <= 20 and value.removeprefix(b"-").isdigit() and value == b"%d" % int(value):
        return number(int(value))
    text = data_text(readable(value)[:CUT_VALUE_BYTES])
    if whole > CUT_VALUE_BYTES:
        return text + CUT_MARK
    # A value that looks like one of the signs used here is quoted.
    return f'"{text}"' if text in (ABSENT, UNKNOWN) or _GROUPED.fullmatch(text) else text


def _redis(report: KeyReport) -> PlaceView:
    cached = report.cached
    if not cached.known:
        return PlaceView("Redis", "✗", "no answer", Emphasis.BROKEN, UNKNOWN, error=cached.obstacle)
    if cached.value is None:
        gone = report.truth.known and report.truth.value is None
        why = "an absent key has none" if gone else "a read will fill it"
        return PlaceView("Redis", "○", "no copy", Emphasis.QUIET, ABSENT, (why,))
    expiry = "no expiry"
    if report.ttl_seconds is not None:
        expiry = f"expires in {span(report.ttl_seconds)}"
    elif not report.ttl_known:
        expiry = "expiry unknown"
    glyph, word, emphasis = _AGREEMENTS[report.agrees]
    if report.unlogged:
        glyph, word, emphasis = "◐", "not logged", Emphasis.WARNING
    elif report.agrees is False and report.moving:
        glyph, word, emphasis = "◐", "changing", Emphasis.WARNING
    return PlaceView(
        "Redis", glyph, word, emphasis, value_text(cached), (expiry, *_size_fact(cached))
    )


_AGREEMENTS = {
    True: ("●", "the truth", Emphasis.WELL),
    False: ("✗", "STALE", Emphasis.BROKEN),
    None: ("◌", "unchecked", Emphasis.WARNING),
}


def _log(report: KeyReport) -> PlaceView:
    dead = len(report.letters)
    letters = (count_of(dead, "dead letter"),) if dead else ()
    if not report.pending:
        return PlaceView("Log", "○", "empty", Emphasis.QUIET, "nothing pending", letters)
    flying = sum(step.in_flight and not step.in_row for step in report.steps)
    oldest = f"oldest {_age(report.oldest_at or report.at, report.at)}"
    in_flight = (f"{number(flying)} in flight",) if flying else ()
    value = f"{number(report.pending)} pending"
    return PlaceView("Log", "◐", "ahead", Emphasis.AHEAD, value, (*letters, oldest, *in_flight))


def _sqlite(report: KeyReport) -> PlaceView:
    row, seq = report.row, f"@ seq {number(report.row_seq)}"
    if not row.known:
        return PlaceView("SQLite", "✗", "unreadable", Emphasis.BROKEN, UNKNOWN, error=row.obstacle)
    if row.value is None and not report.row_seq:
        return PlaceView("SQLite", "○", "no row", Emphasis.QUIET, ABSENT, ("never written",))
    glyph, word, emphasis = ("◐", "behind", Emphasis.AHEAD) if report.pending else _AGREEMENTS[True]
    deadline = _deadline(report.row_expires_at, report.at)
    if row.value is None:
        facts = (*deadline, f"row {seq}") if deadline else (f"deleted {seq}",)
        return PlaceView("SQLite", glyph, word, emphasis, ABSENT, facts)
    facts = (f"row {seq}", *deadline, *_size_fact(row))
    return PlaceView("SQLite", glyph, word, emphasis, value_text(row), facts)


def _deadline(expires_at: float | None, now: float) -> tuple[str, ...]:
    if expires_at is None:
        return ()
    if expires_at <= now:
        return (f"expired {_age(expires_at, now)} ago",)
    return (f"expires in {span(expires_at - now)}",)


def _size_fact(held: Held) -> tuple[str, ...]:
    return (size(held.size),) if held.size > CUT_VALUE_BYTES else ()


def _redis_answers(report: KeyReport) -> Verdict:
    holds = f"it holds {value_text(report.cached, VALUE_CELLS)}"
    if report.negative:
        holds = "it records that the key is absent"
    if report.unlogged:
        unlogged = f"{count_of(report.unlogged, 'write')} not in the log"
        why = f"{holds}; {unlogged}, lost if Redis loses the key"
        return Verdict("Redis answers", why, Emphasis.WARNING)
    if report.agrees:
        return Verdict("Redis answers", f"{holds}, the same as the truth", Emphasis.WELL)
    if report.agrees is None:
        why = f"{holds}; SQLite cannot be read to confirm it"
        return Verdict("Redis answers", why, Emphasis.WARNING)
    if report.moving:
        why = f"{holds}; the key is being written"
        return Verdict("Redis answers", why, Emphasis.WARNING)
    why = f"{holds}, but the truth is {in_words(report.truth)}: the copy is STALE"
    return Verdict("Redis answers", why, Emphasis.BROKEN)


def _without_redis(report: KeyReport) -> str:
    return "Redis has no copy" if report.cached.known else "Redis does not answer"


def _row_content(report: KeyReport) -> str:
    if report.row.value is not None:
        return f"the row holds {in_words(report.row)}"
    if report.row_expires_at is not None:
        return "the key has expired"
    return "the key was deleted" if report.row_seq else "there is no such key"


def _outcome(report: KeyReport) -> str:
    absent = report.truth.known and report.truth.value is None
    return "the key is absent" if absent else f"the value is {in_words(report.truth)}"


def _step_row(step: Step, now: float) -> StepRow:
    what = what_text(step.op, step.arg)
    if step.op is Op.EXPIRE:
        what = operation_name(step)
    if step.expires_at is not None:
        what = f"{what}, {_deadline(step.expires_at, now)[0]}"
    cells = (number(step.seq), what, _age(step.at, now))
    if step.in_row:
        return StepRow("=", *cells, value_text(step.after), "already in the row")
    if step.refused:
        return StepRow("✗", *cells, value_text(step.after), data_text(step.refused.encode()))
    glyph, note = ("▸", "in flight") if step.in_flight else ("+", "")
    return StepRow(glyph, *cells, value_text(step.after), note)


def what_text(op: Op, arg: Argument) -> str:
    """Return an operation as text: ``incr +2``, ``set paid``, ``delete``."""
    if op is Op.INCR and isinstance(arg, int):
        return f"incr {arg:+,}"
    if isinstance(arg, bytes):
        return f"{op.name.lower()} {_plain(arg, len(arg))}"
    return op.name.lower()


def _age(at: float, now: float) -> str:
    return span(max(0.0, now - at))
