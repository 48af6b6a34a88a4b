"""Reads the file of a tour, and finds all errors in it before anything is shown."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec

from cachedesk.core.errors import ConfigError
from cachedesk.core.safeguards import known as known_safeguard
from cachedesk.lab.stories import expressions
from cachedesk.lab.stories.reading import at_place, checked_file, file_text
from cachedesk.lab.stories.source_positions import Place
from cachedesk.lab.stories.templates import check_text
from cachedesk.lab.stories.tour_figures import TOUR_FIGURES
from cachedesk.lab.stories.tour_script import Station, Tour, TourStep

_FEWEST_CHOICES, _MOST_CHOICES = 2, 9
_TABLES: dict[str, type[msgspec.Struct]] = {"station": Station, "step": TourStep}


def built_in_tour() -> Tour:
    """Return the tour that comes with cachedesk."""
    file = resources.files(__package__) / "tours" / "tour.toml"
    return parse_tour(file.read_text("utf-8"), "tour.toml")


def read_tour(path: Path) -> Tour:
    """Return the tour in the file at ``path``.

    Raises:
        StoryError: it cannot be read, or something in it is wrong.
    """
    return parse_tour(file_text(path), str(path))


def parse_tour(text: str, file: str) -> Tour:
    """Return the tour in ``text``; errors as ``read_tour``, for ``file``."""
    return checked_file(text, file, Tour, _TABLES, _check)


def _check(tour: Tour) -> None:
    known = list(TOUR_FIGURES)
    for number, station in enumerate(tour.station):
        for index, step in enumerate(station.step):
            known += _check_step(step, ("station", number, "step", index), known)


def _check_step(step: TourStep, at: Place, known: list[str]) -> list[str]:
    """Check ``step``; return the names of the figures that it notes."""
    for name, text in step.note.items():
        with at_place(*at, "note"):
            if not name.isidentifier() or name in TOUR_FIGURES:
                raise ConfigError(f"{name!r} cannot name a figure")
            expressions.check(text, known)
    with at_place(*at, "safeguard"):
        for name in step.safeguard:
            known_safeguard(name)
    names = [*known, *step.note]
    _check_question(step, at, names)
    if step.wait:
        with at_place(*at, "wait"):
            expressions.check(step.wait, names)
    with at_place(*at, "then"):
        check_text(step.then, names)
    return list(step.note)


def _check_question(step: TourStep, at: Place, names: list[str]) -> None:
    if not step.ask:
        for field in ("choices", "answer", "because"):
            if getattr(step, field):
                with at_place(*at, field):
                    raise ConfigError("belongs to a question; add ask")
        return
    with at_place(*at, "choices"):
        if not _FEWEST_CHOICES <= len(step.choices) <= _MOST_CHOICES:
            raise ConfigError(f"a question has {_FEWEST_CHOICES} to {_MOST_CHOICES} choices")
    with at_place(*at, "answer"):
        if isinstance(step.answer, int) and not 1 <= step.answer <= len(step.choices):
            raise ConfigError(f"the answer is the number of a choice, 1 to {len(step.choices)}")
        if not step.answer:
            raise ConfigError("a question needs an answer, a number or an expression")
        expressions.check(str(step.answer), names)
    with at_place(*at, "because"):
        check_text(step.because, names)
