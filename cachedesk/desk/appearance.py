"""The look of one desk: what its user chose, checked before anything is opened."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from cachedesk.core.errors import ConfigError
from cachedesk.desk.actions import Action
from cachedesk.desk.keymap import remapped
from cachedesk.desk.themes import NAMES


@dataclass(frozen=True, slots=True)
class Appearance:
    """``theme`` by name (empty: the usual), how often to look, the actions with their keys, whether
    to greet who is new, and whether only to watch."""

    theme: str
    refresh_hz: float
    actions: tuple[Action, ...]
    hint: bool
    read_only: bool


def checked_appearance(
    *, theme: str, refresh_hz: float, keys: Mapping[str, str], hint: bool, read_only: bool
) -> Appearance:
    """Return the look.

    Raises:
        ConfigError: there is no such theme (the nearest is named), or the key map is wrong.
    """
    if theme and theme not in NAMES:
        near = difflib.get_close_matches(theme, NAMES, n=1)
        known = ", ".join(sorted(NAMES))
        hint_text = f"did you mean {near[0]!r}?" if near else f"there are {known}"
        raise ConfigError(f"there is no theme {theme!r}; {hint_text}")
    return Appearance(theme, refresh_hz, remapped(keys), hint, read_only)
