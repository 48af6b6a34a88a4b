"""Twitter's cache traces: ``timestamp,key,key size,value size,client,operation,TTL``, no header.

The keys are anonymized, and only the sizes of values are recorded: values are generated.
(Yang, Yue and Rashmi, "A large scale analysis of hundreds of in-memory cache clusters at Twitter",
OSDI 2020; https://github.com/twitter/cache-trace.) Nothing expires here: writes with a TTL are
counted.
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
        at, size = float(time), int(fields[-4])
    except ValueError:
        raise Malformed("the timestamp or the value size is not a number") from None
    if not math.isfinite(at):
        raise Malformed("the timestamp is not a finite number")
    operation = fields[-2]
    expiry = "" if fields[-1].strip() in (b"", b"0") else operation.decode(errors="replace")
    if operation in READS:
        return record(at, get(key))
    if operation in STORES:
        made = record(at, put(key, made_up(key, max(0, size))), expiry=expiry)
        return made._replace(changed=_CUT) if size > MAX_VALUE_BYTES else made
    if operation == b"delete":
        return record(at, delete(key))
    if operation in (b"incr", b"decr"):
        return record(at, add(key, 1 if operation == b"incr" else -1), expiry=expiry)
    if operation in OPERATIONS:
        return TraceRecord((), at, operation.decode(), differs=True)
    raise Malformed(f"there is no operation {shown(operation)}")
