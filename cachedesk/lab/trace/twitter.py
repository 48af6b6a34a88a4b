"""Twitter's cache traces: ``timestamp,key,key size,value size,client,operation,TTL``, no header.

The keys are anonymized, and only the sizes of values are recorded: values are generated.
(Yang, Yue and Rashmi, "A large scale analysis of hundreds of in-memory cache clusters at Twitter",
OSDI 2020; https://github.com/twitter/cache-trace.) The TTL of a set is applied in the time of the
trace; an increment keeps that of its key.
"""

from __future__ import annotations

import math
import re

from cachedesk.core.events import MAX_VALUE_BYTES
from cachedesk.lab.trace.record import (
    NOTHING,
    Malformed,
    TraceRecord,
    add,
    delete,
    get,
    made_up,
    put,
    record,
    shown,
)

READS = (b"get", b"gets")
STORES = (b"set", b"add", b"replace", b"cas")
OTHERS = (b"append", b"prepend", b"delete", b"incr", b"decr")
OPERATIONS = (*READS, *STORES, *OTHERS)

LINE = re.compile(rb"\d+(?:\.\d+)?,.+,\d+,\d+,[^,\n]*,(?:%s),\d+\s*$" % b"|".join(OPERATIONS))
"""The pattern of a valid line."""

_FIELDS = 7
_CUT = f"values over {MAX_VALUE_BYTES:,} bytes, cut to that"


def parse(line: bytes) -> TraceRecord:
    """Return the record of one line."""
    line = line.strip()
    if not line:
        return NOTHING
    # Only a key may contain a comma.
    time, *rest = line.split(b",", 1)
    fields = [time, *(part for each in rest for part in each.rsplit(b",", _FIELDS - 2))]
    if len(fields) < _FIELDS:
        raise Malformed(
            f"{len(fields)} fields instead of 7: timestamp, key, key size, value size, client,"
            " operation, TTL"
        )
    key = fields[1]
    try:
        at, size, ttl = float(time), int(fields[-4]), int(fields[-1].strip() or 0)
    except ValueError:
        raise Malformed("the timestamp, the value size or the TTL is not a number") from None
    if not math.isfinite(at):
        raise Malformed("the timestamp is not a finite number")
    operation = fields[-2]
    if operation in READS:
        return record(at, get(key))
    if operation in STORES:
        stored = put(key, made_up(key, max(0, size)), float(ttl) if ttl > 0 else None)
        made = record(at, stored, expiry=operation.decode() if ttl > 0 else "")
        return made._replace(changed=_CUT) if size > MAX_VALUE_BYTES else made
    if operation == b"delete":
        return record(at, delete(key))
    if operation in (b"incr", b"decr"):
        return record(at, add(key, 1 if operation == b"incr" else -1))
    if operation in OPERATIONS:
        return TraceRecord((), at, operation.decode(), differs=True)
    raise Malformed(f"there is no operation {shown(operation)}")
