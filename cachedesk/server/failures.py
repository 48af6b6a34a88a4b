"""How errors of the stack are told to a client of the Redis protocol."""

from __future__ import annotations

from cachedesk.core.errors import (
    CachedeskError,
    CounterOverflow,
    InvalidKey,
    InvalidValue,
    NotACounter,
    OutcomeUnknown,
    WriteRefused,
)
from cachedesk.server.arguments import NOT_AN_INTEGER
from cachedesk.server.plan import CommandError
from cachedesk.server.replies import ErrorReply

_TEXTS = {
    NotACounter: NOT_AN_INTEGER,
    CounterOverflow: "ERR increment or decrement would overflow",
}
_PREFIXES = {
    InvalidKey: "ERR invalid key: ",
    InvalidValue: "ERR invalid value: ",
    OutcomeUnknown: "ERR outcome unknown: ",
    WriteRefused: "ERR refused: ",
}
_MOST_CHARACTERS = 500


def told(error: CachedeskError | CommandError) -> ErrorReply:
    """Return the reply for ``error``: an error of the stack, or a refused command."""
    if isinstance(error, CommandError):
        return ErrorReply(str(error))
    text = _TEXTS.get(type(error))
    if text is None:
        # Whatever else the stack raises: a part is down, the log is full, it is closing.
        text = _PREFIXES.get(type(error), "ERR unavailable: ") + str(error)
    return ErrorReply(text[:_MOST_CHARACTERS])
