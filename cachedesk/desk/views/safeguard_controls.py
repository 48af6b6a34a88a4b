"""The safeguards as controls: each is on or off, with an explanation."""

from __future__ import annotations

from cachedesk.core.commands import Command, SetSafeguard
from cachedesk.core.safeguards import LABELS, NAMES, TITLES, WITHOUT
from cachedesk.core.snapshot import Snapshot
from cachedesk.desk.views.controls import SteeringControl
from cachedesk.desk.views.quantities import InvalidQuantity

_ON, _OFF = "on", "off"


def meaning(name: str, *, on: bool) -> str:
    """Return a sentence that explains what this safeguard does, or what happens without it."""
    text = TITLES[name].partition(": ")[2] if on else WITHOUT[name]
    return f"{text[0].upper()}{text[1:]}."


def is_on(snapshot: Snapshot, name: str) -> bool:
    """Return whether this safeguard is on."""
    return bool(getattr(snapshot.safeguards, name))


def _control(name: str) -> SteeringControl:
    def typed(text: str) -> Command:
        wanted = text.strip().lower()
        if wanted not in (_ON, _OFF):
            raise InvalidQuantity(f"type {_ON} or {_OFF}")
        return SetSafeguard(name, wanted == _ON)

    def stepped(snapshot: Snapshot, direction: int) -> Command:
        return SetSafeguard(name, not is_on(snapshot, name))

    return SteeringControl(
        name=f"safeguard-{name.replace('_', '-')}",
        label=LABELS[name],
        effect=f"A safeguard. Without it: {WITHOUT[name]}.",
        now=lambda snapshot: _ON if is_on(snapshot, name) else "OFF",
        hint=lambda snapshot: _hint(on=is_on(snapshot, name)),
        typed=typed,
        stepped=stepped,
    )


def _hint(*, on: bool) -> str:
    return "a safeguard" if on else "! data may be lost or old"


SAFEGUARD_CONTROLS = tuple(map(_control, NAMES))
