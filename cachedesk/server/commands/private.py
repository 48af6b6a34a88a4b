"""The command of cachedesk's own client: writes as the library has them, and their receipts.

``CACHEDESK.WRITE`` has one argument: a list of operations, as for ``CacheLayer.write_many``, in
MessagePack. Its reply is a list with one receipt each: seq, level, value and whether it changed
anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cachedesk.core.errors import CounterOverflow, InvalidKey, InvalidValue
from cachedesk.core.writes import Receipt
from cachedesk.engine.writer import as_change
from cachedesk.server.failures import told
from cachedesk.server.plan import CommandError, Effect, Plan, View
from cachedesk.server.replies import Reply

WRITE = "CACHEDESK.WRITE"


def write(arguments: Sequence[bytes]) -> Plan:
    """``CACHEDESK.WRITE operations``: for cachedesk's own client."""
    operations = _operations(arguments[0])

    def decide(view: View) -> Effect:
        try:
            changes = [as_change(each, view.policy_of)[0] for each in operations]
        except (InvalidKey, InvalidValue, CounterOverflow) as error:
            raise CommandError(told(error).text) from None
        return Effect([], changes, _receipts)

    return Plan(decide, writes=[_key_of(each) for each in operations])


def _operations(payload: bytes) -> list[list[object]]:
    refusal = CommandError("ERR invalid value: the operations cannot be read")
    try:
        found = msgspec.msgpack.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise refusal from None
    if not isinstance(found, list):
        raise refusal
    for each in found:
        if not (isinstance(each, list) and len(each) > 1 and isinstance(each[1], (bytes, str))):
            raise refusal
    return found


def _key_of(operation: Sequence[object]) -> bytes:
    key = operation[1]
    return key if isinstance(key, bytes) else str(key).encode()


def _receipts(receipts: Sequence[Receipt]) -> Reply:
    return [[it.seq, it.level.value, it.value, int(it.changed)] for it in receipts]
