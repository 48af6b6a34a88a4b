"""Collecting: a recording, read once from end to end, as the data of a film.

The size of a film is bounded however long its recording is: of a long one each n-th record is
shown, ticks are joined, and the newest events are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cachedesk.core.printable import printable
from cachedesk.core.snapshot import Event, EventKind, Mark, Snapshot, Tick
from cachedesk.lab.run.timeline import halved
from cachedesk.recording.recorder import shown
from cachedesk.recording.recording_file import RecordingFile
from cachedesk.reports.film.columns import counts, words
from cachedesk.reports.film.scene import Describe, Scene

FORMAT = 1
"""The number of this form of the data; the page's script reads no other."""

MOST_FRAMES = 2_400
MOST_TICKS = 1_200
MOST_EVENTS = 1_000
MOST_MARKS = 500
MOST_KEYS = 12

_MOST_DIGITS = 16
"""A script's numbers are exact up to this many digits."""

_TICK_COLUMNS = ("hits", "misses", "writes", "depth", "stale", "unavailable")


def film_data(recording: RecordingFile, describe: Describe) -> dict[str, Any]:
    """Return the film of ``recording`` as a value for JSON. Times are whole milliseconds since the
    recording began.

    Args:
        recording: what to show.
        describe: makes the scene of a snapshot.

    Raises:
        RecordingError: a record holds what it may not.
    """
    every = math.ceil(len(recording) / MOST_FRAMES)
    history = _History(recording.header.started_at)
    seconds: list[float] = []
    scenes: list[Scene] = []
    before: Snapshot | None = None
    workload = ""
    for record, snapshot in enumerate(recording.snapshots()):
        history.add(record, recording.seconds(record), snapshot)
        if record % every == 0 or record == len(recording) - 1:
            seconds.append(recording.seconds(record))
            scenes.append(describe(snapshot, before))
        before, workload = snapshot, snapshot.workload or workload
    return {
        "format": FORMAT,
        "recording": printable(shown(Path(recording.path.name))),
        "cachedesk": printable(recording.header.cachedesk),
        "started_at": round(recording.header.started_at, 3),
        "workload": printable(workload),
        "every": every,
        "at": counts([_milliseconds(each) for each in seconds]),
        **_scene_columns(scenes),
        "ticks": history.tick_columns(),
        "faults": history.faults(),
        "events": history.events(),
    }


def _scene_columns(scenes: Sequence[Scene]) -> dict[str, Any]:
    parts, arrows = range(len(scenes[0].parts)), range(len(scenes[0].arrows))
    return {
        "sentence": words((scene.sentence, scene.tone) for scene in scenes),
        "books": [counts([scene.books[place] for scene in scenes]) for place in range(4)],
        "verdict": words((scene.verdict, scene.balanced) for scene in scenes),
        "places": [
            {
                "name": place.name,
                "glyph": place.glyph,
                "count": counts([scene.places[number].count for scene in scenes]),
            }
            for number, place in enumerate(scenes[0].places)
        ],
        "at_stake": words(scene.at_stake for scene in scenes),
        "reads": words(scene.reads for scene in scenes),
        "writes": words(scene.writes for scene in scenes),
        "parts": {
            scenes[0].parts[place].name: {
                "state": words((it.mark, it.tone, it.word) for it in _each(scenes, place)),
                "lead": words((it.lead, _share(it.fill)) for it in _each(scenes, place)),
                "facts": words(it.facts for it in _each(scenes, place)),
            }
            for place in parts
        },
        "arrows": {
            scenes[0].arrows[place].name: words(
                (scene.arrows[place].label, scene.arrows[place].state) for scene in scenes
            )
            for place in arrows
        },
        **_key_columns(scenes),
    }


def _key_columns(scenes: Sequence[Scene]) -> dict[str, Any]:
    """Return the keys by their place in the list. Names and states stand apart, because they repeat
    in every row, and the values do not."""
    names: dict[tuple[str, str], int] = {}
    states: dict[tuple[str, str], int] = {}

    def row(scene: Scene, place: int) -> tuple[Any, ...]:
        if place >= len(scene.keys):
            return ()
        it = scene.keys[place]
        return (
            names.setdefault((it.key, it.policy), len(names)),
            _short(it.redis),
            _short(it.pending),
            # Mostly both places hold the same.
            None if it.sqlite == it.redis else _short(it.sqlite),
            states.setdefault((it.state, it.tone), len(states)),
        )

    rows = [words(row(scene, place) for scene in scenes) for place in range(MOST_KEYS)]
    return {"keys": {"names": list(names), "states": list(states), "rows": rows}}


def _short(text: str) -> str | int:
    """Return a text that is a number as that number, if it is written in the same way."""
    digits = text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS
    return int(text) if digits and str(int(text)) == text else text


def _each(scenes: Sequence[Scene], place: int) -> list[Any]:
    return [scene.parts[place] for scene in scenes]


def _share(fill: float | None) -> int | None:
    """Return a share in whole per cent: a bar shows no more."""
    return None if fill is None else round(100 * min(1.0, max(0.0, fill)))


def _milliseconds(seconds: float) -> int:
    return round(1_000 * seconds)


@dataclass(slots=True)
class _Entry:
    """An event with what it said at each record at which that changed."""

    at: float
    kind: EventKind
    said: list[tuple[float, str]]


class _History:
    """What snapshots repeat, each thing once: ticks, marks and events."""

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._ticks: list[Tick] = []
        self._last_tick_at = -math.inf
        self._marks: dict[tuple[str, float], Mark] = {}
        self._entries: dict[tuple[float, EventKind, str], _Entry] = {}
        self._seen: frozenset[int] = frozenset()
        self._kept: tuple[Event, ...] = ()

    def add(self, record: int, seconds: float, snapshot: Snapshot) -> None:
        """Take what is new in ``snapshot``, which was recorded at this second."""
        ticks = snapshot.ticks
        # Before its first record a recording knows nothing else either.
        newer = ticks if record else ticks[len(ticks) :]
        fresh = [tick for tick in newer if tick.at > self._last_tick_at]
        self._ticks += fresh
        if ticks:
            self._last_tick_at = max(self._last_tick_at, ticks[-1].at)
        while len(self._ticks) > 2 * MOST_TICKS:
            self._ticks = halved(self._ticks)
        self._marks |= {(mark.name, mark.start_at): mark for mark in snapshot.marks}
        # An unchanged event is the same object in the next snapshot: only new ones are read.
        for event in snapshot.events:
            if id(event) not in self._seen:
                self._note(seconds, event)
        self._kept = snapshot.events
        self._seen = frozenset(map(id, self._kept))

    def _note(self, seconds: float, event: Event) -> None:
        first_at = event.at if event.first_at is None else event.first_at
        identity = (first_at, event.kind, event.topic or event.text)
        text = printable(event.full_text)
        entry = self._entries.get(identity)
        if entry is None:
            self._entries[identity] = _Entry(first_at, event.kind, [(seconds, text)])
        elif entry.said[-1][1] != text:
            entry.said.append((seconds, text))

    def tick_columns(self) -> dict[str, list[int]]:
        """Return the ticks as columns, at most ``MOST_TICKS``."""
        ticks = self._ticks
        while len(ticks) > MOST_TICKS:
            ticks = halved(ticks)
        return {
            "at": counts([self._since(tick.at) for tick in ticks]),
            "lag": counts([_milliseconds(tick.lag_seconds) for tick in ticks]),
            **{name: counts([getattr(it, name) for it in ticks]) for name in _TICK_COLUMNS},
        }

    def faults(self) -> list[list[Any]]:
        """Return name, start and end (``None``: none) of each fault, in order of their start."""
        marks = sorted(self._marks.values(), key=lambda mark: mark.start_at)[-MOST_MARKS:]
        return [
            [
                printable(mark.name),
                self._since(mark.start_at),
                None if mark.end_at is None else self._since(mark.end_at),
            ]
            for mark in marks
        ]

    def events(self) -> list[list[Any]]:
        """Return when, of which kind, and what was said from when on, of each event in order."""
        entries = sorted(self._entries.values(), key=lambda entry: entry.at)[-MOST_EVENTS:]
        return [
            [
                self._since(entry.at),
                entry.kind.value,
                [[_milliseconds(seconds), text] for seconds, text in entry.said],
            ]
            for entry in entries
        ]

    def _since(self, at: float) -> int:
        return _milliseconds(at - self._began_at)
