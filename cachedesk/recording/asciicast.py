"""Asciicast: the form of a terminal session that asciinema and its players play, version 2.

One JSON value a line: a header, then events of time, kind and data. It is described at
docs.asciinema.org/manual/asciicast/v2.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

VERSION = 2


@dataclass(frozen=True, slots=True)
class Output:
    """What a terminal was sent, at this second of the session."""

    at_seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A named place in the session, which players show on their slider."""

    at_seconds: float
    name: str


@dataclass(frozen=True, slots=True)
class Session:
    """A terminal session. ``timestamp``: when what it shows began, in seconds since 1970."""

    width: int
    height: int
    timestamp: int
    title: str
    events: tuple[Output | Marker, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.events[-1].at_seconds if self.events else 0.0


def asciicast(session: Session) -> bytes:
    """Return the content of a ``.cast`` file."""
    header = {
        "version": VERSION,
        "width": session.width,
        "height": session.height,
        "timestamp": session.timestamp,
        "duration": round(session.seconds, 6),
        "title": session.title,
        "env": {"TERM": "xterm-256color"},
    }
    lines = [msgspec.json.encode(it) for it in (header, *map(_line, session.events))]
    return b"\n".join(lines) + b"\n"


def _line(event: Output | Marker) -> tuple[float, str, str]:
    kind, data = ("o", event.text) if isinstance(event, Output) else ("m", event.name)
    return round(event.at_seconds, 6), kind, data
