"""Fixed reports of one key: what the inspector's tests and pictures show."""

from __future__ import annotations

from dataclasses import replace

from cachedesk.core.dead_letter import DeadLetter
from cachedesk.core.events import Op
from cachedesk.core.key_report import AnswerSource, Held, KeyReport, RecentWrite, Step
from cachedesk.core.snapshot import HotKey

from .scenes import NOW

KEY = b"views:article:1"


def held(value):
    """Return a place that holds these bytes, or says that the key is absent."""
    return Held() if value is None else Held(value[:4096], len(value))


def unknown(why):
    return Held(obstacle=why)


def past(seq, accepted, lag, cached=0.0002):
    """Return a write that was accepted so many seconds ago and applied ``lag`` seconds later."""
    at = NOW - accepted
    return RecentWrite(seq, Op.INCR, at, at + cached, at + lag)


def waiting(seq, accepted, op=Op.INCR, cached=True):
    at = NOW - accepted
    return RecentWrite(seq, op, at, at + 0.0002 if cached else None, waiting=True)


def added(seq, age, amount, value, **more):
    return Step(seq, Op.INCR, amount, NOW - age, held(value), **more)


WRITES = (
    past(897, 4.61, 0.44),
    past(899, 4.32, 0.15),
    past(902, 3.85, 0.52),
    past(903, 3.84, 0.51),
    past(906, 3.40, 0.06),
    past(909, 2.71, 0.41),
    past(911, 1.63, 0.78),
    past(912, 1.18, 0.33),
    waiting(918, 0.62),
    waiting(921, 0.21),
)

PENDING = KeyReport(
    KEY,
    NOW,
    "write-behind",
    "views:*",
    cached=held(b"10483"),
    row=held(b"10480"),
    row_seq=912,
    pending=2,
    oldest_at=NOW - 0.62,
    base=held(b"10480"),
    steps=(added(918, 0.62, 1, b"10481", in_flight=True), added(921, 0.21, 2, b"10483")),
    truth=held(b"10483"),
    source=AnswerSource.REDIS,
    agrees=True,
    writes=WRITES,
)

FRESH = replace(
    PENDING, pending=0, oldest_at=None, steps=(), row=held(b"10483"), row_seq=921,
    writes=(*WRITES[:-2], past(918, 0.62, 0.3), past(921, 0.41, 0.09)),
)  # fmt: skip

EVICTED = replace(PENDING, cached=held(None), agrees=None, source=AnswerSource.OVERLAY)

REDIS_AWAY = replace(
    EVICTED,
    cached=unknown("cannot connect to Redis: [Errno 111] Connection refused"),
    writes=(*WRITES[:-2], waiting(918, 0.62), waiting(921, 0.21, cached=False)),
)

NOTHING_ANSWERS = replace(
    REDIS_AWAY,
    row=unknown("the database cannot be read: unable to open database file"),
    row_seq=0,
    base=unknown("the database cannot be read: unable to open database file"),
    steps=tuple(replace(step, after=unknown("SQLite")) for step in PENDING.steps),
    truth=unknown("the database cannot be read: unable to open database file"),
    source=AnswerSource.NONE,
)

STALE = replace(
    PENDING, cached=held(b"10400"), agrees=False, policy="write-through", pattern="",
)  # fmt: skip

ABSENT = KeyReport(b"session:gone", NOW, "write-behind", "session:*")

DEAD = replace(
    PENDING,
    pending=3,
    oldest_at=NOW - 41.0,
    steps=(
        Step(918, Op.SET, b"not a number", NOW - 41.0, held(b"not a number")),
        added(921, 40.2, 2, b"not a number", refused="the value b'not a number' is not a 64-bit"
              " integer"),
        Step(925, Op.DELETE, None, NOW - 3.0, held(None)),
    ),
    truth=held(None),
    cached=held(None),
    agrees=None,
    source=AnswerSource.OVERLAY,
    letters=(
        DeadLetter(907, "incr", KEY, 5, "the trigger says_no refuses it: this key is frozen", 5,
                   NOW - 59.0),
    ),
    writes=(
        RecentWrite(907, Op.INCR, NOW - 59.0, NOW - 59.0, dead=True),
        past(912, 44.0, 0.3),
        waiting(918, 41.0, Op.SET),
        waiting(921, 40.2),
        waiting(925, 3.0, Op.DELETE),
    ),
)  # fmt: skip

MANY = replace(
    PENDING,
    pending=49_912,
    oldest_at=NOW - 300,
    skipped=49_812,
    base=held(b"60292"),
    steps=tuple(added(900_000 + n, 100 - n, 1, b"%d" % (60_293 + n)) for n in range(100)),
    truth=held(b"60392"),
    cached=held(b"60392"),
    writes=tuple(waiting(900_000 + n, (600 - n) * 0.05) for n in range(600)),
    writes_since=NOW - 30.0,
)

_ODD_ROW = "\u05d0\u05d1\u05d2 \u202e[/]".encode()
ODD = replace(
    PENDING,
    key=b"[red]k[/]" + "\u202eключ記事\u05d0\u05d1".encode() + b"\xff" * 1000,
    policy="write-through",
    pattern="",
    cached=held(b"[b]bold[/b]\x1b[31m" + "値".encode() * 3000),
    agrees=False,
    moving=True,
    row=held(_ODD_ROW),
    base=held(_ODD_ROW),
    pending=4,
    oldest_at=NOW - 9e6,
    steps=(
        Step(918, Op.SET, "記事閲覧数".encode() * 200, NOW - 9e6, held("記事閲覧数".encode() * 200),
             in_flight=True),
        Step(921, Op.DELETE, None, NOW - 41, held(None), in_flight=True),
        Step(2**60, Op.INCR, -(2**63), NOW - 9, held(b"-9223372036854775808")),
        # By a clock that was set back since.
        Step(2**60 + 1, Op.SET, b"10,483", NOW + 5, held(b"10,483")),
    ),
    truth=held(b"10,483"),
    writes=(
        past(912, 50.0, 0.3),
        waiting(921, 41.0, Op.DELETE),
        waiting(2**60, 9.0),
        waiting(2**60 + 1, -5.0, Op.SET),
    ),
    writes_since=NOW - 60.0,
)  # fmt: skip


def hot_key(report):
    """Return the row of the key table that agrees with this report."""
    parts = {"cached": report.cached, "row": report.row, "truth": report.truth}
    return HotKey(
        report.key,
        report.policy,
        9120,
        pending=report.pending,
        **{name: None if held.value is None else held.value[:256] for name, held in parts.items()},
        **{f"{name}_known": held.known for name, held in parts.items()},
    )


REPORTS = {
    "pending": PENDING, "fresh": FRESH, "evicted": EVICTED, "redis-away": REDIS_AWAY,
    "nothing-answers": NOTHING_ANSWERS, "stale": STALE, "absent": ABSENT, "dead": DEAD,
    "many": MANY, "odd": ODD,
}  # fmt: skip
