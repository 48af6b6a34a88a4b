"""The report of a run: a frozen value that can be printed as text or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from cachedesk.console.output import json_text
from cachedesk.core.printable import safe
from cachedesk.core.safeguards import LABELS
from cachedesk.core.snapshot import Percentiles
from cachedesk.core.wording import percent
from cachedesk.lab.judge.verdict import Difference, StaleRead, Verdict, kept_words, refused_words
from cachedesk.lab.load.tally import Tally
from cachedesk.lab.run.evidence import Evidence
from cachedesk.lab.run.schedule import InjectedFault
from cachedesk.lab.trace.reading import TraceCounts
from cachedesk.lab.trace.summary import missing, read_lines
from cachedesk.recording.recorder import Recorded

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RunReport:
    """The results of a run.

    A run is sound if every promise was kept and the run is complete: the input was read to its
    end, every fault had an effect, and everything was flushed.

    ``seconds``: the duration of the load; ``drain_seconds``: of the drain after it, ``None`` if it
    did not finish. ``trouble``: why the run ended before its load, empty if it did not;
    ``unread``: why the trace could not be read to its end. ``gone``: the file of the data directory
    that was removed meanwhile. ``trace``: what was read of a trace; ``pauses``: the number of its
    pauses that were cut short. ``safeguards_off``: those that were off at the end. ``recorded``:
    the recording that was made. ``evidence``: further observations of the stack.
    """

    title: str
    tally: Tally
    verdict: Verdict
    lag: Percentiles
    seconds: float
    drain_seconds: float | None
    faults: Sequence[InjectedFault] = ()
    trouble: str = ""
    unread: str = ""
    gone: str = ""
    pauses: int = 0
    recorded: Recorded | None = None
    trace: TraceCounts | None = None
    safeguards_off: tuple[str, ...] = ()
    evidence: Evidence | None = None

    @property
    def complete(self) -> bool:
        """Whether the load ran to its end and everything was flushed."""
        return self.drain_seconds is not None and not self.trouble

    @property
    def missing(self) -> tuple[str, ...]:
        """What was requested but not done, in sentences without a full stop."""
        gone = (self.gone,) if self.gone else ()
        return (*gone, *_missing_input(self), *_missing_faults(self.faults))

    @property
    def sound(self) -> bool:
        """Whether every promise was kept and the run is complete."""
        return self.verdict.sound and self.complete and not self.missing

    @property
    def exit_code(self) -> int:
        """0 if it is sound, 2 if every promise was kept but the input is bad, 1 otherwise."""
        if self.sound:
            return 0
        return 2 if self.verdict.sound and tuple(_missing_input(self)) else 1

    def as_json(self) -> dict[str, object]:
        """Return the JSON object that ``run --json`` prints."""
        tally, verdict = self.tally, self.verdict
        seen = {} if self.evidence is None else self.evidence.as_json()
        return {
            "run": self.title,
            "sound": self.sound if verdict.judged else None,
            "kept": verdict.sound if verdict.judged else None,
            "complete": self.complete and not self.missing,
            "incomplete": list(self.missing),
            "left_out": list(missing(self.trace)),
            "trouble": self.trouble or None,
            "ops": {
                "get": tally.gets,
                "set": tally.sets,
                "incr": tally.incrs,
                "delete": tally.deletes,
                "expire": tally.expiries,
                "skipped": tally.skipped,
            },
            "reads": {
                "hits": tally.hits,
                "misses": tally.misses,
                "overlay": tally.overlay,
                "stale": tally.stale,
                "unavailable": tally.unavailable_reads,
                "dirty": verdict.dirty_reads,
            },
            "writes": {
                "unavailable": tally.unavailable_writes,
                "unknown": tally.unknown_writes,
                "retries": tally.retries,
                "shed": tally.shed,
            },
            "ledger": _ledger(verdict),
            "ids": {
                "lost": list(verdict.lost),
                "duplicated": list(verdict.duplicated),
                "phantoms": list(verdict.phantoms),
            },
            "judged": verdict.judged,
            "safeguards_off": list(self.safeguards_off),
            "differences": {
                "wrong": _as_json(verdict.wrong),
                "unfounded": _as_json(verdict.unfounded),
                "stale": [
                    {**shown, "versions": read.versions, "seconds": read.seconds}
                    for shown, read in zip(_as_json(verdict.stale), verdict.stale, strict=True)
                ],
            },
            "log": {"depth_max": tally.depth_max},
            "lag_seconds": {"p50": self.lag.p50, "p99": self.lag.p99, "max": self.lag.max},
            "faults": [asdict(fault) for fault in self.faults],
            "recording": None if self.recorded is None else asdict(self.recorded),
            "trace": None
            if self.trace is None
            else {**self.trace.as_json(), "pauses_cut": self.pauses},
            "seconds": round(self.seconds, 3),
            "drain_seconds": None if self.drain_seconds is None else round(self.drain_seconds, 3),
            "ops_per_second": round(tally.done / self.seconds) if self.seconds else 0,
            **seen,
        }

    def lines(self) -> Iterator[str]:
        """Yield the report as text, the verdict last."""
        tally, verdict = self.tally, self.verdict
        rate = tally.done / self.seconds if self.seconds else 0
        yield (
            f"{self.title}: {tally.done:,} operations in {self.seconds:.1f} s, {rate:,.0f} a second"
        )
        found = tally.hits + tally.overlay + tally.database
        hit_percent = f"{percent(tally.hits, found)} hits" if found else "no hits"
        yield (
            f"  reads   {tally.gets:,}: {hit_percent}, {tally.overlay:,} from the overlay,"
            f" {tally.stale:,} stale, {tally.unavailable_reads:,} unavailable"
        )
        outcomes = (
            f" = {verdict.applied:,} applied + {verdict.pending:,} pending + {verdict.dead:,} dead"
            f" + {len(verdict.lost):,} lost"
        )
        yield f"  writes  {verdict.accepted:,} accepted{outcomes if verdict.judged else ''}"
        if tally.skipped or tally.unavailable_writes or tally.unknown_writes:
            yield (
                f"          {tally.skipped:,} refused, {tally.unavailable_writes:,} unavailable,"
                f" {tally.unknown_writes:,} with an unknown outcome: none of them was acknowledged"
            )
        yield (
            f"  log     lag p50 {self.lag.p50:.3f} s, p99 {self.lag.p99:.3f} s,"
            f" max {self.lag.max:.3f} s; at most {tally.depth_max:,} events waited"
        )
        if self.safeguards_off:
            off = ", ".join(LABELS.get(name, name) for name in self.safeguards_off)
            yield f"  without {off}: switched off"
        for fault in self.faults:
            at = f"at {fault.seconds:.1f} s" if fault.seconds is not None else "never"
            lasted = fault.lasted_seconds
            healed = f"; it was healed after {lasted:.1f} s" if lasted is not None else ""
            yield f"  fault   {fault.name}@{fault.when} {at}: {fault.said}{healed}"
        if self.trace is not None:
            yield from read_lines(self.trace, self.pauses)
        if self.recorded is not None:
            yield f"  record  {self.recorded}"
        yield from self.judgement()

    def _kept(self) -> str:
        """Return the verdict if every promise was kept."""
        kept = f"{kept_words([self.verdict])}, and no read was stale."
        if self.missing:
            return f"The run is incomplete. Of what was done, {kept}"
        if not self.complete:
            return f"Sound, as far as it went: {kept}"
        if any(missing(self.trace)):
            return f"Sound, for what was replayed: {kept}"
        return f"Sound: {kept}"

    def judgement(self) -> Iterator[str]:
        """Yield the verdict in sentences."""
        verdict = self.verdict
        if self.trouble:
            yield f"Ended early: {self.trouble}."
        for what in self.missing:
            yield f"Incomplete: {what}."
        if self.drain_seconds is None and not self.gone:
            yield f"Not drained: {verdict.pending:,} events are pending; they are safe in the log."
        if verdict.uncertain:
            yield (
                f"Not judged: {_some(verdict.uncertain)}; the outcome of the last write of"
                " each is unknown."
            )
        if not verdict.judged:
            why = "its files cannot be read" if self.gone else "there was no ledger"
            yield f"Not judged: {why}."
            return
        yield from missing(self.trace)
        yield from refused_words(self.tally.skipped)
        if verdict.sound:
            yield self._kept()
            return
        for count, what in (
            (verdict.lost, "acknowledged writes are LOST: ids"),
            (verdict.duplicated, "writes were applied TWICE: ids"),
            (verdict.phantoms, "writes that failed were APPLIED all the same: ids"),
        ):
            if count:
                yield f"Broken: {len(count):,} {what} {_some(count)}."
        for differences, what in (
            (verdict.wrong, "keys are WRONG in the database"),
            (verdict.unfounded, "receipts or refusals do NOT follow from the key's value"),
        ):
            if differences:
                yield f"Broken: {len(differences):,} {what}: {_examples(differences)}."
        if verdict.stale_reads:
            examples = f"{_examples(verdict.stale)}{_how_stale(verdict.stale)}"
            yield f"Broken: {verdict.stale_reads:,} reads were STALE: {examples}."
        if verdict.dirty_reads:
            yield f"Broken: {verdict.dirty_reads:,} reads rested on a write that was LOST later."


def _missing_input(report: RunReport) -> Iterator[str]:
    if report.unread:
        yield f"the trace could not be read to its end: {report.unread}"
    trace = report.trace
    if trace is None:
        return
    if trace.cut:
        yield f"{trace.cut}, after line {trace.lines:,}"
    if not report.tally.done and not report.unread and not report.trouble:
        yield "the trace contains no operations"


def _missing_faults(faults: Iterable[InjectedFault]) -> Iterator[str]:
    for fault in faults:
        if not fault.injected:
            yield f"{fault.name}@{fault.when} did not strike: {fault.said}"
        elif fault.lasted_seconds is not None:
            yield (
                f"{fault.name}@{fault.when} lasted {fault.lasted_seconds:.1f} s of"
                f" {fault.lasting_seconds:g} s: it was healed for the drain, or because writes were"
                " stuck"
            )


def _ledger(verdict: Verdict) -> dict[str, int | None]:
    if not verdict.judged:
        # Zero would mean that it was counted.
        unknown = ("applied", "pending", "dead", "lost", "duplicated", "phantoms", "wrong")
        return {"accepted": verdict.accepted, **dict.fromkeys(unknown)}
    return {
        "accepted": verdict.accepted,
        "applied": verdict.applied,
        "pending": verdict.pending,
        "dead": verdict.dead,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "phantoms": len(verdict.phantoms),
        "wrong": len(verdict.wrong),
        "unfounded": len(verdict.unfounded),
        "uncertain": len(verdict.uncertain),
    }


def _how_stale(stale: Sequence[StaleRead]) -> str:
    versions = max((read.versions or 0 for read in stale), default=0)
    seconds = max((read.seconds or 0.0 for read in stale), default=0.0)
    behind = "1 version" if versions == 1 else f"{versions:,} versions"
    return f"; at worst {behind} and {seconds:.3f} s behind" if versions else ""


def _as_json(differences: Iterable[Difference]) -> list[dict[str, object]]:
    return [
        {
            "key": json_text(difference.key),
            "expected": None if difference.expected is None else json_text(difference.expected),
            "found": None if difference.found is None else json_text(difference.found),
        }
        for difference in differences
    ]


def _some(things: Sequence[int] | Sequence[bytes]) -> str:
    shown = ", ".join(
        safe(thing) if isinstance(thing, bytes) else str(thing) for thing in things[:_MOST_SHOWN]
    )
    more = len(things) - _MOST_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _examples(differences: Sequence[Difference]) -> str:
    shown = "; ".join(
        f"{safe(each.key)} is {_brief(each.found)}, not {_brief(each.expected)}"
        for each in differences[:_MOST_SHOWN]
    )
    more = len(differences) - _MOST_SHOWN
    return f"{shown}; and {more:,} more" if more > 0 else shown


def _brief(value: bytes | None) -> str:
    return "absent" if value is None else f"'{safe(value, 40)}'"
