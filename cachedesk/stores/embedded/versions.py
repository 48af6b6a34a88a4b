"""The versions of the engines that the embedded stores stand on."""

from __future__ import annotations

import re
import sqlite3
import subprocess

from cachedesk.stores.redis.server_process import executable

_REDIS = re.compile(r"v=(\S+)")
_ASK_SECONDS = 5.0


def engine_versions() -> dict[str, str]:
    """Return the version of each engine by its name; ``"unknown"`` for one that does not say."""
    return {"Redis": _redis_version(), "SQLite": sqlite3.sqlite_version}


def _redis_version() -> str:
    try:
        said = subprocess.run(
            [executable(), "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = _REDIS.search(said)
    return found[1] if found else "unknown"
