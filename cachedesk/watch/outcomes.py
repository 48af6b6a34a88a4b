"""What became of the reads in a window of MONITOR: hits and misses, as far as they can be told.

MONITOR shows that a key is read, not whether it was there. But it shows everything else that
happens to the key, in the server's own order, our probes among it (MEMORY USAGE says whether a key
is there and counts as no read). So:

- After a write, a delete or a probe of a key it is known whether it is there: each read of it
  until the window closes is a hit or a miss for certain.
- Of the reads of a key before that, one thing is known: whether the key was filled right after
  them, as an application does after a miss (cache-aside). They are *filled*, the others *alone*.
- Where a probe comes between the read and whatever changes the key, it tells how they ended: their
  outcome is the probe's. What probes tell of some is taken for all of that pattern and kind; see
  ``hit_rates``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

from cachedesk.core.watched_server import MonitorWindow
from cachedesk.watch.command_effects import Effect, effects_of
from cachedesk.watch.monitor_lines import Seen, seen

FILL_SECONDS = 0.25
"""How long after a read a fill may come to be taken for its consequence."""

ReadAt = tuple[int, bytes]
"""A database and a key."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Reads and writes of the keys of one pattern.

    Attributes:
        writes: fills, changes and removals.
        known_hits: reads of keys that were certainly there; ``known_misses``: certainly not.
        filled_absent: reads that were followed by a fill, of keys that a probe found absent before
            it; ``filled_present``: that it found there; ``filled_unknown``: no probe came between.
        alone_absent: the same for reads that no fill followed; ``alone_present``;
            ``alone_unknown``.
    """

    writes: int = 0
    known_hits: int = 0
    known_misses: int = 0
    filled_absent: int = 0
    filled_present: int = 0
    filled_unknown: int = 0
    alone_absent: int = 0
    alone_present: int = 0
    alone_unknown: int = 0

    @property
    def reads(self) -> int:
        """All reads."""
        return self.certain + self.filled_unknown + self.alone_unknown

    @property
    def certain(self) -> int:
        """The reads whose outcome is known."""
        return self.hits + self.misses

    @property
    def hits(self) -> int:
        """The reads that certainly hit."""
        return self.known_hits + self.filled_present + self.alone_present

    @property
    def misses(self) -> int:
        """The reads that certainly missed."""
        return self.known_misses + self.filled_absent + self.alone_absent

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def __sub__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) - getattr(other, name) for name in _NAMES))


_NAMES = tuple(each.name for each in fields(Tally))


@dataclass(frozen=True, slots=True)
class WindowTally:
    """What one window comes to.

    Attributes:
        seconds: how long reads were counted.
        patterns: the reads and writes by pattern.
        hits: keyspace hits that the server counted in the same time.
        misses: keyspace misses that it counted.
        found: by key, how often a read may have hit it.
        used: by key, how often it was read or written.
    """

    seconds: float
    patterns: Mapping[bytes, Tally]
    hits: int
    misses: int
    found: Mapping[bytes, int]
    used: Mapping[bytes, int]


@dataclass(slots=True)
class _Key:
    """What is known of a key at one place in the stream, and its reads before that was known."""

    pattern: bytes
    there: bool | None = None
    open_reads: int = 0
    read_at: float = 0.0
    probed: bool | None = None


@dataclass(slots=True)
class _Counts:
    by_pattern: dict[bytes, Counter[str]] = field(default_factory=dict)
    found: Counter[bytes] = field(default_factory=Counter)
    used: Counter[bytes] = field(default_factory=Counter)

    def add(self, pattern: bytes, name: str, count: int = 1) -> None:
        self.by_pattern.setdefault(pattern, Counter())[name] += count


def tallied(
    window: MonitorWindow, database: int, pattern_of: Callable[[bytes], bytes]
) -> WindowTally:
    """Return what the reads between the two markers of ``window`` come to.

    Args:
        window: what MONITOR showed.
        database: the number of the one that is watched; patterns of others begin with ``db1:``.
        pattern_of: names the pattern of a key.
    """
    reading = _Reading(database, pattern_of)
    probes = iter(window.probes)
    markers = 0
    for line in window.lines:
        if line.endswith(window.marker):
            markers += 1
        elif window.probing in line:
            probe = next(probes, None)
            if probe is not None:
                reading.probed(probe.key, probe.size is not None)
        elif markers and (found := seen(line)) is not None:
            reading.take(found, counted=markers == 1)
    return reading.result(window, window.after.at - window.before.at)


class _Reading:
    """Goes through a window line by line."""

    def __init__(self, database: int, pattern_of: Callable[[bytes], bytes]) -> None:
        self._database = database
        self._pattern_of = pattern_of
        self._keys: dict[ReadAt, _Key] = {}
        self._counts = _Counts()
        # Of a key that was not met yet: whether it is there.
        self._unmet: bool | None = None

    def take(self, command: Seen, *, counted: bool) -> None:
        """Note a command; one that is not ``counted`` only tells what became of earlier reads."""
        for effect, name in effects_of(command.words):
            if effect is Effect.FORGET_ALL:
                self._forget_all()
                continue
            key = self._key(command.database, name)
            if effect is Effect.READ:
                if counted:
                    self._read(key, name, command.at)
                continue
            if counted:
                self._counts.add(key.pattern, "writes")
                self._counts.used[name] += 1
            filled = effect is Effect.FILL and command.at - key.read_at <= FILL_SECONDS
            self._close(key, name, filled=filled)
            key.there = _AFTER[effect]

    def probed(self, name: bytes, there: bool) -> None:
        """Note what a probe of ``name`` found at this place in the stream."""
        key = self._key(self._database, name)
        if key.there is None and key.open_reads:
            key.probed = there
        key.there = there

    def result(self, window: MonitorWindow, seconds: float) -> WindowTally:
        """Return all that was noted; reads whose key nothing happened to any more are alone."""
        for (_, name), key in self._keys.items():
            self._close(key, name, filled=False)
        counts = self._counts
        return WindowTally(
            seconds,
            {pattern: Tally(**counted) for pattern, counted in counts.by_pattern.items()},
            window.after.hits - window.before.hits,
            window.after.misses - window.before.misses,
            counts.found,
            counts.used,
        )

    def _key(self, database: int, name: bytes) -> _Key:
        at = database, name
        key = self._keys.get(at)
        if key is None:
            pattern = self._pattern_of(name)
            if database != self._database:
                pattern = b"db%d:%s" % (database, pattern)
            key = self._keys[at] = _Key(pattern, self._unmet)
        return key

    def _read(self, key: _Key, name: bytes, at: float) -> None:
        self._counts.used[name] += 1
        key.read_at = at
        if key.there is None:
            key.open_reads += 1
            return
        self._counts.add(key.pattern, "known_hits" if key.there else "known_misses")
        if key.there:
            self._counts.found[name] += 1

    def _close(self, key: _Key, name: bytes, *, filled: bool) -> None:
        """Decide of the open reads of ``key`` all that can be told."""
        if not key.open_reads:
            return
        outcome = {None: "unknown", True: "present", False: "absent"}[key.probed]
        self._counts.add(
            key.pattern, f"{'filled' if filled else 'alone'}_{outcome}", key.open_reads
        )
        if key.probed or (key.probed is None and not filled):
            self._counts.found[name] += key.open_reads
        key.open_reads, key.probed = 0, None

    def _forget_all(self) -> None:
        for (_, name), key in self._keys.items():
            self._close(key, name, filled=False)
            key.there = False
        self._unmet = False


_AFTER = {Effect.FILL: True, Effect.CHANGE: True, Effect.REMOVE: False, Effect.UNSURE: None}
