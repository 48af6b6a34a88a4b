"""Explains what a read of a key would return, in a data directory that is not in use."""

from __future__ import annotations

from pathlib import Path

from cachedesk.admin.dead_letters import letter_as_json
from cachedesk.admin.inspection import opened
from cachedesk.console.output import json_text
from cachedesk.core.codecs import readable
from cachedesk.core.errors import CacheError
from cachedesk.core.key_report import Held, KeyReport, Step
from cachedesk.core.policy import PolicyTable
from cachedesk.core.settings import Settings
from cachedesk.observe.inspector import KeyInspector


class _NoCache:
    """The cache of a directory that is not open: Redis runs only while a stack is open."""

    def get(self, key: bytes) -> bytes | None:
        raise CacheError("it is not running; it starts when the directory is opened")

    def expires_in(self, key: bytes) -> float | None:
        raise CacheError("it is not running")


def explain(data: Path, settings: Settings, key: bytes) -> KeyReport:
    """Return the contents of the row and the log for ``key``, and what a read would return.

    Args:
        data: a data directory that is not in use.
        settings: of the stack; its policies determine the path of a write to the key.
        key: the key.

    Raises:
        DataDirectoryError: it is not a data directory, is in use, or is damaged.
    """
    with opened(data) as state:
        inspector = KeyInspector(
            cache=_NoCache(),
            pending=state.backlog.pending,
            database=state.database,
            in_flight_through=lambda: 0,
            recent=None,
            policies=PolicyTable(settings.policies),
        )
        return inspector.inspect(key)


def report_as_json(report: KeyReport) -> dict[str, object]:
    """Return the JSON of ``report`` that ``explain --json`` prints."""
    return {
        "key": json_text(report.key),
        "value": _value(report.truth),
        "expires_at": report.expires_at,
        "source": str(report.source),
        "reason": report.reason,
        "pending": report.pending,
        "seq": report.steps[-1].seq if report.pending else report.row_seq,
        "policy": report.policy,
        "pattern": report.pattern,
        "row": {
            **_held(report.row),
            "seq": report.row_seq,
            "expires_at": report.row_expires_at,
        },
        "events": [_event(step) for step in report.steps],
        "events_before": report.skipped,
        "dead": [letter_as_json(letter) for letter in report.letters],
    }


def _event(step: Step) -> dict[str, object]:
    return {
        "seq": step.seq,
        "op": step.op.name.lower(),
        "arg": json_text(readable(step.arg)) if isinstance(step.arg, bytes) else step.arg,
        "at": step.at,
        "expires_at": step.expires_at,
        "value_after": _value(step.after),
        "in_row": step.in_row,
        "refused": step.refused,
    }


def _held(held: Held) -> dict[str, object]:
    return {"value": _value(held), "bytes": held.size, "error": held.obstacle}


def _value(held: Held) -> object:
    return None if held.value is None else json_text(readable(held.value))
