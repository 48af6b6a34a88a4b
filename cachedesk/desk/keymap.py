"""The key map: other keys for what can be done at the desk, as the configuration names them."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from cachedesk.core.errors import ConfigError
from cachedesk.desk.actions import ACTIONS, Action

RESERVED = frozenset(
    ("tab", "shift+tab", "enter", "escape", "up", "down", "home", "end", "pageup", "pagedown")
) | {"ctrl+c", "ctrl+q", "ctrl+p", "ctrl+z"}
"""Keys that move the focus and the selection, close what is open, or leave."""

_NAMED = {key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values())


_MODIFIERS = frozenset(("ctrl", "shift", "alt", "meta", "super"))


def remapped(
    overrides: Mapping[str, str], actions: tuple[Action, ...] = ACTIONS
) -> tuple[Action, ...]:
    """Return ``actions`` with other keys.

    Args:
        overrides: by an action's name, its key: a character, or a name like ``f5`` or ``ctrl+k``.
        actions: what there is to do.

    Raises:
        ConfigError: there is no such action or key, or a key is reserved or used twice.
    """
    names = {action.name for action in actions}
    for name in overrides:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(names))}"
            raise ConfigError(f"desk.keys: there is nothing called {name!r} to do; {hint}")
    keys = {name: _key(name, written) for name, written in overrides.items()}
    mapped = tuple(replace(action, key=keys.get(action.name, action.key)) for action in actions)
    used: dict[str, str] = {}
    for action in mapped:
        if action.key in used:
            raise ConfigError(
                f"desk.keys: {action.shown_key!r} would do both {used[action.key]!r} and"
                f" {action.name!r}; give one of them another key"
            )
        used[action.key] = action.name
    return mapped


def _named(letter: str) -> str:
    """Return the name of a character's key: itself, or what Unicode calls it."""
    if letter.isalnum():
        return letter
    name = unicodedata.name(letter, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def _key(name: str, written: str) -> str:
    """Return the name of a key as the screen knows it."""
    key = _named(written) if len(written) == 1 else written.strip().lower()
    *modifiers, plain = key.split("+")
    known = len(written) == 1 and written.isprintable()
    combined = _MODIFIERS.issuperset(modifiers) and len(plain) == 1 and plain.isalnum()
    if not known and key not in _NAMED and not (modifiers and combined):
        raise ConfigError(f'desk.keys.{name}: {written!r} is no key; write it like "x" or "f5"')
    if key in RESERVED:
        raise ConfigError(f"desk.keys.{name}: {written!r} is reserved; choose another key")
    return key
