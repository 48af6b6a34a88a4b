"""The scene: the state of a running story, as a frozen value to display."""

from __future__ import annotations

from dataclasses import dataclass

from cachedesk.lab.stories.story_keys import KeyLine


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The result of a claim. ``says``: the claim in words; ``that``: the condition; ``holds``:
    ``None`` while it is not known. ``found``: the figures in it, with values: ``lost = 0``.
    ``evidence``: what the story shows for it, with figures: ``26 % → 72 %``; empty: ``found``."""

    says: str
    that: str
    holds: bool | None = None
    found: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """The position of a story.

    ``step`` of ``steps`` of the act have been played; ``say`` is the narration of the last one (of
    the story, before the first), ``doing`` its description, ``came`` its result. ``busy``: a step
    is being played. ``failed``: why the story cannot continue, empty while it can. ``replaying``:
    the step up to which the act is being replayed; 0: it is not. ``keys``: the keys that the act
    names. ``flipped``: the safeguard that is flipped and its state, ``log on``; empty if none is.
    ``finding``: what the flipped story has shown, at its end.
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
    replaying: int = 0
    keys: tuple[KeyLine, ...] = ()
    flipped: str = ""
    finding: str = ""
