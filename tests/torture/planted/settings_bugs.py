"""Planted bugs that no kill can show: they are found by looking."""

from __future__ import annotations

import sqlite3

from cachedesk.stores.files import data_directory
from tests.torture.planted.plant import Plant


def normal_instead_of_full(plant: Plant) -> None:
    """SQLite syncs less than FULL: only a power cut shows it, or reading the pragma back."""

    class Lax(sqlite3.Connection):
        def execute(self, sql, *rest):
            return super().execute(sql.replace("synchronous=FULL", "synchronous=NORMAL"), *rest)

    connect = sqlite3.connect
    plant.setattr(
        sqlite3, "connect", lambda *words, **named: connect(*words, **{"factory": Lax, **named})
    )


def no_lock_on_the_directory(plant: Plant) -> None:
    """Two processes may open one data directory."""
    plant.setattr(data_directory.fcntl, "flock", lambda descriptor, how: None)


BY_INSPECTION = (normal_instead_of_full, no_lock_on_the_directory)

__all__ = ["BY_INSPECTION"]
