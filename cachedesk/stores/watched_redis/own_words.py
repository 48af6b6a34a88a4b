"""The commands that are sent to a watched server, all of them, in letters by which they are known.

MONITOR shows a command as it was sent, in large and small letters; the server takes either. So each
connection mixes them in a way of its own: its own lines are found again in what MONITOR shows,
wherever the server believes that they come from (over a socket file all clients look alike).
"""

from __future__ import annotations

import random

ALLOWED = ("INFO", "SCAN", "MEMORY USAGE", "MONITOR", "CLIENT NO-TOUCH", "AUTH", "SELECT")
"""Every command that is ever sent. None writes; none counts as a read of a key."""


class OwnWords:
    """The words of this connection's commands.

    Args:
        chance: where the letters come from.
    """

    def __init__(self, chance: random.Random) -> None:
        self.info = _mixed("info", chance)
        self.scan = _mixed("scan", chance)
        self.count = _mixed("count", chance)
        self.memory = _mixed("memory", chance)
        self.usage = _mixed("usage", chance)
        self.marker_section = _mixed("commandstats", chance)

    @property
    def marker(self) -> bytes:
        """How a line of MONITOR ends that asked for the marker's figures."""
        return b' "%s" "%s"' % (self.info, self.marker_section)

    @property
    def asking(self) -> bytes:
        """How a line goes on behind the client that asks for figures."""
        return b'] "%s" "' % self.info

    @property
    def probing(self) -> bytes:
        """How a line of a probe goes on behind the client."""
        return b'] "%s" "%s" ' % (self.memory, self.usage)


def _mixed(word: str, chance: random.Random) -> bytes:
    """Return ``word`` with letters of both kinds: other programs write one of them."""
    while True:
        mixed = "".join(chance.choice((letter, letter.upper())) for letter in word)
        if mixed not in (word, word.upper(), word.capitalize()):
            return mixed.encode()
