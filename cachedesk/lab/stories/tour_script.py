"""The script of a tour, as frozen values: stations on the live desk, and their steps.

It is also the format of a tour's file: each class is a table, each field an entry.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cachedesk.lab.stories.script import Seconds, Text

Press = Literal["k", "d", "c", "l", "h", "e", "p", "n"]
"""The keys of the desk that a step can wait for, by their default names."""

Focus = Literal["all", "books", "flow", "hit rate", "queue depth", "lag", "hot keys", "events"]
"""What a step can point at; everything else is dimmed."""


class TourStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step, in this order: ``note`` saves figures under new names, the tour itself carries out
    ``worker``, ``safeguard`` and ``heal``, ``say`` is shown, the question ``ask`` is asked, the
    step waits for the key ``press`` and then for the condition ``wait``, and tells the answer,
    ``because`` and ``then``.

    ``focus``: the panel that is not dimmed. ``choices``: the answers to choose from; ``answer``:
    the number of the right one, from 1, or an expression whose value is that number, evaluated at
    the end of the step. If its value is no such number, the question does not count. ``because``
    and ``then`` may contain figures in braces. ``within``: seconds after which ``wait`` is given
    up, and the question does not count.
    """

    say: Text
    focus: Focus = "all"
    note: dict[str, str] = {}
    worker: Literal["pause", "resume"] | None = None
    safeguard: dict[str, bool] = {}
    heal: Literal["all"] | None = None
    ask: str = ""
    choices: list[Text] = []
    answer: int | str = ""
    because: str = ""
    press: Press | None = None
    wait: str = ""
    then: str = ""
    within: Seconds = 60.0


class Station(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One station: a title, and its steps."""

    title: Text
    step: Annotated[list[TourStep], Meta(min_length=1)]


class Tour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tour of the live desk."""

    title: Text
    station: Annotated[list[Station], Meta(min_length=1)]
    about: str = ""
