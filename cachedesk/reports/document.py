"""The content of a report, as one frozen value, independent of the output format.

A document has a finding, which comes first; sections of blocks; and its origin, which says how to
reproduce it. Its ``data`` are the same facts for a program; the JSON output consists of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cachedesk.reports.chart import Chart


class Tone(StrEnum):
    """The tone of a finding; the value is the name of its style."""

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
    """The event balance: accepted = applied + pending + dead; and the violations, lost and
    duplicated. ``known`` is False if no ledger judged the events."""

    accepted: int
    applied: int
    pending: int
    dead: int
    lost: int
    duplicated: int
    known: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. The first column names the row; the columns in ``words`` hold text, the
    others figures. ``alarming``: the rows that show a violation."""

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
    """Verbatim text for a shell or a file."""

    text: str


Block = Prose | Balance | Table | Listing | Code | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a report. ``made_at``: wall-clock seconds since 1970. ``command``: the command
    that reproduces it. ``versions``: of all software involved. ``seed``: the random seed."""

    made_at: float
    command: str
    versions: Mapping[str, str]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """The whole content of a report. ``kind``: ``run``, ``torture`` …"""

    kind: str
    title: str
    finding: Finding
    sections: tuple[Section, ...]
    origin: Origin
    data: Mapping[str, object] = field(default_factory=dict)
