"""The report: what a program reads, and what a person reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from cachedesk.console.output import json_text
from cachedesk.core.snapshot import Percentiles
from cachedesk.lab.judge.verdict import Difference, StaleRead, Verdict
from cachedesk.lab.load.tally import Tally
from cachedesk.lab.run.run_report import RunReport
from cachedesk.lab.run.schedule import InjectedFault
from cachedesk.lab.trace.reading import TraceCounts

SOUND = Verdict(6, 6, 0, 0, (), (), (), (), (), 0, (), ())
REPORT = RunReport(
    title="workload article, seed 1",
    tally=Tally(gets=10, sets=1, incrs=4, deletes=1, skipped=2, hits=7, overlay=1, database=1,
                unavailable_reads=1, depth_max=3),
    verdict=SOUND,
    lag=Percentiles(4, 0.1, 0.2, 0.3),
    seconds=2.0,
    drain_seconds=0.1,
    faults=[InjectedFault("redis.kill", "1s", True, 1.0, 9, "Redis was killed")],
)  # fmt: skip


def test_the_json_object_has_the_fields_that_stay() -> None:
    found = msgspec.json.decode(msgspec.json.encode(REPORT.as_json()))
    assert found["ops"] == {"get": 10, "set": 1, "incr": 4, "delete": 1, "expire": 0, "skipped": 2}
    assert found["reads"] == {
        "hits": 7, "misses": 3, "overlay": 1, "stale": 0, "unavailable": 1, "dirty": 0,
    }  # fmt: skip
    promised = {"accepted": 6, "applied": 6, "pending": 0, "dead": 0, "lost": 0, "duplicated": 0}
    assert found["ledger"].items() >= promised.items()
    assert found["log"] == {"depth_max": 3}
    assert found["lag_seconds"] == {"p50": 0.1, "p99": 0.2, "max": 0.3}
    assert found["seconds"] == 2.0
    assert found["sound"] is found["complete"] is True


def test_a_sound_run_says_so_last() -> None:
    lines = list(REPORT.lines())
    assert lines[0] == "workload article, seed 1: 18 operations in 2.0 s, 9 a second"
    assert "6 accepted = 6 applied + 0 pending + 0 dead + 0 lost" in lines[2]
    assert any("redis.kill@1s at 1.0 s: Redis was killed" in line for line in lines)
    assert lines[-1].startswith("Sound: every one of the 6 acknowledged writes was kept")


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (replace(SOUND, applied=4, lost=(3, 5)), "2 acknowledged writes are LOST: ids 3, 5"),
        (replace(SOUND, duplicated=(4,)), "applied TWICE: ids 4"),
        (replace(SOUND, phantoms=(9,)), "APPLIED all the same: ids 9"),
        (replace(SOUND, wrong=(Difference(b"k", b"2", b"1"),)), "k is '1', not '2'"),
        (replace(SOUND, wrong=(Difference(b"k", b"2", None),)), "k is absent, not '2'"),
        (replace(SOUND, unfounded=(Difference(b"k", b"2", b"1"),)), "receipts or refusals"),
        (
            replace(SOUND, stale_reads=1, stale=(StaleRead(b"\xff", b"2", b"1", 3, 0.25),)),
            "1 reads were STALE: \\xff is '1', not '2'; at worst 3 versions and 0.250 s behind",
        ),
        (
            replace(SOUND, lost=tuple(range(100))),
            "LOST: ids 0, 1, 2, 3, 4 and 95 more",
        ),
    ],
)
def test_a_broken_promise_is_named(verdict: Verdict, says: str) -> None:
    broken = replace(REPORT, verdict=verdict)
    assert says in list(broken.lines())[-1]
    assert broken.as_json()["sound"] is False


def test_what_was_not_done_is_said() -> None:
    report = replace(
        REPORT,
        verdict=replace(SOUND, applied=5, pending=1, uncertain=(b"k",)),
        drain_seconds=None,
        trouble="stopped by Ctrl-C",
    )
    text = "\n".join(report.lines())
    assert "Ended early: stopped by Ctrl-C." in text
    assert "Not drained: 1 events are pending" in text
    assert "Not judged: k;" in text
    assert not report.complete


@pytest.mark.parametrize(
    ("trace", "says"),
    [
        (TraceCounts("jsonl", bad=6), "Left out: 6 malformed lines."),
        (TraceCounts("jsonl", bad=1), "Left out: 1 malformed line."),
        (TraceCounts("jsonl", unfinished=(2, "cut")), "Left out: line 2, the last, is unfinished."),
        (
            TraceCounts("redis-monitor", skipped=Counter(SETNX=1), differing=Counter(SETNX=1)),
            "Left out, so the end state differs from the source's: SETNX 1.",
        ),
    ],
)
def test_what_was_not_replayed_is_no_part_of_the_verdict(trace: TraceCounts, says: str) -> None:
    partial = replace(REPORT, trace=trace)
    *_, left_out, _, judged = partial.lines()
    assert left_out == says
    assert judged.startswith("Sound, for what was replayed: every one of the 6")
    assert partial.as_json()["left_out"] == [says]
    assert partial.exit_code == 0
    whole = replace(REPORT, trace=TraceCounts("redis-monitor", skipped=Counter(PING=3)))
    assert [*whole.lines()][-1].startswith("Sound: every one of the 6")


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (replace(SOUND, applied=5, dead=1), "was kept: 5 applied once, 1 as a dead letter, and"),
        (replace(SOUND, applied=4, dead=2), "was kept: 4 applied once, 2 as dead letters, and no"),
        (replace(SOUND, accepted=0, applied=0), "Sound: there was no write to keep, and no read"),
    ],
)
def test_no_more_is_claimed_than_the_books_say(verdict: Verdict, says: str) -> None:
    assert says in [*replace(REPORT, verdict=verdict).lines()][-1]


def test_a_fault_that_was_healed_before_its_time_is_not_all_that_was_asked() -> None:
    fault = InjectedFault("database.lock", "1s+9s", True, 1.0, 9, "it is locked (for 9 s)", 9.0)
    assert replace(REPORT, faults=[fault]).sound
    short = replace(REPORT, faults=[replace(fault, lasted_seconds=2.5)])
    assert (short.sound, short.exit_code, short.as_json()["complete"]) == (False, 1, False)
    text = "\n".join(short.lines())
    assert "at 1.0 s: it is locked (for 9 s); it was healed after 2.5 s" in text
    assert "Incomplete: database.lock@1s+9s lasted 2.5 s of 9 s" in text
    assert "\nThe run is incomplete. Of what was done, every one" in text


def test_refused_writes_are_a_word_of_the_verdict() -> None:
    *_, refused, judged = REPORT.lines()
    assert refused.startswith("Refused: 2 writes were not acknowledged and changed nothing: ")
    assert judged.startswith("Sound: ")
    none = replace(REPORT, tally=replace(REPORT.tally, skipped=0))
    assert "Refused" not in "\n".join(none.lines())


def test_bytes_are_text_where_they_can_be() -> None:
    assert json_text("é".encode()) == "é"
    assert json_text(b"\xff") == {"base64": "/w=="}
