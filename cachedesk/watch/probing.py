"""Which keys to probe while MONITOR is on: some of those that were just read, by chance."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cachedesk.watch.command_effects import Effect, effects_of
from cachedesk.watch.monitor_lines import seen

PROBES_AT_ONCE = 8
"""So many keys of a bunch of lines at most: a probe must come soon after the read."""


class ProbeChooser:
    """Chooses for one window. No key twice: what the first probe found is known from then on.

    Args:
        database: the number of the one that can be probed.
        most: how many keys in all.
        chance: what chooses.
    """

    def __init__(self, database: int, most: int, chance: random.Random) -> None:
        self._database = database
        self._left = most
        self._chance = chance
        self._known: set[bytes] = set()

    def __call__(self, lines: Sequence[bytes]) -> list[bytes]:
        """Return which keys of these new lines to probe."""
        wanted = min(self._left, PROBES_AT_ONCE)
        chosen: list[bytes] = []
        # Looked at by chance until there are enough: of a thousand lines most are never parsed.
        for line in self._chance.sample(lines, min(len(lines), 4 * wanted)):
            found = seen(line)
            if found is None or found.database != self._database:
                continue
            for effect, key in effects_of(found.words):
                if effect is Effect.READ and key not in self._known and len(chosen) < wanted:
                    self._known.add(key)
                    chosen.append(key)
        self._left -= len(chosen)
        return chosen
