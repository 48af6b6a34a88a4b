"""The setups of the two sides, from ``log=off`` or ``maxmemory=8mb,32mb``.

Everything is read and checked before anything runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from cachedesk.core.errors import ConfigError
from cachedesk.core.safeguards import NAMES, Safeguards
from cachedesk.core.settings import MEBIBYTE, Settings
from cachedesk.lab.compare.varying import Variant, setting_names, short_field, with_value
from cachedesk.lab.load.driver import Load

_SWITCH = {"on": True, "off": False}
_SHARED = {"clients": "--clients", "rate": "--rate"}
_UNCHANGED = "as configured"


@dataclass(frozen=True, slots=True)
class SideSetup:
    """How one side is set up. ``title``: what distinguishes it from the other, in a few words."""

    title: str
    settings: Settings
    safeguards: Safeguards


def sides(
    texts: Iterable[str], settings: Settings, safeguards: Safeguards
) -> tuple[SideSetup, SideSetup]:
    """Return the setups of the left and of the right side.

    Args:
        texts: each ``NAME=VALUE``, which changes the left side only, or ``NAME=LEFT,RIGHT``. A name
            is that of a safeguard (``log=off``), or one that ``compare --vary`` knows.
        settings: the settings that both sides start from.
        safeguards: the safeguards that both sides start from.

    Raises:
        ConfigError: a name or value is invalid (the message suggests the nearest name), a name is
            given twice, or both sides would be the same.
    """
    left = right = SideSetup("", settings, safeguards)
    seen: set[str] = set()
    for text in texts:
        name, values = _read(text)
        if short_field(name) in seen:
            raise ConfigError(f"{name} is given twice; write {name}=LEFT,RIGHT")
        seen.add(short_field(name))
        left = _with(left, name, values[0])
        right = _with(right, name, values[1] if len(values) > 1 else "")
    if (left.settings, left.safeguards) == (right.settings, right.safeguards):
        raise ConfigError(
            f"both sides would be the same with {left.title or 'nothing'}; name a difference"
            " like log=off or maxmemory=8mb,32mb"
        )
    return left, right


def _read(text: str) -> tuple[str, list[str]]:
    name, equals, listed = text.partition("=")
    name = name.strip()
    values = [value.strip() for value in listed.split(",")]
    if not equals or not name or not all(values):
        raise ConfigError(f"write --versus as NAME=VALUE, like log=off, not {text!r}")
    if len(values) > 2:
        raise ConfigError(f"{name}: there are two sides, so at most two values, not {len(values)}")
    if name in _SHARED:
        raise ConfigError(f"{name} is the same on both sides; set it with {_SHARED[name]}")
    names = [*NAMES, *(each for each in setting_names() if each not in _SHARED)]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        near = near or [each for each in names if each.endswith(f".{name}")]
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise ConfigError(f"there is no setting or safeguard {name!r}; {hint}")
    return name, values


def _with(side: SideSetup, name: str, text: str) -> SideSetup:
    """Return ``side`` with ``name`` set from ``text``; without a text only its title changes."""
    if name in NAMES:
        safeguards = side.safeguards
        if text:
            if text not in _SWITCH:
                raise ConfigError(f"{name}: write on or off, not {text!r}")
            safeguards = safeguards.switched(name, _SWITCH[text])
        now = "on" if getattr(safeguards, name) else "off"
        return replace(side, title=_joined(side.title, f"{name}={now}"), safeguards=safeguards)
    settings = side.settings
    if text:
        settings = with_value(Variant(settings, Load()), name, text).settings
    words = f"{name}={text}" if text else f"{name} {_UNCHANGED}"
    section, dot, field = short_field(name).partition(".")
    if dot and not text:
        value = getattr(getattr(settings, section), field)
        words = f"{name}={_short(field, value)}"
    return replace(side, title=_joined(side.title, words), settings=settings)


def _joined(title: str, words: str) -> str:
    return f"{title}, {words}" if title else words


def _short(field: str, value: object) -> str:
    if field.endswith("_bytes") and isinstance(value, int) and value % MEBIBYTE == 0:
        return f"{value // MEBIBYTE}mb"
    return f"{value:g}" if isinstance(value, float) else str(value)
