"""Whether this user is here for the first time: a marker in the user's folder for such things."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path


def is_first_time(folder: Path | None = None) -> bool:
    """Return whether the desk was never opened before by this user, and remember that it was.

    A folder that cannot be written is no error: then one is greeted again.

    Args:
        folder: where to remember it; by default where the platform wants it.
    """
    folder = user_state_path("cachedesk", appauthor=False) if folder is None else folder
    marker = folder / "greeted"
    with suppress(OSError):
        if marker.exists():
            return False
        folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
    return True
