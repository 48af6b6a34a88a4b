"""Windows of MONITOR made by hand, and by a small server that knows the truth."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from cachedesk.core.watched_server import MonitorWindow, Probe, ServerFigures

MARKER, ASKING, PROBING = b' "iNfO" "sTATs"', b'] "iNfO" "', b'] "mEMORY" "uSAGE" '


def line(at: float, *words: bytes, client: bytes = b"127.0.0.1:1") -> bytes:
    """Return a line of MONITOR."""
    quoted = b" ".join(b'"%s"' % word for word in words)
    return b"%.6f [0 %s] %s" % (at, client, quoted)


def window(
    commands: Iterable[Sequence[bytes]], *, hits: int = 0, misses: int = 0, seconds: float = 0.2
) -> MonitorWindow:
    """Return a window with these commands, one each millisecond, between its markers.

    ``(b"?", key, b"0" or b"1")`` is a probe and what it found.
    """
    lines, probes = [line(1000.0, b"iNfO", b"sTATs")], []
    for number, words in enumerate(commands, 1):
        at = 1000 + number / 1000
        if words[0] == b"?":
            probes.append(Probe(words[1], 8 if words[2] == b"1" else None))
            lines.append(line(at, b"mEMORY", b"uSAGE", words[1]))
        else:
            lines.append(line(at, *words))
    lines.append(line(1000 + seconds, b"iNfO", b"sTATs"))
    return MonitorWindow(
        tuple(lines), MARKER, ASKING, PROBING, tuple(probes),
        ServerFigures(at=0.0), ServerFigures(at=seconds, hits=hits, misses=misses), seconds,
    )  # fmt: skip


class Application:
    """Clients that use a cache as they do, by chance; it writes down each hit and miss.

    Args:
        seed: of the chance.
        there: keys that are there from the start.
    """

    def __init__(self, seed: int, there: Iterable[bytes] = ()) -> None:
        self._chance = random.Random(seed)
        self._there = set(there)
        self._later: list[tuple[int, tuple[bytes, ...]]] = []
        self.commands: list[tuple[bytes, ...]] = []
        self.truth: dict[str, Counter[str]] = {}

    def play(self, steps: int, probe_share: float) -> None:
        """Send commands: cache-aside, sessions that are read and written, counters, and probes."""
        for _ in range(steps):
            for due in [each for each in self._later if each[0] <= len(self.commands)]:
                self._later.remove(due)
                self._send(*due[1])
            self._one(self._chance)
            if self._chance.random() < probe_share and self.commands[-1][0] == b"GET":
                key = self.commands[-1][1]
                self.commands.append((b"?", key, b"1" if key in self._there else b"0"))

    def _one(self, chance: random.Random) -> None:
        kind = chance.random()
        if kind < 0.5:
            key = b"page:%d" % int(chance.paretovariate(0.8))
            if not self._get("page:*", key):
                self._soon((b"SET", key, b"x"), chance)
        elif kind < 0.7:
            key = b"session:%d" % chance.randrange(50)
            self._get("session:*", key)
            self._soon((b"SET", key, b"x"), chance)
        elif kind < 0.8:
            self._get("flag:*", b"flag:%d" % chance.randrange(60))
        elif kind < 0.9:
            self._send(b"INCR", b"views:%d" % chance.randrange(30))
        else:
            self._send(b"DEL", b"page:%d" % int(chance.paretovariate(0.8)))

    def _get(self, pattern: str, key: bytes) -> bool:
        found = key in self._there
        self.truth.setdefault(pattern, Counter())["hit" if found else "miss"] += 1
        self._send(b"GET", key)
        return found

    def _soon(self, command: tuple[bytes, ...], chance: random.Random) -> None:
        self._later.append((len(self.commands) + chance.randrange(6), command))

    def _send(self, *words: bytes) -> None:
        self.commands.append(words)
        if words[0] in (b"SET", b"INCR"):
            self._there.add(words[1])
        elif words[0] == b"DEL":
            self._there.discard(words[1])
