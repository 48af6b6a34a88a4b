"""Whether this user is here for the first time: a marker in the user's folder for such things."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path


def is_first_time(folder: Path | None = None) -> bool:
    """Return whether the desk was never opened before by this user, and remember that it was.

    A folder that cannot be written is no error: then the greeting is shown again. A user without
    a home directory has no such folder, and is not greeted.

    Args:
        folder: where to remember it; by default where the platform wants it.
    """
    if folder is None:
        try:
            folder = user_state_path("cachedesk", appauthor=False)
        except RuntimeError:
            return False
        if not folder.is_absolute():
            return False
    marker = folder / "greeted"
    with suppress(OSError):
        if marker.exists():
            return False
        folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
    return True
