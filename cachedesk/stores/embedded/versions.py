"""The versions of the engines behind the embedded stores."""

from __future__ import annotations

import re
import sqlite3
import subprocess

from cachedesk.stores.redis.server_process import executable

_REDIS = re.compile(r"v=(\S+)")
_ASK_SECONDS = 5.0


def engine_versions() -> dict[str, str]:
    """Return the version of each engine by name; ``"unknown"`` if it cannot be determined."""
    return {"Redis": _redis_version(), "SQLite": sqlite3.sqlite_version}


def _redis_version() -> str:
    try:
        answer = subprocess.run(
            [executable(), "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = _REDIS.search(answer)
    return found[1] if found else "unknown"
