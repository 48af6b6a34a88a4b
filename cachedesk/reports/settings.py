"""The settings of a stack as a table."""

from __future__ import annotations

from cachedesk.core.settings import Settings
from cachedesk.reports.document import Table
from cachedesk.reports.words import size, visible


def settings_table(settings: Settings) -> Table:
    """Return every setting of a stack, with its default if that differs."""
    usual = Settings()
    rows = []
    for section in ("redis", "log", "worker", "database"):
        table, default = getattr(settings, section), getattr(usual, section)
        for name in table.__struct_fields__:
            value, before = getattr(table, name), getattr(default, name)
            rows.append(
                (
                    f"{section}.{name}",
                    _setting(name, value),
                    "" if value == before else f"default {_setting(name, before)}",
                )
            )
    return Table(("setting", "value", ""), tuple(rows), frozenset(range(3)))


def _setting(name: str, value: object) -> str:
    if isinstance(value, int | float):
        return size(value) if name.endswith("_bytes") else f"{value:,.10g}"
    return visible(str(value))
