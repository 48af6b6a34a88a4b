"""The stories that come with cachedesk, in the recommended order."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path

from cachedesk.core.errors import ConfigError
from cachedesk.lab.stories.reading import parse, read
from cachedesk.lab.stories.script import Story

NAMES = (
    "most-requests-stop-here",
    "redis-will-lose-data",
    "two-ways-to-write",
    "the-gap",
    "so-we-add-a-queue",
    "the-worker-crashes",
    "one-more-problem",
    "read-repair",
    "old-snapshot",
    "not-all-data-is-equal",
    "database-goes-away",
    "poison",
    "stampede",
    "avalanche",
    "disk-full",
)


def story(name: str) -> Story:
    """Return the story called ``name``, or the one in the file of that name if it ends in
    ``.toml``.

    Raises:
        ConfigError: there is no such story; the message suggests the nearest.
        StoryError: the file cannot be read, or something in it is wrong.
    """
    if name.endswith(".toml"):
        return read(Path(name))
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else '"cachedesk story --list" names them'
        raise ConfigError(f"there is no story {name!r}; {hint} (a file's name ends in .toml)")
    return parse(text(name), f"{name}.toml", name)


def text(name: str) -> str:
    """Return the file of the story ``name``, one of ``NAMES``."""
    return (resources.files(__package__) / "toml" / f"{name}.toml").read_text("utf-8")
