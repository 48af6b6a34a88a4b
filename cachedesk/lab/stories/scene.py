"""The scene: the state of a running story, as a frozen value to display."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The result of a claim. ``says``: the claim in words; ``that``: the condition; ``holds``:
    ``None`` while it is not known. ``found``: the figures in it, with values: ``lost = 0``."""

    says: str
    that: str
    holds: bool | None = None
    found: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """The position of a story.

    ``step`` of ``steps`` of the act have been played; ``say`` is the narration of the last one (of
    the story, before the first), ``doing`` its description, ``came`` its result. ``busy``: a step
    is being played. ``failed``: why the story cannot continue, empty while it can.
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
    claims: tuple[ClaimResult, ...] = ()
    ended: bool = False
    failed: str = ""
