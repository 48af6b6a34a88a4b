"""The scene: the state of a running story, as one frozen value to display."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claim. ``says`` it in words, ``that`` as the condition; ``holds``: ``None``
    while it cannot be known. ``found``: the figures in it, as they were: ``lost = 0``."""

    says: str
    that: str
    holds: bool | None = None
    found: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a story is.

    ``step`` of ``steps`` of the act have been played; ``say`` is the narration of the last one (of
    the story, before the first), ``doing`` what it does, ``came`` what came of it. ``busy``: a step
    is being played. ``failed``: why the story cannot go on, empty while it can.
    """

    story: str
    title: str
    act: str
    act_number: int
    acts: int
    step: int
    steps: int
    say: str
    doing: str = ""
    came: str = ""
    busy: bool = False
    claims: tuple[Outcome, ...] = ()
    ended: bool = False
    failed: str = ""
