"""The content of a report, as one frozen value that knows no format.

A document has a finding, which comes first; sections of blocks; and its origin, which says how to
get it again. Its ``data`` are the same facts for a program; the JSON form is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cachedesk.reports.chart import Chart


class Tone(StrEnum):
    """How a finding is meant; the value is the name its style goes by."""

    KEPT = "kept"
    BROKEN = "broken"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict: in a word or two, and then in sentences."""

    tone: Tone
    word: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The books: accepted = applied + pending + dead; and what must not be, lost and duplicated.
    ``known`` is False when no ledger judged what became of them."""

    accepted: int
    applied: int
    pending: int
    dead: int
    lost: int
    duplicated: int
    known: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. The first column names the row; those in ``words`` hold text, the others
    figures. ``alarming``: the rows that tell of something broken."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[int] = frozenset({0})
    alarming: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of lines, ``numbered`` or not."""

    lines: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Text for a shell or a file, as it is."""

    text: str


Block = Prose | Balance | Table | Listing | Code | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a report comes from. ``made_at``: wall-clock seconds since 1970. ``command``: to do it
    again. ``versions``: of all software involved. ``seed``: the random seed."""

    made_at: float
    command: str
    versions: Mapping[str, str]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that a report says. ``kind``: what it is of: ``run``, ``torture`` …"""

    kind: str
    title: str
    finding: Finding
    sections: tuple[Section, ...]
    origin: Origin
    data: Mapping[str, object] = field(default_factory=dict)
