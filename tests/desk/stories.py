"""Stories that stand still, for pictures of the desk."""

from __future__ import annotations

from dataclasses import replace

from cachedesk.core.safeguards import Safeguards
from cachedesk.core.snapshot import Books, Health, Snapshot
from cachedesk.lab.stories.scene import ClaimResult, Scene
from cachedesk.lab.stories.story_keys import KeyLine

from . import scenes
from .piloting import RecordingControl

LOST = replace(scenes.UNBALANCED, unaccounted=(1, 2, 3), workload="story the-gap")
KEYS = (
    KeyLine(b"views:article:1", expected=b"4"),
    KeyLine(b"views:article:50", cached=b"4", pending=4, expected=b"4"),
    KeyLine(b"payment:1", cached_known=False, row=b"paid 1", expected=b"paid 1"),
)
STEP = Scene(
    story="the-gap",
    title="The gap",
    act="No log: dirty keys are remembered, and copied later",
    act_number=1,
    acts=2,
    step=5,
    steps=8,
    say='Now, between "Redis updated" and "database updated", Redis is killed. Nobody has been told'
    " yet that what was acknowledged a moment ago was nowhere else.",
    doing="inject redis.kill",
    came="Redis was killed (SIGKILL to pid 4242)",
    keys=KEYS,
)
BEFORE = replace(
    scenes.HEALTHY,
    workload="story the-gap",
    rate=None,
    safeguards=Safeguards(log=False),
    log=replace(scenes.HEALTHY.log, health=Health.DEGRADED, word="off", depth=200),
    books=Books(accepted=220, applied=20, pending=200, dead=0),
    hot=tuple(replace(key, unlogged=key.pending, pending=0) for key in scenes.HEALTHY.hot),
)
CLAIMS = (
    ClaimResult("Acknowledged views are lost", "lost > 0", True, "lost = 200", "200 views lost"),
    ClaimResult("No payment is lost", "lost_critical == 0", False, "lost_critical = 3"),
)
END = replace(STEP, act_number=2, step=8, ended=True, claims=CLAIMS)
FLIPPED = replace(
    END,
    acts=1,
    act_number=1,
    claims=tuple(replace(claim, holds=not claim.holds) for claim in CLAIMS),
    flipped="log on",
    finding="with log on, nothing is lost: 1 of 2 claims no longer holds",
)
FAILED = replace(STEP, ended=True, failed="act gap, step 6: redis_up did not come true within 60 s")


class Fixed(RecordingControl):
    """A story that stands still."""

    def __init__(self, scene: Scene, snapshot: Snapshot) -> None:
        super().__init__()
        self._scene, self._snapshot = scene, snapshot

    def scene(self) -> Scene:
        return self._scene

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def inspect(self, key):
        raise AssertionError(key)

    def advance(self) -> None:
        raise AssertionError("it has not been asked for")

    back = advance

    def stop(self) -> None:
        """Nothing is being played."""
