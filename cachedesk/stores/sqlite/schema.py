"""The schema of the database: created in a new file, checked in an existing one, and migrated in
place in one transaction.

sqlite-utils is imported only if there is a schema to create or to migrate: importing it takes a
third of the time that all other imports of a stack take.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from cachedesk.core.errors import Damaged

if TYPE_CHECKING:
    import sqlite_utils

APPLICATION_ID = 0x63646B31
SCHEMA_VERSION = 3

TABLES: dict[str, dict[str, type]] = {
    "rows": {"key": bytes, "value": bytes, "seq": int, "updated_at": float, "expires_at": float},
    "dead": {
        "seq": int,
        "op": str,
        "key": bytes,
        "arg": bytes,
        "reason": str,
        "at": float,
        "attempts": int,
        "expires_at": float,
    },
    "attempts": {"seq": int, "attempts": int},
    "meta": {"name": str, "number": int},
}
"""The columns of cachedesk's tables; the first of each is the primary key."""

ADDED_IN = {("dead", "attempts"): 2, ("rows", "expires_at"): 3, ("dead", "expires_at"): 3}
"""The version that added a column to a table; all others are as old as their table."""

_READABLE_VIEW = """
SELECT CAST(key AS TEXT) AS key, CAST(value AS TEXT) AS value, seq,
       strftime('%Y-%m-%d %H:%M:%S', updated_at, 'unixepoch') AS updated_utc,
       strftime('%Y-%m-%d %H:%M:%S', expires_at, 'unixepoch') AS expires_utc
FROM rows
WHERE value IS NOT NULL
  AND (expires_at IS NULL OR expires_at > (julianday('now') - 2440587.5) * 86400.0)
ORDER BY rows.key
"""
_EXPIRING = "CREATE INDEX expiring ON rows (expires_at) WHERE expires_at IS NOT NULL"


def check_owner(path: Path) -> None:
    """Refuse a file of another program before it is opened for writing, which would change it."""
    if not path.exists() or path.stat().st_size == 0:
        return
    # A reader cannot roll back a journal that a killed process left, so ignore it.
    look = "immutable=1" if path.with_name(f"{path.name}-journal").exists() else "mode=ro"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{look}", uri=True, timeout=0.5)
    try:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        connection.close()
    if tables and owner != APPLICATION_ID:
        raise Damaged(f"the database {path} was not made by cachedesk; choose another --data")


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the schema in a new file; check and migrate it in an existing one."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    import sqlite_utils

    database = sqlite_utils.Database(connection, execute_plugins=False)
    if version == 0 and not database.table_names():
        _create(database)
        return
    if version > SCHEMA_VERSION:
        raise Damaged(
            f"the database {path} is of version {version}, this cachedesk knows {SCHEMA_VERSION};"
            " upgrade cachedesk"
        )
    if version == 1:
        _migrate_1_to_2(database)
    _migrate_2_to_3(database)


def _migrate_1_to_2(database: sqlite_utils.Database) -> None:
    """Migrate to version 2, which counts how often an event was refused."""
    with database.atomic():
        database.execute("ALTER TABLE dead ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1")
        _create_table(database, "attempts", not_null={"attempts"})
        database.execute("PRAGMA user_version=2")


def _migrate_2_to_3(database: sqlite_utils.Database) -> None:
    """Migrate to version 3, in which a row may expire."""
    with database.atomic():
        database.execute("ALTER TABLE rows ADD COLUMN expires_at REAL")
        database.execute("ALTER TABLE dead ADD COLUMN expires_at REAL")
        database.execute(_EXPIRING)
        database.execute("DROP VIEW IF EXISTS readable")
        database.create_view("readable", _READABLE_VIEW)
        database.execute("PRAGMA user_version=3")


def _create(database: sqlite_utils.Database) -> None:
    with database.atomic():
        _create_table(database, "rows", not_null={"key", "seq", "updated_at"})
        _create_table(database, "dead", not_null={"op", "key", "reason", "at", "attempts"})
        _create_table(database, "attempts", not_null={"attempts"})
        _create_table(database, "meta", not_null={"number"})
        database.table("meta").insert_all(
            {"name": name, "number": 0}
            for name in ("newest_seq", "log_seq", "log_epoch", "live_rows")
        )
        database.execute("CREATE INDEX tombstones ON rows (seq) WHERE value IS NULL")
        database.execute(_EXPIRING)
        database.create_view("readable", _READABLE_VIEW)
        database.execute(f"PRAGMA application_id={APPLICATION_ID}")
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _create_table(database: sqlite_utils.Database, name: str, *, not_null: set[str]) -> None:
    columns = TABLES[name]
    database.table(name).create(columns, pk=next(iter(columns)), not_null=not_null, strict=True)
