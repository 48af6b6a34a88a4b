"""A scene: what a screen says of one snapshot, as plain text that is safe to show.

The words are those of the desk. The desk is above the reports, so it hands in the function that
makes a scene; see ``cachedesk.desk.views.film_scene``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cachedesk.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the stack: its name, its state (``mark``, ``tone``, ``word``), the figure that
    matters most with its share of its limit (``None``: no limit), and more figures."""

    name: str
    mark: str
    tone: str
    word: str
    lead: str = ""
    fill: float | None = None
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrow:
    """One path between two parts: its label with a rate, and its state: ``idle``, ``well``,
    ``lit``, ``blocked`` or ``held``."""

    name: str
    label: str
    state: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place of writes: its name, the glyph that stands for it, and how many are there."""

    name: str
    glyph: str
    count: int


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One of the most used keys: its values in each place, and its state in words."""

    key: str
    policy: str
    redis: str
    pending: str
    sqlite: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a film shows of one snapshot, apart from charts and events.

    ``books`` are accepted, applied, pending and dead; ``verdict`` says whether they balance.
    ``places`` counts the newest writes by where they are now, and ``at_stake`` says what a crash at
    this moment would lose.
    ``parts``, ``arrows`` and ``places`` are in the same order in every scene of a film.
    """

    sentence: str
    tone: str
    books: tuple[int, int, int, int]
    verdict: str
    balanced: bool
    places: tuple[Place, ...]
    at_stake: str
    reads: str
    writes: str
    parts: tuple[Part, ...]
    arrows: tuple[Arrow, ...]
    keys: tuple[KeyLine, ...]


Describe: TypeAlias = Callable[[Snapshot, Snapshot | None], Scene]
"""Makes the scene of a snapshot; the second argument is the snapshot before, if there is one."""
