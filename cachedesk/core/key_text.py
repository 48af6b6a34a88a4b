"""The report of a key as plain text, for a terminal, a log or a debugger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cachedesk.core.codecs import readable
from cachedesk.core.events import Argument, ExpireOnly, Op
from cachedesk.core.printable import safe
from cachedesk.core.wording import count_of, span

if TYPE_CHECKING:
    from cachedesk.core.key_report import Held, KeyReport, RecentWrite, Step

_VALUE_LETTERS = 200
_MOST_LINES = 20


def report_text(report: KeyReport) -> str:
    """Return ``report`` as text, one fact per line."""
    return "\n".join(_lines(report))


def reason(report: KeyReport) -> str:
    """Return a sentence that says where a read gets its answer, and why."""
    pending = count_of(report.pending, "pending event")
    without = "Redis has no copy" if report.cached.known else "Redis cannot answer"
    no_row = f"{without} and the database cannot be read"
    match report.source:
        case "redis":
            return f"from Redis: {_copy(report)}"
        case "overlay":
            return f"from the database and the log: {without}; {pending} folded into the row"
        case "database":
            return f"from the database: {without}, and no event is pending"
        case "log":
            return f"from the log: {no_row}; the pending events decide the value without the row"
        case _:
            return f"none, Unavailable is raised: {no_row}"


def _copy(report: KeyReport) -> str:
    if report.unlogged:
        writes = count_of(report.unlogged, "write")
        return f"it has a copy; {writes} in it are in no log, and lost if Redis is"
    if report.negative and report.agrees:
        return "it records that the key is absent, which is the truth"
    if report.agrees:
        return "it has a copy, which is what the database and the log come to"
    if report.agrees is None:
        return "it has a copy; the database cannot be read, so nothing can confirm it"
    if report.moving:
        return "it has a copy; the key is being written at this moment"
    return f"it has a copy, which is STALE: the truth is {_held(report.truth)}"


def _lines(report: KeyReport) -> Iterator[str]:
    yield f"key       {safe(report.key, _VALUE_LETTERS)}"
    yield f"policy    {report.policy} ({safe(report.pattern) or 'no pattern matches'})"
    without = "recorded as absent" if report.negative else "no copy"
    yield f"Redis     {_held(report.cached, without)}{_expiry(report)}"
    yield f"log       {_pending(report)}"
    yield f"database  {_row(report)}"
    yield f"truth     {_held(report.truth)}{_deadline(report.expires_at, report.at)}"
    yield f"a read    {_answer(report)}"
    if report.skipped:
        yield f"events    {report.skipped:,} earlier ones come to {_held(report.base)}"
    for step in report.steps:
        yield f"event     {_step(step, report.at)}"
    for letter in report.letters:
        yield f"dead      seq {letter.seq} {letter.op}: {safe(letter.reason, _VALUE_LETTERS)}"
    applied = [write for write in report.writes if not (write.waiting or write.dead)]
    for write in applied[-_MOST_LINES:]:
        yield f"applied   {_write(write, report.at)}"
    if not report.observed:
        yield "applied   not known: the stack does not observe its writes"


def _answer(report: KeyReport) -> str:
    answer = report.cached if report.source == "redis" else report.truth
    got = "" if report.source == "none" else f"{_held(answer)}, "
    return f"gets {got}{reason(report)}"


def _expiry(report: KeyReport) -> str:
    return "" if report.ttl_seconds is None else f", expires in {span(report.ttl_seconds)}"


def _pending(report: KeyReport) -> str:
    if not report.pending:
        return "nothing pending"
    oldest = "" if report.oldest_at is None else f", oldest {_age(report.oldest_at, report.at)}"
    return f"{count_of(report.pending, 'event')} pending{oldest}"


def _row(report: KeyReport) -> str:
    deadline = _deadline(report.row_expires_at, report.at)
    if report.row.known and report.row.value is None:
        if deadline:
            return f"absent{deadline} (seq {report.row_seq})"
        return f"deleted by seq {report.row_seq}" if report.row_seq else "no row"
    return _held(report.row) + (f"{deadline} (seq {report.row_seq})" if report.row.known else "")


def _deadline(expires_at: float | None, now: float) -> str:
    if expires_at is None:
        return ""
    if expires_at <= now:
        return f", expired {_age(expires_at, now)}"
    return f", expires in {span(expires_at - now)}"


def _step(step: Step, now: float) -> str:
    argument = "" if step.op is Op.EXPIRE else _argument(step.arg)
    what = f"seq {step.seq} {operation_name(step)}{argument}"
    what += _deadline(step.expires_at, now)
    if step.in_row:
        return f"{what}: in the row already"
    if step.refused:
        return f"{what}: {safe(step.refused, _VALUE_LETTERS)}"
    in_flight = " (being flushed)" if step.in_flight else ""
    return f"{what} = {_held(step.after)}{in_flight}"


def operation_name(step: Step) -> str:
    """Return the name of the call that made ``step``: ``persist`` is an expire without a
    deadline, and a condition is named (``expire gt``)."""
    if step.op is Op.EXPIRE and step.expires_at is None:
        return "persist"
    if step.op is Op.EXPIRE and isinstance(step.arg, int):
        return f"expire {(ExpireOnly(step.arg).name or '').lower()}"
    return step.op.name.lower()


def _argument(arg: Argument) -> str:
    if isinstance(arg, bytes):
        return f" {safe(readable(arg), _VALUE_LETTERS)}"
    return "" if arg is None else f" {arg:+d}"


def _write(write: RecentWrite, now: float) -> str:
    return f"seq {write.seq} {write.op.name.lower()}, accepted {_age(write.accepted_at, now)}"


def _held(held: Held, absent: str = "absent") -> str:
    if not held.known:
        return f"unknown: {safe(held.obstacle, _VALUE_LETTERS)}"
    if held.value is None:
        return absent
    more = f" ({held.size:,} bytes)" if held.size > _VALUE_LETTERS else ""
    return f"{safe(readable(held.value), _VALUE_LETTERS)}{more}"


def _age(at: float, now: float) -> str:
    return f"{span(max(0.0, now - at))} ago"
