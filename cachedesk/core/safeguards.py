"""Safeguards: the mechanisms that prevent a loss after a crash, and whether each is on.

All are on. The lab and the desk can switch one off to show why it is needed (see
``chaos.ablations`` for what runs instead); the library cannot.
"""

from __future__ import annotations

import difflib

import msgspec

from cachedesk.core.errors import ConfigError


class Safeguards(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which safeguards are on.

    ``log``: a write-behind write is durable in the log before it is acknowledged; without it only
    the set of dirty keys is kept, and what Redis loses is lost. ``read_repair``: a miss folds the
    pending events into the row; without it the row alone is used. ``effectively_once``: an event
    that is part of its row already is not applied again. ``cold_restart``: a restarted Redis is
    emptied, or its keys are compared with the truth; without it its contents are trusted.
    """

    log: bool = True
    read_repair: bool = True
    effectively_once: bool = True
    cold_restart: bool = True

    @property
    def off(self) -> tuple[str, ...]:
        """The names of the safeguards that are off."""
        return tuple(name for name in NAMES if not getattr(self, name))

    @property
    def copies_are_true(self) -> bool:
        """Whether a copy in Redis that differs from the truth is a fault, and not shown on
        purpose."""
        return self.read_repair and self.cold_restart

    def switched(self, name: str, on: bool) -> Safeguards:
        """Return a copy with one safeguard switched.

        Raises:
            ConfigError: there is no such safeguard; the message suggests the nearest.
        """
        return msgspec.structs.replace(self, **{known(name): on})


ALL_ON = Safeguards()
NAMES = Safeguards.__struct_fields__

LABELS = {name: name.replace("_", " ") for name in NAMES}
"""The name of each safeguard in a word or two, as it is shown."""

TITLES = {
    "log": "the write-behind log: a fast write is durable before it is acknowledged",
    "read_repair": "read repair: a miss folds what is pending into the row",
    "effectively_once": "effectively once: a batch that comes again changes nothing",
    "cold_restart": "cold restart: what a restarted Redis holds is not believed",
}

WITHOUT = {
    "log": "fast writes are in Redis only until they are copied to the database",
    "read_repair": "a miss believes the row, though events of it may be pending",
    "effectively_once": "a batch that is delivered again is applied again",
    "cold_restart": "a Redis that comes back with an old snapshot is believed",
}


def known(name: str) -> str:
    """Return ``name`` if it is a safeguard.

    Raises:
        ConfigError: it is not; the message suggests the nearest.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise ConfigError(f"there is no safeguard {name!r}; {hint}")
    return name
