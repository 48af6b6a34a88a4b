"""What the desk remembers of a user: the greeting, and the stories that were passed.

Both are files in the user's state folder. A folder that cannot be read or written is no error: the
desk then greets again, and lists every story as new.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

_MARKER, _PASSED = "greeted", "passed.json"
_MOST_BYTES = 100_000


def state_folder() -> Path | None:
    """Return the user's state folder; ``None`` for a user without a home directory."""
    try:
        folder = user_state_path("cachedesk", appauthor=False)
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None


def is_first_time(folder: Path | None = None) -> bool:
    """Return whether this user opens the desk for the first time, and record that it was opened.

    A user without a home directory has no state folder and is not greeted.

    Args:
        folder: where the marker is; by default the user's state folder.
    """
    folder = folder or state_folder()
    if folder is None:
        return False
    marker = folder / _MARKER
    with suppress(OSError):
        if marker.exists():
            return False
        folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
    return True


def passed(folder: Path | None = None) -> dict[str, str]:
    """Return the names of the tours and stories that were passed, each with its result."""
    folder = folder or state_folder()
    if folder is None:
        return {}
    with suppress(OSError, ValueError):
        with (folder / _PASSED).open("rb") as stream:
            found = json.loads(stream.read(_MOST_BYTES))
        if isinstance(found, dict):
            return {str(name): str(result) for name, result in found.items()}
    return {}


def note_passed(name: str, result: str, folder: Path | None = None) -> None:
    """Record that ``name`` was passed, with its ``result`` in a few words."""
    folder = folder or state_folder()
    if folder is None:
        return
    text = json.dumps(passed(folder) | {name: result}, indent=1)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{_PASSED}.new"
        new.write_text(text + "\n", encoding="utf-8")
        new.replace(folder / _PASSED)
