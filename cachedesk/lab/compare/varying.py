"""Variants: the settings and load of each run of a comparison, from ``maxmemory=8mb,32mb``.

Everything is read and checked before anything runs.
"""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from cachedesk.config import with_field, with_policies
from cachedesk.core.errors import ConfigError
from cachedesk.core.settings import Settings
from cachedesk.core.write_path import as_path
from cachedesk.lab.load.driver import Load

MOST_RUNS = 256
MOST_CLIENTS = 256

_SHORT = {
    "maxmemory": "redis.maxmemory_bytes",
    "eviction": "redis.eviction_policy",
    "batch": "worker.batch_events",
    "batch_age": "worker.batch_age_seconds",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """The settings and load of one run. ``chosen``: the names and texts of the values that vary.
    ``amounts``: those values as numbers, ``None`` for one that is not a number."""

    settings: Settings
    load: Load
    chosen: tuple[tuple[str, str], ...] = ()
    amounts: tuple[float | None, ...] = ()

    @property
    def title(self) -> str:
        """The chosen values, as the user wrote them."""
        return ", ".join(f"{name}={text}" for name, text in self.chosen) or "as it is"


def variants(texts: Iterable[str], settings: Settings, load: Load) -> list[Variant]:
    """Return all combinations of the values in ``texts``, the last one varying fastest.

    Args:
        texts: each ``NAME=V1,V2,…``; a name is a short one, or the dotted name of a field of the
            configuration.
        settings: the settings that are not varied.
        load: the load, as far as it is not varied.

    Raises:
        ConfigError: a name or value is invalid (the message suggests the nearest name); or nothing
            is varied, or too much.
    """
    varied: dict[str, list[str]] = {}
    for text in texts:
        name, values = _read(text)
        if _SHORT.get(name, name) in {_SHORT.get(known, known) for known in varied}:
            raise ConfigError(f"{name} is varied twice; list all its values in one --vary")
        varied[name] = values
    if not varied:
        raise ConfigError("nothing to vary; name it with --vary, like maxmemory=8mb,32mb")
    runs = math.prod(map(len, varied.values()))
    if runs > MOST_RUNS:
        raise ConfigError(f"that makes {runs:,} runs; at most {MOST_RUNS} are compared at once")
    start = Variant(settings, load)
    made = []
    for chosen in itertools.product(*varied.values()):
        variant = start
        for name, value in zip(varied, chosen, strict=True):
            variant = with_value(variant, name, value)
        made.append(variant)
    return made


def _read(text: str) -> tuple[str, list[str]]:
    name, equals, listed = text.partition("=")
    name = name.strip()
    values = [value.strip() for value in listed.split(",")]
    if not equals or not name or not all(values):
        raise ConfigError(f"write what varies as NAME=V1,V2, like maxmemory=8mb,32mb, not {text!r}")
    _known(name)
    for value in values:
        if values.count(value) > 1:
            raise ConfigError(f"{name}: {value} is listed twice")
    return name, values


def setting_names() -> list[str]:
    """Return the name of everything that can be varied, short names first."""
    return [*_SHORT, *_OTHERS, *_fields()]


def short_field(name: str) -> str:
    """Return the dotted name of the field that a short name stands for; others are unchanged."""
    return _SHORT.get(name, name)


def _known(name: str) -> None:
    names = setting_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        near = near or [each for each in names if each.endswith(f".{name}")]
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise ConfigError(f"there is no setting {name!r} to vary; {hint}")


def _fields() -> list[str]:
    tables = {name: getattr(Settings(), name) for name in Settings.__struct_fields__}
    return [
        f"{section}.{field}"
        for section, table in tables.items()
        if isinstance(table, msgspec.Struct)
        for field in table.__struct_fields__
    ]


def with_value(variant: Variant, name: str, text: str) -> Variant:
    """Return ``variant`` with the setting ``name``, one of ``setting_names()``, set from ``text``.

    Raises:
        ConfigError: the value is invalid for it.
    """
    amount: float | None = None
    if name in _OTHERS:
        changed, amount = _OTHERS[name](variant, text)
    else:
        place = _SHORT.get(name, name)
        settings = with_field(variant.settings, place, text)
        section, _, field = place.partition(".")
        value = getattr(getattr(settings, section), field)
        amount = None if isinstance(value, str) else float(value)
        changed = replace(variant, settings=settings)
    return replace(
        changed,
        chosen=(*variant.chosen, (name, text)),
        amounts=(*variant.amounts, amount),
    )


def _with_policy(variant: Variant, text: str) -> tuple[Variant, None]:
    """Use one path for all keys, or for those that match the pattern in ``PATTERN=PATH``."""
    if "=" in text:
        return replace(variant, settings=with_policies(variant.settings, [text])), None
    policies = {"*": as_path(text).value}
    return replace(
        variant, settings=msgspec.structs.replace(variant.settings, policies=policies)
    ), None


def _with_clients(variant: Variant, text: str) -> tuple[Variant, float]:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST_CLIENTS):
        raise ConfigError(f"clients: {text!r} is not an integer from 1 to {MOST_CLIENTS}")
    return replace(variant, load=replace(variant.load, clients=int(text))), float(text)


def _with_rate(variant: Variant, text: str) -> tuple[Variant, float]:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise ConfigError(f"rate: {text!r} is not a number of operations per second above 0")
    return replace(variant, load=replace(variant.load, rate=rate)), rate


_OTHERS: dict[str, Callable[[Variant, str], tuple[Variant, float | None]]] = {
    "policy": _with_policy,
    "clients": _with_clients,
    "rate": _with_rate,
}


def varied_names(made: Sequence[Variant]) -> tuple[str, ...]:
    """Return the names of the varied settings, in order."""
    return tuple(name for name, _ in made[0].chosen)
