"""The style of pages: one palette in light and dark, and a stylesheet for each kind of page."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def report_style() -> str:
    """Return the style of a report, light or dark as the reader's system says."""
    return (
        f":root {{\ncolor-scheme: light dark;\n{_text('palette-light.css')}}}\n"
        f"@media (prefers-color-scheme: dark) {{\n:root {{\n{_text('palette-dark.css')}}}\n}}\n"
        f"{_text('report.css')}"
    )


def film_style() -> str:
    """Return the style of a film, light or dark as the attribute ``data-look`` of the root says."""
    return (
        f":root {{\ncolor-scheme: light;\n{_text('palette-light.css')}}}\n"
        f":root[data-look=dark] {{\ncolor-scheme: dark;\n{_text('palette-dark.css')}}}\n"
        f"{_text('film.css')}"
    )


def _text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")
