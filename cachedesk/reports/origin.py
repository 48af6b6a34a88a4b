"""The origin of a report: the versions involved, and the command that reproduces it."""

from __future__ import annotations

import os
import platform
import shlex
import time
from collections.abc import Mapping, Sequence

from cachedesk import __version__
from cachedesk.reports.document import Origin
from cachedesk.stores.embedded.versions import engine_versions

_FILES = ("--report", "--record")


def origin(arguments: Sequence[str], seed: int | None) -> Origin:
    """Return the origin of a report of the command with these ``arguments``."""
    return Origin(
        made_at=time.time(),
        command=repeated(arguments, seed, os.environ),
        versions=versions(),
        seed=seed,
    )


def repeated(arguments: Sequence[str], seed: int | None, environment: Mapping[str, str]) -> str:
    """Return the command that reproduces a report: without the files that it created, which it
    would not overwrite, and with its seed, because a later version may have another default."""
    kept: list[str] = []
    is_file = False
    for argument in arguments:
        if not is_file and argument not in _FILES and not argument.startswith(_WITH_FILE):
            kept.append(argument)
        is_file = not is_file and argument in _FILES
    if seed is not None and not any(each.split("=")[0] == "--seed" for each in kept):
        kept += ["--seed", str(seed)]
    armed = environment.get("CACHEDESK_FAILPOINTS", "")
    before = f"CACHEDESK_FAILPOINTS={shlex.quote(armed)} " if armed else ""
    return before + shlex.join(["cachedesk", *kept])


def versions() -> dict[str, str]:
    """Return the versions of cachedesk, of its engines, and of the platform."""
    return {
        "cachedesk": __version__,
        "Python": platform.python_version(),
        **engine_versions(),
        "platform": f"{platform.platform()}, {os.cpu_count() or 1} CPUs",
    }


_WITH_FILE = tuple(f"{option}=" for option in _FILES)
