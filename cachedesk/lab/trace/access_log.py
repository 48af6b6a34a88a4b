"""A web server's log, common or combined (Apache, nginx), as an application would count it.

Each request for a path adds one to ``views:<path>`` and its bytes to ``analytics:bytes:<path>``,
which are write-behind unless configured otherwise. The query is dropped, because each search would
be a separate key. A request without a path (``CONNECT``, ``OPTIONS *``, a TLS handshake sent to a
plain port) is counted and left out. (https://httpd.apache.org/docs/current/logs.html#accesslog)
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cachedesk.lab.trace.record import NOTHING, Malformed, TraceRecord, add, record

LINE = re.compile(
    rb'\S+ \S+ .*?\[(?P<time>[^\]]{20,30})\] "(?P<request>[^"\\]*+(?:\\.[^"\\]*+)*+)"'
    rb" \d{3} (?P<size>\d+|-)"
)

_REQUEST = re.compile(rb"\s*([A-Za-z]{1,20})\s+(\S+)")
_PATH = re.compile(rb"/|[A-Za-z][A-Za-z0-9+.-]{0,30}://")
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def matches(line: bytes) -> bool:
    """Return whether ``line`` is a line of an access log."""
    match = LINE.match(line)
    return match is not None and _TIME.fullmatch(match["time"].decode(errors="replace")) is not None


def parse(line: bytes) -> TraceRecord:
    """Return the record of one line."""
    if not line.strip():
        return NOTHING
    match = LINE.match(line)
    if match is None:
        raise Malformed('not a line of an access log: host, user, [time], "request", status, bytes')
    at = _seconds(match["time"].decode(errors="replace"))
    request = _REQUEST.match(match["request"])
    if request is None:
        return TraceRecord((), at, "(a request without a path)")
    method, target = request.groups()
    if not _PATH.match(target):
        name = method.upper().decode()
        return TraceRecord((), at, f"{name} *" if target == b"*" else name)
    path = target.partition(b"?")[0].partition(b"#")[0]
    hit = add(b"views:" + path, 1)
    if match["size"] in (b"-", b"0"):
        return record(at, hit)
    return record(at, hit, add(b"analytics:bytes:" + path, int(match["size"][:18])))


@lru_cache(maxsize=64)
def _seconds(text: str) -> float:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise Malformed(f"cannot read the time [{text}]; write [10/Oct/2000:13:55:36 -0700]")
    day, month, year, hour, minute, second = (
        int(match[1]), _MONTHS.index(match[2]) + 1, *map(int, match.group(3, 4, 5, 6)),
    )  # fmt: skip
    try:
        there = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        raise Malformed(f"invalid time [{text}]") from None
    away = timedelta(hours=int(match[8]), minutes=int(match[9]))
    return (there - away if match[7] == "+" else there + away).timestamp()
