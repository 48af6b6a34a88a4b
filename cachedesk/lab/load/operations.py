"""Operations that a client does on the layer, as values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verb(StrEnum):
    """The kinds of operation; the names are those of the trace format and of the library."""

    GET = "get"
    SET = "set"
    INCR = "incr"
    DELETE = "delete"


class Operation(NamedTuple):
    """One operation. ``value``: bytes for a set, an int for an incr, else ``None``."""

    op: Verb
    key: bytes
    value: bytes | int | None = None
